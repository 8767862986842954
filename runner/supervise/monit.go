package supervise

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
)

// monit drives a process check. Off is "unmonitor". What monit does at boot stands
// in its control file, which is the site's: with "onreboot start", its default, it
// would start the scheduler again, so that is refused.
//
// The answers are those of monit(1) 5.16 to 5.34 (manpages.ubuntu.com, read 2026-12-01).
type monit struct{ Site }

func (m *monit) OffShows() []string  { return []string{"monit unmonitor " + m.Unit} }
func (m *monit) StopShows() []string { return []string{"monit stop " + m.Unit} }
func (m *monit) StartShows() []string {
	return []string{"monit start " + m.Unit, "monit unmonitor " + m.Unit}
}

func (m *monit) State(ctx context.Context) (State, error) {
	argv := []string{"monit", "status", m.Unit}
	out, err := m.look(ctx, "root", argv...)
	if err != nil {
		return State{}, err
	}
	return monitState(argv, out, m.Unit)
}

func monitState(argv []string, out runner.Output, unit string) (State, error) {
	text := string(out.Stdout)
	if out.Exit != 0 || strings.Count(text, "Process '") != 1 || !strings.Contains(text, "Process '"+unit+"'") {
		return State{}, unclear(argv, out)
	}
	v := map[string]string{}
	for line := range strings.Lines(text) {
		for _, key := range []string{"monitoring status", "on reboot", "status", "pid"} {
			if value, ok := strings.CutPrefix(line, "  "+key+" "); ok {
				v[key] = strings.TrimSpace(value)
				break
			}
		}
	}
	u := State{Words: v["status"]}
	u.PID, _ = strconv.Atoi(v["pid"]) // Where it is monitored and runs only.
	status, pending := strings.CutSuffix(v["status"], " pending")
	if pending {
		status, _, _ = strings.Cut(status, " - ")
	}
	switch status {
	case "Running", "OK":
		u.Running = true
	case "Does not exist", "Not monitored", "Execution failed", "Initializing":
		u.Running = pending
	default:
		return u, fmt.Errorf("monit: unknown status %q of %s", v["status"], unit)
	}
	switch v["monitoring status"] {
	case "Monitored", "Initializing", "Waiting":
		u.Restarts = true
	case "Not monitored":
	default:
		return u, fmt.Errorf("monit: unknown monitoring status %q of %s", v["monitoring status"], unit)
	}
	switch v["on reboot"] {
	case "laststate":
		u.Enabled = u.Restarts
	case "nostart":
	default:
		return u, fmt.Errorf("monit starts %s at boot, whatever it is told before (on reboot: %q): write `onreboot laststate` into its check in monit's control file (monit 5.21 or later), then type `monit reload`", unit, v["on reboot"])
	}
	return u, nil
}

func (m *monit) Off(ctx context.Context) error { return m.do(ctx, "unmonitor") }

func (m *monit) On(ctx context.Context, was State) error {
	if !was.Restarts {
		return nil
	}
	return m.do(ctx, "monitor")
}

func (m *monit) do(ctx context.Context, verb string) error {
	_, err := m.root(ctx, "monit", verb, m.Unit)
	return err
}

// Stop asks for it: monit acts in its own time, and nobody watches it from then on.
func (m *monit) Stop(ctx context.Context) error { return m.do(ctx, "stop") }

// Start starts it. monit watches what it starts: where it was not watched before,
// that ends when it is up.
func (m *monit) Start(ctx context.Context) error {
	was, err := m.State(ctx)
	if err != nil {
		return err
	}
	if err := m.do(ctx, "start"); err != nil || was.Restarts {
		return err
	}
	ctx, stop := context.WithTimeoutCause(ctx, time.Minute, errors.New("monit did not end its start within a minute"))
	defer stop()
	for {
		u, err := m.State(ctx)
		if err != nil {
			return err
		}
		if u.Restarts && !strings.HasSuffix(u.Words, "pending") {
			return m.do(ctx, "unmonitor")
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), m.do(context.WithoutCancel(ctx), "unmonitor"))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (m *monit) Grants(string) [][]string {
	return [][]string{{"monit", "(status|start|stop|monitor|unmonitor)", lit(m.Unit)}}
}

func (m *monit) Works() []string { return nil }
func (m *monit) Runs() []string  { return nil }
