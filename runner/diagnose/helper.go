package diagnose

import (
	"context"
	"sync"
	"time"
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

// enter puts the helper on the host where it is not there with its hash: a bot
// that died in the middle of a look has left it.
func (v *visit) enter(ctx context.Context) error {
	f, err := v.Program(ctx)
	if err != nil {
		return err
	}
	f.Path += "-look"
	key := v.Cluster.Name + " " + v.Name + " " + f.Path
	s := seatOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		there, err := v.Has(ctx, f)
		if err == nil && !there {
			err = v.Upload(ctx, f)
		}
		if err != nil {
			return err
		}
	}
	s.n++
	v.seat, v.Tool = key, f
	return nil
}

// leave takes the helper away again.
func (v *visit) leave(ctx context.Context) {
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
	_ = v.Remove(ctx, v.Tool)
}
