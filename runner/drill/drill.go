// Package drill rehearses the recovery of a cluster's newest backup: it copies
// that from its host and gives it to the rehearsal lab, a program of its own that
// starts a whole cluster, plays everybody, and says in the end whether that
// cluster runs on the backup. Of the live cluster one file is read.
package drill

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"aurorabot/runner"
)

// A Lab is the program to rehearse with.
type Lab struct {
	Program string // The lab's.
	Bot     string // The bot that is rehearsed: this very program.
	Temp    string // An existing folder for what it makes; empty: the system's.
}

// Longest says how long a rehearsal may take, and how long the lab is given to
// take everything down after that.
const (
	Longest  = 4 * time.Minute
	takeDown = 30 * time.Second
)

// A Result is what a rehearsal proved.
type Result struct {
	Proved bool    `json:"proved"`    // The cluster of the lab runs on the backup, and everything else is as it was.
	Why    string  `json:"why"`       // Why it is not proved; "" if it is.
	Step   string  `json:"step"`      // Where the recovery stopped, if it had begun.
	Proof  string  `json:"proof"`     // How the commit was proved.
	People int     `json:"approvals"` // That were given.
	Phases []Phase `json:"phases"`    // In order.
}

// A Phase is one phase of the rehearsed recovery.
type Phase struct {
	ID      string  `json:"phase"`
	Steps   int     `json:"steps"` // That were done, counted on every host.
	Took    float64 `json:"took_seconds"`
	Skipped bool    `json:"skipped"`
	Done    bool    `json:"done"`
}

// Play rehearses with the backup in file. An error means that nothing was
// found out: there is no such program, or ctx ended.
//
// The lab gets no environment but PATH, HOME and TMPDIR: the bot's tokens are
// not its business.
func (l Lab) Play(ctx context.Context, file string, env func(string) string) (Result, error) {
	if _, err := os.Stat(l.Program); err != nil {
		return Result{}, fmt.Errorf("the rehearsal lab: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, Longest+takeDown, fmt.Errorf("the rehearsal lab did not end within %s", Longest+takeDown))
	defer cancel()
	cmd := exec.CommandContext(ctx, l.Program, "--auto", "--json", "--bot", l.Bot, "--backup", file, "--reinitialize", "always", "--limit", Longest.String())
	cmd.Env = []string{"PATH=" + env("PATH"), "HOME=" + env("HOME")}
	if l.Temp != "" {
		cmd.Env = append(cmd.Env, "TMPDIR="+l.Temp)
	}
	// In a group of its own, a Ctrl-C in the terminal comes by us alone; asked
	// to end it takes its cluster down first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = takeDown
	stderr := &end{most: 4 << 10}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Result{}, fmt.Errorf("the rehearsal lab: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return Result{}, fmt.Errorf("the rehearsal lab: %w", err)
	}
	events, bad := read(stdout)
	err = cmd.Wait()
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("the rehearsal lab: %w", context.Cause(ctx))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("the rehearsal lab: %w", err)
	}
	return judge(events, cmd.ProcessState.ExitCode(), bad, stderr.String()), nil
}

// read reads events, a JSON line each. What is no event is an error, and ends it.
func read(r io.Reader) ([]runner.Event, error) {
	var events []runner.Event
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	var bad error
	for lines.Scan() {
		var e runner.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil && bad == nil {
			bad = fmt.Errorf("a line of the lab is no event: %w", err)
		} else if err == nil {
			events = append(events, e)
		}
	}
	return events, errors.Join(bad, lines.Err())
}

// judge says what a rehearsal proved. Everything must say so: the lab, which
// looked at the cluster from outside, the proof of the commit, and the end of
// the run.
func judge(events []runner.Event, exit int, bad error, said string) Result {
	s := runner.Fold(events)
	r := Result{Phases: phases(events)}
	for _, e := range events {
		switch e.Kind {
		case runner.CommitProved:
			r.Proof = e.Why
		case runner.GateApproved:
			r.People++
		}
	}
	switch {
	case len(events) == 0:
		r.Why = fmt.Sprintf("the lab could not begin a recovery with it (exit status %d): %s", exit, orNothing(said))
	case s.Status == runner.Stopped:
		r.Why, r.Step = s.Why, s.Stop.Step
	case s.Status != runner.Closed:
		r.Why, r.Step = fmt.Sprintf("the run is left %s: %s", s.Status, orNothing(said)), s.Step
	case s.Outcome != "recovered":
		r.Why = fmt.Sprintf("the run ended as %q: %s", s.Outcome, orNothing(said))
	case s.Commit.Outcome != runner.Committed:
		r.Why = "the commit was not proved"
	case exit != 0:
		r.Why = fmt.Sprintf("the run says that it recovered, and the lab that it did not (exit status %d): %s", exit, orNothing(said))
	case bad != nil:
		r.Why = bad.Error()
	default:
		r.Proved = true
	}
	return r
}

func phases(events []runner.Event) []Phase {
	list := []Phase{}
	var began time.Time
	find := func(id string) *Phase {
		for i := range list {
			if list[i].ID == id {
				return &list[i]
			}
		}
		list = append(list, Phase{ID: id})
		return &list[len(list)-1]
	}
	for _, e := range events {
		switch e.Kind {
		case runner.PhaseStarted:
			find(e.Phase)
			began = e.At
		case runner.PhaseSkipped:
			find(e.Phase).Skipped = true
		case runner.PhaseDone:
			p := find(e.Phase)
			p.Done, p.Took = true, e.At.Sub(began).Seconds()
		case runner.StepDone, runner.UndoDone:
			if e.Phase != "" {
				find(e.Phase).Steps++
			}
		}
	}
	return list
}

func orNothing(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "it said nothing"
	}
	return s
}

// An end keeps the end of what is written to it.
type end struct {
	most int
	kept []byte
}

func (e *end) Write(p []byte) (int, error) {
	e.kept = append(e.kept, p...)
	if over := len(e.kept) - e.most; over > 0 {
		e.kept = bytes.Clone(e.kept[over:])
	}
	return len(p), nil
}

func (e *end) String() string { return strings.ToValidUTF8(string(e.kept), "") }
