package handlers

import (
	"slices"
	"strings"

	"aurorabot/policy"
	"aurorabot/runner/backup/check"
)

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
			s.mu.Lock()
			names = append(names, s.backups[cluster]...)
			s.mu.Unlock()
		}
	}
	return names
}

// clusterOf is the cluster of a run; "" if that is not known, or it is none.
func (s *Service) clusterOf(run string) string {
	if run == auditRun {
		return ""
	}
	if p, known := s.past.of(run); known {
		return p.cluster
	}
	st, err := s.state(run)
	if err != nil {
		return ""
	}
	return s.past.add(st).cluster
}

// saw remembers the names of the backups that a check saw.
func (s *Service) saw(r *check.Result) {
	var all []*check.Backup
	for i := range r.Hosts {
		for j := range r.Hosts[i].Backups {
			all = append(all, &r.Hosts[i].Backups[j])
		}
	}
	slices.SortStableFunc(all, func(a, b *check.Backup) int { return strings.Compare(b.Name, a.Name) })
	var names []string
	for _, b := range all {
		names = append(names, b.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backups == nil {
		s.backups = map[string][]string{}
	}
	s.backups[r.Cluster] = slices.Compact(names)
}
