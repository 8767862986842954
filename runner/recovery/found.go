package recovery

import (
	"errors"
	"fmt"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// tell journals findings as events of their own: what a run stops for, and what
// people decide by, has a name that they can look up. An error is the journal's.
func tell(t *runner.Task, found ...health.Finding) error {
	for _, f := range found {
		if err := t.Say(runner.Event{Kind: runner.Found, Why: f.ID + ": " + f.Evidence, Data: asJSON(f)}); err != nil {
			return err
		}
	}
	return nil
}

// telling journals one finding that err is the evidence of, and returns err.
func telling(t *runner.Task, id string, err error) error {
	if jerr := tell(t, health.Found(id, t.On, "%v", err)); jerr != nil {
		return errors.Join(err, jerr)
	}
	return err
}

// noted is what pre-flight complains of: in its words, and as findings.
type noted struct {
	subject string // Whom it is about.
	wrong   []string
	found   []health.Finding
}

// A complainer takes what would stop a recovery: a finding's ID, and the words.
type complainer func(id, format string, args ...any)

// bad takes a complaint.
func (n *noted) bad(id, format string, args ...any) {
	n.wrong = append(n.wrong, fmt.Sprintf(format, args...))
	n.found = append(n.found, health.Found(id, n.subject, format, args...))
}

// also takes a finding that stops nothing.
func (n *noted) also(f health.Finding) {
	f.Blocks = ""
	n.found = append(n.found, f)
}

func (n *noted) words() string { return strings.Join(n.wrong, "\n") }

// factsOf are a run's looks at the hosts in the form that a diagnosis judges.
func (r *Recovery) factsOf(looks map[string]hostLook) []*hostFacts {
	facts := make([]*hostFacts, 0, len(looks))
	for _, name := range r.Cluster.Names() {
		l, ok := looks[name]
		if !ok {
			continue // It was left out.
		}
		facts = append(facts, &hostFacts{
			name: name, look: l, looked: true, lifecycle: l.Lifecycle, lines: l.Lines, scanned: l.Scanned, framework: loggedFramework(l.Lines),
		})
	}
	return facts
}

// flapping judges from what pre-flight saw, and from the logs' folders where
// reports are known, whether leadership changed again and again before the run,
// and why. Nil: it did not.
func (r *Recovery) flapping(facts []*hostFacts, c *clusterLook) *health.Finding {
	found := r.judgeChanges(facts, c.Registered != "", c.Joined, Ask{})
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// causeOutside reports whether a finding of flapping says that a restore does
// not help: RUNBOOK, "Is a restore needed?".
func causeOutside(f *health.Finding) bool {
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

// loggedFramework is the framework id that a scheduler logged, "" if it did not.
func loggedFramework(lines []health.Match) string {
	for _, m := range lines {
		if m.Finding == "framework-known" {
			return frameworkIn(m.Example)
		}
	}
	return ""
}
