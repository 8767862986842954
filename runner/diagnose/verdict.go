package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/aurora"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// advise answers the two questions.
func advise(facts []*hostFacts, g *groupFacts, logs replica.Comparison, found []health.Finding) (v health.Verdict, reinitialize bool, advice string) {
	var behind, dark []string
	undecodable := ""
	for i, f := range facts {
		switch p := f.report; {
		case p == nil:
			dark = append(dark, f.name)
		case p.Aurora != nil && p.Aurora.Undecodable > 0:
			undecodable = f.name
		case p.State == replica.StateMissing || !p.State.Whole() && !node.OnlyTorn(p) || p.Status != "VOTING":
			is := p.Status
			if !p.State.Whole() {
				is = string(p.State)
			}
			behind = append(behind, fmt.Sprintf("%s (%s)", f.name, is))
		case logs.Missing[i] > lagging:
			behind = append(behind, fmt.Sprintf("%s (%d positions behind)", f.name, logs.Missing[i]))
		}
	}
	quorum := logs.Verdict == replica.VerdictHealthy || logs.Verdict == replica.VerdictLags
	trouble := slices.ContainsFunc(found, func(x health.Finding) bool { return x.Severity != health.Info && health.LogTrouble(x.ID) })
	reinitialize = undecodable != "" || !quorum || trouble || len(behind)+len(dark) > 0
	second := " A restore would not re-initialise the log: all replicas are whole."
	if reinitialize {
		second = " A restore would re-initialise the log on all hosts, after every folder is moved aside."
	}
	switch {
	case undecodable != "":
		return health.Restore, reinitialize, fmt.Sprintf("Restore: the log of %s holds an entry that no scheduler can replay; every leader ends at once, though a quorum may vote.", undecodable) + second
	case logs.Verdict == replica.VerdictUnknown:
		return health.CannotTell, reinitialize, fmt.Sprintf("Whether a quorum votes cannot be told: %d of %d replicas are known to, %d are needed, and the log of %s could not be read. Make it readable and ask again; a recovery would take the quorum for lost.", logs.Voting, len(facts), logs.Quorum, strings.Join(append(dark, behind...), " and ")) + second
	case !quorum:
		return health.Restore, reinitialize, fmt.Sprintf("Restore: no quorum of the log votes (%s; %d of %d whole and VOTING, %d needed).", logs.Verdict, logs.Voting, len(facts), logs.Quorum) + second
	}
	for _, x := range found {
		switch x.ID {
		case "flapping-log":
			return health.Restore, reinitialize, "Restore: leadership flaps because of the log." + second
		case "flapping-zookeeper", "flapping-registration", "flapping-start", "flapping":
			return health.MendCause, reinitialize, fmt.Sprintf("No restore: a quorum of the log is whole and votes. %s %s", x.Means, x.Do)
		}
	}
	if len(behind) > 0 {
		return health.CatchUp, reinitialize, fmt.Sprintf("No restore: a quorum of the log is whole and votes. Let %s catch up by itself%s: start the scheduler with an empty log folder (move a damaged one aside), do not initialise it alone, and watch its log for \"Starting catch-up from position\", then \"Replica is in VOTING status\".", strings.Join(behind, " and "), lasts(logs))
	}
	if len(dark) > 0 {
		return health.NotNeeded, reinitialize, fmt.Sprintf("No restore: a quorum of the log is whole and votes. The log of %s could not be read: nothing is known of it. Make the host answer, and ask again.", strings.Join(dark, " and "))
	}
	if g.leader == "" {
		return health.NotNeeded, reinitialize, "No restore: every replica of the log is whole, votes and agrees. Nobody leads for a cause outside the log: start the schedulers, or mend what the findings name."
	}
	return health.NotNeeded, reinitialize, fmt.Sprintf("No restore: every replica of the log is whole, votes and agrees, and %s leads. Should the state of a backup itself be wanted back, say why: `recover` takes --reason TEXT.", g.leader)
}

// lasts is how long a catch-up takes, at the recorded 300 positions a second.
func lasts(logs replica.Comparison) string {
	most := slices.Max(logs.Missing)
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(" (about %s for %d positions)", (time.Duration(most/300+1) * time.Second).String(), most)
}

// soon is when what ends by itself is worth a warning.
const soon = time.Hour

