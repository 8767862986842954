package handlers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner"
)

// people is a directory that can change between two questions.
type people struct {
	asked func(user string) // Something happens while one asks.
	mu    sync.Mutex
	all   map[string]policy.Actor
	old   map[string]policy.Actor // What is known still, to look with.
	err   error
}

func (p *people) Person(_ context.Context, _, user string, purpose handlers.Purpose) (policy.Actor, error) {
	if p.asked != nil {
		p.asked(user)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.old[user]
	if ok && purpose == handlers.Looking {
		return a, nil
	}
	a, ok = p.all[user]
	if p.err != nil || !ok {
		return policy.Actor{}, errors.Join(p.err, errors.New("not known"))
	}
	return a, nil
}

func (p *people) set(a policy.Actor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[a.UserID] = a
}

// bench is a service with a toy recipe: prepare (undoable), commit, prove.
type bench struct {
	t       *testing.T
	s       *handlers.Service
	j       *runner.Memory
	who     *people
	mu      sync.Mutex
	on      bool         // What prepare does.
	ahead   atomic.Int64 // How far its clock is ahead, in nanoseconds.
	commits int
	settled chan string
	offered runner.Source // Instead of the backup.
	noOffer error
	holdUp  chan struct{} // Not nil: prepare waits for it.
}

func person(id string, groups ...string) policy.Actor {
	return policy.Actor{TeamID: "T1", UserID: id, Groups: groups}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, j: &runner.Memory{}, who: &people{all: map[string]policy.Actor{}}, settled: make(chan string, 100)}
	for _, a := range []policy.Actor{person("UANN", "S1"), person("UBOB", "S1"), person("UCAT", "S1", "S2"), person("UDAN", "S2"), person("UEVE")} {
		b.who.set(a)
	}
	guest := person("UGUS", "S1")
	guest.Guest = true
	b.who.set(guest)
	b.s = &handlers.Service{
		Engine: &runner.Engine{Journal: b.j, Now: b.now}, Directory: b.who, Now: b.now, Version: "test",
		Rules: policy.Rules{
			Teams: []string{"T1"}, Groups: map[string]string{"sre": "S1", "leads": "S2"},
			Access: []policy.Rule{
				{Name: "ops", Who: []string{"sre", "leads"}, Channels: []string{"C1"}, Clusters: []string{"*"}, May: []string{"operate", "approve"}},
				{Name: "all read", Who: []string{"*"}, Channels: []string{"C1"}, Clusters: []string{"*"}, May: []string{"read", "approve"}},
			},
			Gates: map[string]policy.GateRule{
				"start":  {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}}},
				"commit": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"leads"}}}},
			},
		},
		Clusters: []*handlers.Cluster{{
			Name: "dev", Hosts: []string{"s1"}, Default: "toy",
			CheckBackup: func(n string) error {
				if n != "good" {
					return errors.New("that is no backup name")
				}
				return nil
			},
			Recipes: map[string]func() (*runner.Recipe, error){"toy": func() (*runner.Recipe, error) { return b.recipe(), nil }},
		}},
	}
	if err := b.s.Start(); err != nil {
		t.Fatal(err)
	}
	b.s.Subscribe(func(e runner.Event) {
		if e.Kind == handlers.Settled {
			b.settled <- e.Run
		}
	})
	t.Cleanup(b.s.Stop)
	return b
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

