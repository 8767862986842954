package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 500, "how many seeds to play")
	one   = flag.Uint64("seed", 0, "play this seed only, and tell its story")
	first = flag.Uint64("first", 1, "the first of the seeds")
)

// scratch is a folder in memory where there is one: the bot syncs its files.
func scratch(t *testing.T) string {
	t.Helper()
	if dir, err := os.MkdirTemp("/dev/shm", "simulation"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

// Whatever goes wrong, no rule of the runbook is broken, and every run ends.
func TestSimulation(t *testing.T) {
	root := scratch(t)
	if *one > 0 {
		r := simulate(t, *one, root, false)
		t.Logf("seed %d: %s, %d events, faults %v\n%s", *one, r.outcome, r.events, r.faults, strings.Join(r.story, "\n"))
		for _, b := range r.broken {
			t.Errorf("seed %d: %s", *one, b)
		}
		return
	}
	var (
		next     atomic.Uint64
		failed   atomic.Int64
		mu       sync.Mutex
		outcomes = map[string]int{}
		events   int
		begun    = time.Now()
	)
	next.Store(*first)
	// On a machine that is busy with other things the rest is left out, and said.
	last := time.Now().Add(24 * time.Hour)
	if d, ok := t.Deadline(); ok {
		last = begun.Add(d.Sub(begun) / 2)
	}
	t.Run("seeds", func(t *testing.T) {
		for worker := range max(2, runtime.GOMAXPROCS(0)) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for {
					seed := next.Add(1) - 1
					if seed >= *first+uint64(*seeds) || failed.Load() >= 5 || time.Now().After(last) {
						next.Add(^uint64(0))
						return
					}
					r := simulate(t, seed, root, true)
					mu.Lock()
					outcomes[r.outcome]++
					events += r.events
					mu.Unlock()
					if len(r.broken) > 0 {
						failed.Add(1)
						report(t, seed, root, r)
					}
				}
			})
		}
	})
	played := next.Load() - *first
	if left := uint64(*seeds) - played; left > 0 && failed.Load() == 0 {
		if toldHowMany() {
			t.Errorf("%d of %d seeds were not played: half of the test's time was used up. Give it all the time it wants with -timeout 0", left, *seeds)
		}
		fmt.Printf("SIMULATION: SKIPPED %d of %d seeds: half of the test's time was used up\n", left, *seeds)
	}
	fmt.Printf("SIMULATION: %d seeds in %s, %d events; outcomes: %s\n", played, time.Since(begun).Round(time.Millisecond), events, counted(outcomes))
}

// toldHowMany reports whether somebody said how many seeds to play: then all are.
func toldHowMany() (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == "seeds" })
	return yes
}

// report plays a failed seed again, to tell its story.
func report(t *testing.T, seed uint64, root string, was result) {
	t.Helper()
	r := simulate(t, seed, root, false)
	if strings.Join(r.broken, "\n") != strings.Join(was.broken, "\n") {
		t.Errorf("seed %d: played twice it is not the same: %q, then %q", seed, was.broken, r.broken)
	}
	lines := r.story
	if len(lines) > 150 {
		lines = append([]string{fmt.Sprintf("… %d lines before; -seed %d tells all", len(lines)-150, seed)}, lines[len(lines)-150:]...)
	}
	t.Errorf("seed %d: %s\n%s\nplay it again: go test -run TestSimulation ./runner/simulation -seed %d", seed, strings.Join(r.broken, "\n"), strings.Join(lines, "\n"), seed)
}

func counted(m map[string]int) string {
	var parts []string
	for k, n := range m {
		parts = append(parts, fmt.Sprintf("%s %d", k, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