// judgeTimes judges what runs out by itself, and where the log lies.
func (dr *Doctor) judgeTimes(facts []*hostFacts, g *groupFacts, newest *backupFound, ask Ask) []health.Finding {
	var found []health.Finding
	registered := false
	for _, f := range facts {
		registered = registered || f.registered
	}
	now := dr.Now()
	for _, f := range facts {
		if f.lifecycle != aurora.Awaiting || f.look.Flags["mesos_master_address"] != dr.Cluster.FakeMaster {
			continue
		}
		wait, err := aurora.ParseAmount(cmp.Or(f.look.Flags["max_registration_delay"], "1mins"))
		leads, err2 := aurora.ParseAmount(cmp.Or(f.look.Flags["max_leading_duration"], "1days"))
		if err != nil || err2 != nil {
			found = append(found, health.Found("cannot-tell", f.name, "when its disabled state ends: -max_registration_delay=%q, -max_leading_duration=%q", f.look.Flags["max_registration_delay"], f.look.Flags["max_leading_duration"]))
			continue
		}
		since, known := dr.leadsSince(f, ask)
		ends := since.Add(min(wait, leads))
		left := ends.Sub(now)
		s := fmt.Sprintf("the disabled leader gives up %s, at %s (elected at %s)", until(left), ends.UTC().Format(time.RFC3339), since.UTC().Format(time.RFC3339))
		if !known {
			s = fmt.Sprintf("the disabled leader gives up in %s at the earliest, at %s (its process started at %s; when it was elected is not known)", check.Age(left), ends.UTC().Format(time.RFC3339), since.UTC().Format(time.RFC3339))
		}
		one := health.Found("disabled-state-ends", f.name, "%s", s)
		if left > soon {
			one = one.Note("there is time")
		}
		found = append(found, one)
	}
	// One that did not answer may be registered; that it is not known was said.
	if !registered && len(g.leaders) <= 1 && len(dr.muteOf(facts)) == 0 {
		found = append(found, dr.judgeFailover(facts, newest))
	}
	return append(found, judgeMounts(facts)...)
}

// leadsSince is when a leader was elected, by the open run that found it or by
// its log; else when its process started, which is not later.
func (dr *Doctor) leadsSince(f *hostFacts, ask Ask) (at time.Time, known bool) {
	if ask.Run != nil && ask.Run.Leader != nil {
		if was := ask.Run.Leader; was.Host == f.name && was.PID == f.look.Process.PID && was.Start == f.look.Process.Start {
			return was.ElectedAt, true
		}
	}
	if e := f.election(); !e.At.IsZero() {
		return e.At, true
	}
	return dr.Now().Add(-time.Duration(f.look.Uptime) * time.Second), false
}

// judgeFailover shows the countdown after which Mesos tears the framework down.
func (dr *Doctor) judgeFailover(facts []*hostFacts, newest *backupFound) health.Finding {
	text := ""
	for _, f := range facts {
		text = cmp.Or(text, f.look.Flags["framework_failover_timeout"])
	}
	timeout, err := aurora.ParseAmount(cmp.Or(text, "21days")) // Aurora's default.
	if err != nil {
		return health.Found("cannot-tell", dr.Cluster.Name, "-framework_failover_timeout: %v", err)
	}
	s := fmt.Sprintf("no scheduler is registered with Mesos; -framework_failover_timeout is %s", cmp.Or(text, "21days"))
	if newest != nil {
		// Only a leader writes backups, so it was registered then.
		end := newest.taken().Add(timeout)
		s += fmt.Sprintf("; the newest sign of a registered leader is the backup of %s, so Mesos tears the framework down at %s at the earliest (%s)",
			newest.Report.Timestamp, end.UTC().Format(time.RFC3339), until(end.Sub(dr.Now())))
	}
	return health.Found("failover-timeout", dr.Cluster.Name, "%s", s)
}

// judgeMounts compares where the logs lie: on the system's disk, or on one of
// their own. No configuration says it, but the hosts should agree.
func judgeMounts(facts []*hostFacts) []health.Finding {
	var own, system []string
	for _, f := range facts {
		if f.look.LogParent.Device == 0 || f.look.Config.Device == 0 {
			continue
		}
		device := f.look.LogParent.Device
		if f.look.Log.Device != 0 {
			device = f.look.Log.Device
		}
		if device == f.look.Config.Device {
			system = append(system, f.name)
		} else {
			own = append(own, f.name)
		}
	}
	var found []health.Finding
	if len(own) > 0 {
		for _, name := range system {
			found = append(found, health.Found("log-on-other-mount", name, "the log lies on the file system of the configuration file; on %s it has one of its own", strings.Join(own, ", ")))
		}
	}
	return found
}

// until says when something is that is d away: "in 30 min", "2 h ago".
func until(d time.Duration) string {
	if d < 0 {
		return check.Age(-d) + " ago"
	}
	return "in " + check.Age(d)
}
