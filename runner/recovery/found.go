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

// A node.Complain takes what would stop a recovery: a finding's ID, and the words.
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
