package handlers

import "aurorabot/policy"

// What [Service.Names] knows the names of, as usages call it.
const (
	NamesOfClusters = "CLUSTER"
	NamesOfRuns     = "RUN"
	NamesOfBackups  = "BACKUP"
	NamesOfHosts    = "HOST"
)

// Names returns names that are known already, of what policy lets somebody read,
// for whoever completes a command: it asks no host, and leaves nothing in the
// audit. Backups are those that the last check of the cluster saw, newest first.
func (s *Service) Names(who policy.Actor, channel, kind, cluster string) []string {
	names := []string{}
	sees := func(cluster string) bool { return s.Rules.Allow(who, policy.Read, cluster, channel) == nil }
	if kind == NamesOfRuns {
		runs, err := s.Engine.Journal.Runs()
		if err != nil {
			return names
		}
		for _, run := range runs {
			if k := s.clusterOf(run); k != "" && sees(k) {
				names = append(names, run)
			}
		}
		return names
	}
	for _, k := range s.Clusters {
		switch {
		case !sees(k.Name):
		case kind == NamesOfClusters:
			names = append(names, k.Name)
		case kind == NamesOfHosts:
			names = append(names, k.Hosts...)
		case kind == NamesOfBackups && k.Name == cluster:
			names = append(names, s.seen(cluster)...)
		}
	}
	return names
}
