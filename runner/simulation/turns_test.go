package simulation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing/synctest"
)

// turns bring everything that touches the world into one order, which the seed
// chooses. A turn is done by one goroutine, the hand, while all others wait: the
// world needs no locks, and goroutines that come at the same time don't race.
type turns struct {
	rng      *rand.Rand
	arrivals chan *turn
	over     chan struct{}
	before   func() // Called at each turn, before it: time has passed.
}

type turn struct {
	key  string // What is asked for: with it those who wait are sorted.
	do   func()
	done chan struct{}
}

func newTurns(rng *rand.Rand) *turns {
	return &turns{rng: rng, arrivals: make(chan *turn, 4096), over: make(chan struct{})}
}

// take waits for a turn, and has the hand do something in it.
func (t *turns) take(key string, do func()) {
	mine := &turn{key, do, make(chan struct{})}
	select {
	case <-t.over:
		return
	default:
	}
	select {
	case t.arrivals <- mine:
	case <-t.over:
		return
	}
	select {
	case <-mine.done:
	case <-t.over:
	}
}

// end lets everybody go who still waits, with nothing done.
func (t *turns) end() { close(t.over) }

// serve is the hand. While nobody waits for it, time goes on.
func (t *turns) serve() {
	var waiting []*turn
	for {
		if len(waiting) == 0 {
			select {
			case first := <-t.arrivals:
				waiting = append(waiting, first)
			case <-t.over:
				return
			}
		}
		synctest.Wait() // All others stand: whoever wants a turn now has asked for it.
		for more := true; more; {
			select {
			case next := <-t.arrivals:
				waiting = append(waiting, next)
			default:
				more = false
			}
		}
		slices.SortStableFunc(waiting, func(a, b *turn) int { return strings.Compare(a.key, b.key) })
		i := t.rng.IntN(len(waiting))
		chosen := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		t.before()
		chosen.do()
		close(chosen.done)
	}
}
