package diagnose

import (
	"time"

	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// factsOf are looks at the hosts in the form that a diagnosis judges.
func (dr *Doctor) factsOf(looks map[string]node.Look) []*hostFacts {
	facts := make([]*hostFacts, 0, len(looks))
	for _, name := range dr.Cluster.Names() {
		l, ok := looks[name]
		if !ok {
			continue // It was left out.
		}
		facts = append(facts, &hostFacts{
			name: name, look: l, looked: true, lifecycle: l.Lifecycle, lines: l.Lines, scanned: l.Scanned, framework: health.Framework(l.Lines),
		})
	}
	return facts
}

// flapping judges from what pre-flight saw, and from the logs' folders where
// reports are known, whether leadership changed again and again before the run,
// and why. Nil: it did not.
func (dr *Doctor) flapping(facts []*hostFacts, registered string, joined int) *health.Finding {
	found := dr.judgeChanges(facts, registered != "", joined, Ask{})
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// CauseOutside reports whether a finding of flapping says that a restore does
// not help: RUNBOOK, "Is a restore needed?".
func CauseOutside(f *health.Finding) bool {
	return f != nil && (f.ID == "flapping-zookeeper" || f.ID == "flapping-registration" || f.ID == "flapping-start" || f.ID == "flapping")
}

// replayed reports whether some leader of the last hour replayed the log and
// knew its framework id: a quorum voted then.
func replayed(facts []*hostFacts) bool {
	for _, f := range facts {
		if f.count("framework-known") > 0 {
			return true
		}
	}
	return false
}

// Before is what the lines of the last hour tell of the time before a run.
type Before struct {
	From     time.Time        // From when on they count. Zero: all of them do.
	Ending   []health.Finding // Schedulers that end again and again.
	Flaps    *health.Finding  // Leadership changed again and again. Nil: it did not.
	Replayed bool             // Some leader of the last hour replayed the log.
}

// Before judges looks; registered names the leader, "" if there is none, and joined
// is how many candidates came and went, per hour.
func (dr *Doctor) Before(looks map[string]node.Look, registered string, joined int) Before {
	facts := dr.factsOf(looks)
	p := dr.pastOf(facts, registered)
	since(facts, p)
	b := Before{From: p.from, Flaps: dr.flapping(facts, registered, joined), Replayed: replayed(facts)}
	for _, f := range facts {
		if n := f.crashes(); n > 1 {
			b.Ending = append(b.Ending, health.Found("scheduler-keeps-ending", f.name, "%d starts that ended at once within the last hour; the supervisor says %s", n, f.look.Unit.Words))
		}
	}
	return b
}

// Removed are the findings that Mesos refuses the framework, by what counts of the
// lines: then a restore does not help.
func (dr *Doctor) Removed(looks map[string]node.Look, b Before) (found []health.Finding) {
	facts := dr.factsOf(looks)
	since(facts, past{from: b.From})
	for _, f := range facts {
		for _, m := range f.lines {
			if m.Finding == "framework-removed" && f.counted(m) > 0 {
				found = append(found, health.Found(m.Finding, f.name, "%s", m.Example))
			}
		}
	}
	return found
}

// Stopped judges the logs of stopped schedulers, and by them once more what the
// lines from then on tell of the time before.
func (dr *Doctor) Stopped(looks map[string]node.Look, reports map[string]replica.Report, c replica.Comparison, from time.Time, registered string, joined int) (found []health.Finding, flaps *health.Finding) {
	facts, p := dr.factsOf(looks), past{from: from}
	if dr.Acts != nil {
		p.acts = dr.Acts()
	}
	since(facts, p)
	for _, f := range facts {
		report := reports[f.name]
		f.report, f.look.Running = &report, false // When its log was read.
	}
	found = dr.judgeLogs(facts, c)
	if flaps = dr.flapping(facts, registered, joined); flaps != nil {
		found = append(found, *flaps)
	}
	return found, flaps
}

// Lingers reports whether a process that runs, and that nobody listens for, is one
// whose application ended.
func Lingers(l *node.Look, now time.Time) bool {
	f := hostFacts{look: *l, lines: l.Lines, closed: true}
	return f.lingers(now)
}
