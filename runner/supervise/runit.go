package supervise

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"aurorabot/runner"
)

// runit drives a service folder. Off is its file "down", for boot, and `sv once`,
// after which a running service goes on and is not started again.
type runit struct{ Site }

func (r *runit) folder() string { return path.Join(r.Dir, r.Unit) }
func (r *runit) down() string   { return path.Join(r.folder(), "down") }

func (r *runit) OffShows() []string {
	return []string{"touch " + r.down(), "sv once " + r.folder() + " (where it runs, else sv down)"}
}
func (r *runit) StopShows() []string  { return []string{"sv -w 60 down " + r.folder()} }
func (r *runit) StartShows() []string { return []string{"sv once " + r.folder()} }

// svStatus is the first part of what `sv status` says of a service; what follows
// a semicolon is its logger. Recorded in testdata/runit.txt.
var svStatus = regexp.MustCompile(`^(run|down|finish): [^:]+: (?:\(pid ([0-9]+)\) )?[0-9]+s((?:, (?:normally (?:up|down)|want (?:up|down)|paused|got TERM))*)$`)

func (r *runit) State(ctx context.Context) (State, error) {
	argv := []string{"sv", "status", r.folder()}
	out, err := r.look(ctx, "root", argv...)
	if err != nil {
		return State{}, err
	}
	return svState(argv, out)
}

func svState(argv []string, out runner.Output) (State, error) {
	first, _, _ := strings.Cut(strings.TrimSpace(string(out.Stdout)), ";")
	m := svStatus.FindStringSubmatch(first)
	if out.Exit != 0 || m == nil {
		return State{}, unclear(argv, out)
	}
	has := func(word string) bool { return strings.Contains(m[3], word) }
	u := State{Words: m[1] + m[3]}
	u.PID, _ = strconv.Atoi(m[2]) // Absent where it is down.
	switch {
	case m[1] == "down":
		// Only what is down says whether it is "normally up".
		u.Running, u.Enabled = has("want up"), has("normally up")
		u.Restarts = u.Enabled || u.Running
	default:
		u.Running, u.Enabled, u.Restarts = true, !has("normally down"), !has("want down")
		u.Stopping = has("got TERM")
	}
	return u, nil
}

func (r *runit) Off(ctx context.Context) error {
	if _, err := r.root(ctx, "touch", r.down()); err != nil {
		return err
	}
	u, err := r.State(ctx)
	if err != nil {
		return err
	}
	verb := "down"
	if u.Running {
		verb = "once"
	}
	_, err = r.root(ctx, "sv", verb, r.folder())
	return err
}

func (r *runit) On(ctx context.Context, was State) error {
	there, err := r.there(ctx, r.down())
	if err != nil {
		return err
	}
	if was.Enabled && there {
		if err := r.aside(ctx, r.down()); err != nil {
			return err
		}
	}
	u, err := r.State(ctx)
	if err == nil && u.Running && was.Restarts && !u.Restarts {
		_, err = r.root(ctx, "sv", "up", r.folder())
	}
	return err
}

func (r *runit) Stop(ctx context.Context) error {
	out, err := r.Host.Run(ctx, r.stop())
	if err == nil && out.Exit > 1 { // 1: not down within the time, which is asked for again.
		err = unclear(r.stop().Argv, out)
	}
	return err
}

func (r *runit) stop() runner.Command {
	return runner.Command{Argv: []string{"sv", "-w", "60", "down", r.folder()}, User: "root", Limit: stopLimit}
}

func (r *runit) Start(ctx context.Context) error {
	u, err := r.State(ctx)
	if err != nil {
		return err
	}
	verb := "once"
	if u.Enabled {
		verb = "up"
	}
	if _, err := r.root(ctx, "sv", verb, r.folder()); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

func (r *runit) Grants(kept string) [][]string {
	f := lit(r.folder())
	return [][]string{
		{"sv", "(status|once|up|down)", f},
		{"sv", "-w", "60", "down", f},
		{"touch", lit(r.down())},
		{"mv", "-T", "--", lit(r.down()), kept + "/down"},
	}
}

func (r *runit) Works() []string { return []string{r.down()} }
func (r *runit) Runs() []string  { return []string{path.Join(r.folder(), "run")} }
