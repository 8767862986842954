package handlers_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner"
)

// A slowJournal takes a second for the first look at it after a gate opened:
// that of the engine, which has said it and is on its way out.
type slowJournal struct {
	*runner.Memory
	slow atomic.Bool
}

func (j *slowJournal) Append(e runner.Event) (runner.Event, error) {
	if e.Kind == runner.GateOpened {
		j.slow.Store(true)
	}
	return j.Memory.Append(e)
}

func (j *slowJournal) Events(run string) ([]runner.Event, error) {
	if j.slow.CompareAndSwap(true, false) {
		time.Sleep(time.Second)
	}
	return j.Memory.Events(run)
}

// Whoever decides in the moment in which a gate opens is heard: the decision
// must not stand in the journal with nobody at work on the run.
func TestDecidingWhileTheEngineGoesOut(t *testing.T) {
	for _, words := range []string{"approve dev --gate start", "deny dev"} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.s.Engine.Journal = &slowJournal{Memory: b.j}
				say := func(who, words string) handlers.Response {
					a, _ := b.who.Person(t.Context(), "T1", who, handlers.Looking)
					return b.s.Handle(t.Context(), handlers.Request{Actor: a, Channel: "C1", Words: strings.Fields(words), At: time.Now()})
				}
				say("UANN", recoverDev)
				synctest.Wait() // The gate is open, and the engine looks at the journal a last time.
				if run := b.state().Run; !b.s.Busy(run) {
					t.Fatal("the engine is at rest already: this tests nothing")
				}
				if r := say("UBOB", words); r.Exit != handlers.ExitDone {
					t.Errorf("exit %d: %+v", r.Exit, r.Message)
				}
				time.Sleep(time.Minute)
				if st := b.state(); st.Status == runner.Open || st.Gate == "start" {
					t.Errorf("the run is %s at gate %q, and nobody works on it", st.Status, st.Gate)
				}
			})
		})
	}
}