func (b *bench) recipe() *runner.Recipe {
	on := func(*runner.State) []string { return []string{runner.Bot} }
	state := func(context.Context, *runner.Task) (runner.Answer, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return runner.Answer{Yes: b.on, Evidence: "looked"}, nil
	}
	set := func(v bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.on = v
	}
	return &runner.Recipe{
		ID: "toy", Phases: []runner.Phase{
			{ID: "prepare", Steps: []runner.Step{{
				ID: "prepare/on", Title: "on", Source: "toy", On: on, Verify: state,
				Do: func(ctx context.Context, _ *runner.Task) (any, error) {
					if b.holdUp != nil {
						select {
						case <-b.holdUp:
						case <-ctx.Done():
							return nil, context.Cause(ctx)
						}
					}
					set(true)
					return nil, nil
				},
				Undo: func(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
					set(false)
					return runner.Yes("off"), nil
				},
			}}},
			{ID: "restore", Steps: []runner.Step{
				{ID: "restore/compare", Title: "compare", Source: "toy", On: on, Check: func(context.Context, *runner.Task) (runner.Answer, error) { return runner.Yes("same"), nil }},
				{ID: "restore/commit", Title: "commit", Source: "toy", On: on, Once: true, OneWay: "gone", Do: func(_ context.Context, t *runner.Task) (any, error) {
					if err := t.Say(runner.Event{Kind: runner.CommitSent}); err != nil {
						return nil, err
					}
					b.mu.Lock()
					defer b.mu.Unlock()
					b.commits++
					return nil, nil
				}},
				{ID: "restore/prove", Title: "prove", Source: "toy", On: on, Check: func(_ context.Context, t *runner.Task) (runner.Answer, error) {
					return runner.Yes("proved"), t.Say(runner.Event{Kind: runner.CommitProved, Why: "seen"})
				}},
			}},
			{ID: "cleanup", Undoes: "prepare"},
		},
		Gates:      []runner.Gate{{ID: "start", Before: "prepare/on", Title: "Begin?"}, {ID: "commit", Before: "restore/commit", Title: "Commit?", Binds: func(s *runner.State) any { return []any{s.Dropped, s.Source} }}},
		Drop:       []string{"restore/compare", "restore/commit"},
		Salvage:    &runner.Choice{Gate: "commit", Steps: []string{"restore/compare", "restore/commit"}, Offers: func(*runner.State) (runner.Source, error) { return b.offered, b.noOffer }},
		UndoStarts: func(s *runner.State) bool { return s.Of("prepare/on", runner.Bot).Begun },
	}
}

// ask lets a person say something, waits until the engine rests, and returns the answer.
func (b *bench) ask(who, words string) handlers.Response { return b.askIn("C1", who, words) }

// askIn approves as a button does: of the gate and the digest that it is shown with.
func (b *bench) askIn(channel, who, words string) handlers.Response {
	b.t.Helper()
	if st := b.state(); strings.HasPrefix(words, "approve ") && !strings.Contains(words, "--digest") && st.Gate != "" {
		words += " --gate " + st.Gate + " --digest " + st.Gates[st.Gate].Digest
	}
	return b.typed(channel, who, words)
}

// typed has somebody type words, and waits until the engine rests.
func (b *bench) typed(channel, who, words string) handlers.Response {
	b.t.Helper()
	a, _ := b.who.Person(b.t.Context(), "T1", who, handlers.Looking)
	r := b.s.Handle(b.t.Context(), handlers.Request{Actor: a, Channel: channel, Words: strings.Fields(words), At: time.Now()})
	// What was told may be of the drive before; that the engine rests is what counts.
	for end := time.After(5 * time.Second); r.Run != "" && b.s.Busy(r.Run); {
		select {
		case <-b.settled:
		case <-time.After(time.Millisecond):
		case <-end:
			b.t.Fatalf("%s: the run does not come to rest", words)
		}
	}
	return r
}

func (b *bench) state() *runner.State {
	b.t.Helper()
	return runner.Fold(b.events())
}

// events are those of the newest run.
func (b *bench) events() []runner.Event {
	runs, _ := b.j.Runs()
	for _, run := range slices.Backward(runs) {
		if run != "audit" {
			events, _ := b.j.Events(run)
			return events
		}
	}
	return nil
}

// refusals are the words in the audit, of the run and of none.
func (b *bench) refusals() []string {
	var list []string
	runs, _ := b.j.Runs()
	for _, run := range runs {
		events, _ := b.j.Events(run)
		for _, e := range events {
			if e.Kind == runner.Refused {
				list = append(list, e.Why)
			}
		}
	}
	return list
}

const recoverDev = "recover dev good"

// toCommit plays up to the commit gate.
func (b *bench) toCommit() *runner.State {
	b.t.Helper()
	b.ask("UANN", recoverDev)
	b.ask("UBOB", "approve dev")
	st := b.state()
	if st.Gate != "commit" {
		b.t.Fatalf("gate %q, want commit (%s)", st.Gate, st.Why)
	}
	return st
}
