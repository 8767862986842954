package node

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/runnertest"
)

// A program that is missing is named; an answer that stops in the middle is none.
func TestEveryday(t *testing.T) {
	for _, tt := range []struct{ says, want string }{
		{"asked\n", ""},
		{"setsid\ntimeout\nasked\n", "not on the host, or not in the PATH of its login account: setsid, timeout."},
		{"setsid\n", "cannot be read"},
		{"", "cannot be read"},
	} {
		h := runnertest.NewHost(t, "s1")
		h.On(EverydayCommand, func(runner.Command) runner.Output { return runnertest.Out(tt.says) })
		err := everyday(t.Context(), &Node{Name: "s1", Host: h})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: %v, want %q", tt.says, err, tt.want)
		}
	}
}

// Where sudo refuses and is older than regular expressions in sudoers(5), that is the reason.
func TestOldSudo(t *testing.T) {
	for version, old := range map[string]bool{
		"Sudo version 1.8.31\nSudoers policy plugin version 1.8.31\n": true, "Sudo version 1.9.5p2\n": true, "Sudo version 1.9.9\n": true,
		"Sudo version 1.9.10\n": false, "Sudo version 1.9.13p3\n": false, "Sudo version 1.10.0\n": false, "Sudo version 2.0.0\n": false, "doas\n": false, "": false,
	} {
		h := runnertest.NewHost(t, "s1")
		h.On(EverydayCommand, func(runner.Command) runner.Output { return runnertest.Out("asked\n") })
		h.Handle(RootCommand, refuse)
		h.On([]string{"sudo", "-V"}, func(runner.Command) runner.Output { return runnertest.Out(version) })
		err := new(Look).AtAccess(t.Context(), &Node{Name: "s1", Host: h, Nodes: &Nodes{Cluster: &aurora.Cluster{Name: "dev"}}})
		if err == nil || !strings.Contains(err.Error(), "a password is required") || strings.Contains(err.Error(), "knows no regular expressions (1.9.10") != old {
			t.Errorf("%q: %v, old %v", version, err, old)
		}
	}
}

// refuse is a sudo that has no rule for the command.
func refuse(context.Context, runner.Command) (runner.Output, error) {
	return runner.Output{}, fmt.Errorf("%w: sudo to root: sudo: a password is required", runner.ErrNotStarted)
}
