package handlers_test

import (
	"maps"
	"sync/atomic"
	"testing"

	"aurorabot/runner"
)

// What monitoring sees of runs follows them, and a closed one is not read again.
func TestStanding(t *testing.T) {
	b := newBench(t)
	want := func(when string, missing int, runs map[string]int) {
		t.Helper()
		got, err := b.s.Standing()
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got.Runs, runs) {
			t.Errorf("%s: runs %v, want %v", when, got.Runs, runs)
		}
		switch {
		case missing == 0 && len(got.Waiting) > 0, missing > 0 && len(got.Waiting) != 1:
			t.Errorf("%s: waiting %+v", when, got.Waiting)
		case missing > 0 && (got.Waiting[0].Missing != missing || got.Waiting[0].Cluster != "dev"):
			t.Errorf("%s: waiting %+v, want %d missing", when, got.Waiting, missing)
		}
	}
	want("before", 0, map[string]int{})
	b.ask("UANN", recoverDev)
	want("at the first gate", 1, map[string]int{"gated": 1})
	b.ask("UBOB", "approve dev")
	want("at the commit", 2, map[string]int{"gated": 1})
	b.ask("UEVE", "approve dev --typed dev") // A refusal: its journal is no run.
	b.ask("UBOB", "approve dev --typed dev")
	want("after one of two", 1, map[string]int{"gated": 1})
	b.ask("UDAN", "approve dev --typed dev")
	want("after", 0, map[string]int{"closed": 1})
	b.ask("UANN", recoverDev)
	want("the next one", 1, map[string]int{"closed": 1, "gated": 1})
}

// The gate of going on without a host has no rule of its own: it needs whom the
// commit gate needs.
func TestStandingAtTheGateWithout(t *testing.T) {
	b := three(t, map[string]bool{"s1": true, "s3": true})
	b.ask("UANN", "recover dev good --without s2 --reason burnt")
	for _, missing := range []int{2, 1} {
		got, err := b.s.Standing()
		if err != nil || len(got.Waiting) != 1 || got.Waiting[0].Missing != missing {
			t.Errorf("waiting %+v, %v; want %d missing", got.Waiting, err, missing)
		}
		b.ask("UBOB", "approve dev --typed dev")
	}
}

// counted counts how often a run is read.
type counted struct {
	*runner.Memory
	run   string
	reads atomic.Int64
}

func (c *counted) Events(run string) ([]runner.Event, error) {
	if run == c.run {
		c.reads.Add(1)
	}
	return c.Memory.Events(run)
}

// What is asked about a run, or about a cluster, does not read those of the past:
// a press must be answered within three seconds after years of recoveries too.
func TestClosedRunsAreReadOnce(t *testing.T) {
	b := newBench(t)
	past := b.ask("UANN", recoverDev).Run
	b.ask("UBOB", "deny dev --reason no") // Nothing was done, so that closes it.
	c := &counted{Memory: b.j, run: past}
	b.s.Engine.Journal = c
	b.ask("UANN", "status")
	before := c.reads.Load()
	now := b.ask("UANN", recoverDev).Run
	for _, words := range []string{"status", "approve dev", "status dev", "resume " + now, "abort " + now} {
		b.ask("UBOB", words)
	}
	if now == "" || now == past || before != 1 || c.reads.Load() != before {
		t.Errorf("run %q after %q, which was read %d times, then %d times more", now, past, before, c.reads.Load()-before)
	}
}
