package recovery

import (
	"context"
	"path"
	"sync"
	"time"

	"aurorabot/runner"
)

// A diagnosis has a helper of its own on the hosts, beside that of a recovery:
// it comes and goes at any time, also while a run begins or is open, and must
// take nothing away that a run counts on. Looks at one host at the same time
// share it; the last one takes it away.

// A seat counts the looks that use the helper of one host.
type seat struct {
	mu sync.Mutex
	n  int
}

var seats sync.Map // Of *seat, by host and path.

func seatOf(key string) *seat {
	s, _ := seats.LoadOrStore(key, &seat{})
	return s.(*seat)
}

// enter puts the helper on the host, unless it is there.
func (r *Recovery) enter(ctx context.Context, v *visit) error {
	f, err := r.helperOf(ctx, v.t)
	if err != nil {
		return err
	}
	f.Path += "-look"
	key := r.Cluster.Name + " " + v.t.On + " " + f.Path
	s := seatOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		if err := r.bring(ctx, v.t, f); err != nil {
			return err
		}
	}
	s.n++
	v.ready, v.seat, v.path = true, key, f.Path
	v.t.State.Apply(runner.Event{Kind: runner.StepDone, Step: stepHelper, Host: v.t.On, Facts: asJSON(f)})
	return nil
}

// bring uploads the helper where it is not there with its hash: a bot that died
// in the middle of a look has left it.
func (r *Recovery) bring(ctx context.Context, t *runner.Task, f helperFacts) error {
	if there, err := r.hashed(ctx, t, f); there || err != nil {
		return err
	}
	open, _, err := r.Helper(f.Arch)
	if err != nil {
		return err
	}
	if _, err := run(ctx, t, "root", "install", "-d", "-m", "0755", r.scheduler(t).RunDir, path.Dir(f.Path)); err != nil {
		return err
	}
	return t.Host.Put(ctx, runner.File{Path: f.Path, Source: open, Mode: 0o755, User: "root", SHA256: f.SHA256})
}

// leave takes the helper away again.
func (r *Recovery) leave(ctx context.Context, v *visit) {
	if v.seat == "" {
		return
	}
	s := seatOf(v.seat)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n--; s.n > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// That it stays is no harm: the next look finds it by its hash and uses it.
	_, _ = run(ctx, v.t, "root", "rm", "-f", "--", v.path)
}
