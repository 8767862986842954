package handlers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner"
)

// people is a directory that can change between two questions.
type people struct {
	mu  sync.Mutex
	all map[string]policy.Actor
	err error
}

func (p *people) Person(_ context.Context, _, user string) (policy.Actor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.all[user]
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
	on      bool // What prepare does.
	commits int
	settled chan string
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
		Engine: &runner.Engine{Journal: b.j, Now: time.Now}, Directory: b.who, Now: time.Now, Version: "test",
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
	b.s.Start()
	b.s.Subscribe(func(e runner.Event) {
		if e.Kind == handlers.Settled {
			b.settled <- e.Run
		}
	})
	t.Cleanup(b.s.Stop)
	return b
}

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
		Gates: []runner.Gate{{ID: "start", Before: "prepare/on", Title: "Begin?"}, {ID: "commit", Before: "restore/commit", Title: "Commit?", Binds: func(s *runner.State) any { return s.Dropped }}},
		Drop:  []string{"restore/compare", "restore/commit"},
	}
}

// ask lets a person say something, waits until the engine rests, and returns the answer.
func (b *bench) ask(who, words string) handlers.Response { return b.askIn("C1", who, words) }

func (b *bench) askIn(channel, who, words string) handlers.Response {
	b.t.Helper()
	a, _ := b.who.Person(b.t.Context(), "T1", who)
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
	runs, _ := b.j.Runs()
	for _, run := range slices.Backward(runs) {
		if run != "audit" {
			events, _ := b.j.Events(run)
			return runner.Fold(events)
		}
	}
	return &runner.State{}
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

// The ordinary way: one person starts, two commit, none of them the requester.
func TestOrdinaryWay(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	if r := b.ask("UBOB", "approve dev --typed dev"); r.Exit != handlers.ExitWaiting || b.commits != 0 {
		t.Fatalf("after one of two: exit %d, %d commits", r.Exit, b.commits)
	}
	b.ask("UDAN", "approve dev --typed dev")
	st := b.state()
	if st.Outcome != "recovered" || b.commits != 1 || b.on {
		t.Errorf("outcome %q, %d commits, on %v (%s)", st.Outcome, b.commits, b.on, st.Why)
	}
	// Who reads it later is told what each was counted for.
	var counted []string
	events, _ := b.j.Events(st.Run)
	for _, e := range events {
		if e.Kind == runner.GateApproved {
			counted = append(counted, e.Gate+" "+e.Who+" "+e.Why)
		}
	}
	if want := []string{"start T1/UBOB 1 of sre", "commit T1/UBOB 1 of sre", "commit T1/UDAN 1 of leads"}; !slices.Equal(counted, want) {
		t.Errorf("counted %q, want %q", counted, want)
	}
	if r := b.refusals(); len(r) > 0 {
		t.Errorf("refusals %v in the ordinary way", r)
	}
}

// Each way round the policy is refused, stands in the audit, and sends nothing.
func TestCheats(t *testing.T) {
	for kind, cheat := range map[string]func(*bench){
		"self-approve": func(b *bench) { b.toCommit(); b.ask("UANN", "approve dev --typed dev") },
		"same-person-twice": func(b *bench) {
			b.toCommit()
			b.ask("UBOB", "approve dev --typed dev")
			b.ask("UBOB", "approve dev --typed dev")
		},
		"stale-digest": func(b *bench) {
			b.toCommit()
			b.ask("UBOB", "approve dev --typed dev --gate commit --digest 0123456789ab")
		},
		"guest":         func(b *bench) { b.toCommit(); b.ask("UGUS", "approve dev --typed dev") },
		"wrong-channel": func(b *bench) { b.askIn("C2", "UANN", recoverDev) },
		"factor":        func(b *bench) { b.toCommit(); b.ask("UEVE", "approve dev --typed dev") },
		"access":        func(b *bench) { b.ask("UEVE", recoverDev) },
		"one-person-in-both-groups": func(b *bench) {
			b.toCommit()
			b.ask("UCAT", "approve dev --typed dev")
			b.ask("UCAT", "approve dev --typed dev")
		},
		"approver-removed-after-approval": func(b *bench) {
			b.toCommit()
			b.ask("UDAN", "approve dev --typed dev")
			b.who.set(person("UDAN"))
			b.ask("UBOB", "approve dev --typed dev")
		},
		"identity": func(b *bench) { // Slack can't be asked: that is no yes.
			b.toCommit()
			a, _ := b.who.Person(context.Background(), "", "UBOB")
			b.who.err = errors.New("users.info: timeout")
			b.s.Handle(context.Background(), handlers.Request{Actor: a, Channel: "C1", Words: []string{"approve", "dev", "--typed", "dev"}, At: time.Now()})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			cheat(b)
			if !slices.Contains(b.refusals(), kind) {
				t.Errorf("refusals %v, want %s", b.refusals(), kind)
			}
			if b.commits != 0 || b.state().Status == runner.Closed {
				t.Errorf("%d commits, status %s", b.commits, b.state().Status)
			}
		})
	}
}

// Whoever approved too long ago to count may approve again: else the gate would
// wait for somebody else for good.
func TestExpiredApprovalIsGivenAnew(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	b.ask("UBOB", "approve dev --typed dev")
	later := func() time.Time { return time.Now().Add(31 * time.Minute) }
	b.s.Now, b.s.Engine.Now = later, later
	if r := b.ask("UBOB", "approve dev --typed dev"); r.Exit != handlers.ExitWaiting {
		t.Errorf("exit %d after an approval that expired is given anew, want %d: %v", r.Exit, handlers.ExitWaiting, r.Message)
	}
	b.ask("UDAN", "approve dev --typed dev")
	if st := b.state(); st.Outcome != "recovered" || b.commits != 1 {
		t.Errorf("outcome %q, %d commits (%s)", st.Outcome, b.commits, st.Why)
	}
}

// The commit wants the cluster's name typed.
func TestTypedName(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	for _, words := range []string{"approve dev", "approve dev --typed devel"} {
		if r := b.ask("UBOB", words); r.Exit != handlers.ExitUsage || len(b.state().Gates["commit"].Approvals) != 0 {
			t.Errorf("%s: exit %d, %v", words, r.Exit, b.state().Gates["commit"])
		}
	}
}

// One deny stops; at the start the run is over, at the commit a person chooses.
func TestDeny(t *testing.T) {
	b := newBench(t)
	b.ask("UANN", recoverDev)
	b.ask("UEVE", "deny dev --reason no")
	if st := b.state(); st.Status != runner.Closed || b.on {
		t.Errorf("status %s (%s), on %v", st.Status, st.Why, b.on)
	}
	b = newBench(t)
	b.toCommit()
	b.ask("UDAN", "deny dev --reason wait")
	if st := b.state(); st.Status != runner.Stopped || b.commits != 0 {
		t.Fatalf("status %s, %d commits", st.Status, b.commits)
	}
	b.ask("UANN", "undo dev")
	if st := b.state(); st.Outcome != "undone" || b.on {
		t.Errorf("outcome %q, on %v", st.Outcome, b.on)
	}
}

// Dropping tasks voids approvals: what they were for has changed.
func TestDropVoidsApprovals(t *testing.T) {
	b := newBench(t)
	st := b.toCommit()
	before := st.Gates["commit"].Digest
	b.ask("UBOB", "approve dev --typed dev")
	b.ask("UANN", "drop dev task-1 task-2")
	st = b.state()
	if g := st.Gates["commit"]; st.Gate != "commit" || len(g.Approvals) != 0 || g.Digest == before || !slices.Equal(st.Dropped, []string{"task-1", "task-2"}) {
		t.Errorf("gate %+v, dropped %v", g, st.Dropped)
	}
}

// A drop of what is not there, or of all that is, changes nothing: a commit of
// nothing would have every task killed.
func TestDropLeavesSomething(t *testing.T) {
	b := newBench(t)
	b.s.Clusters[0].Tasks = func(*runner.State) ([]string, error) {
		return []string{"task-1\tRUNNING\ta1", "task-2\tRUNNING\ta1", "task-3\tPENDING\t"}, nil
	}
	b.toCommit()
	for words, want := range map[string]string{
		"drop dev task-1 task-9":        `no task "task-9"`,
		"drop dev task-1 task-2 task-3": "no task would be left",
	} {
		if r := b.ask("UANN", words); r.Exit != handlers.ExitError || !strings.Contains(r.Message.Head+strings.Join(r.Message.Lines, " "), want) {
			t.Errorf("%s: exit %d: %+v, want %q", words, r.Exit, r.Message, want)
		}
	}
	if st := b.state(); len(st.Dropped) != 0 || st.Gate != "commit" {
		t.Errorf("dropped %v at gate %s", st.Dropped, st.Gate)
	}
	b.ask("UANN", "drop dev task-1 task-2")
	if r := b.ask("UANN", "drop dev task-3"); r.Exit != handlers.ExitError {
		t.Errorf("the last one: exit %d", r.Exit)
	}
	if st := b.state(); len(st.Dropped) != 2 {
		t.Errorf("dropped %v", st.Dropped)
	}
}

// One recovery per cluster, said with who began it and what to type.
func TestSecondRecovery(t *testing.T) {
	b := newBench(t)
	b.ask("UANN", recoverDev)
	r := b.ask("UBOB", recoverDev)
	text := strings.Join(append(r.Message.Lines, r.Message.Head), "\n")
	if r.Exit != handlers.ExitError || !strings.Contains(text, "dev has an open run") || !strings.Contains(text, "UANN") || !strings.Contains(text, "hint:") {
		t.Errorf("exit %d: %s", r.Exit, text)
	}
}

// Abort ends the step that is at work; resume goes on with it.
func TestAbortAndResume(t *testing.T) {
	b := newBench(t)
	b.holdUp = make(chan struct{})
	b.ask("UANN", recoverDev)
	a, _ := b.who.Person(t.Context(), "", "UBOB")
	b.s.Handle(t.Context(), handlers.Request{Actor: a, Channel: "C1", Words: []string{"approve", "dev"}, At: time.Now()})
	for end := time.Now().Add(time.Minute); b.state().Of("prepare/on", runner.Bot).Progress != runner.Started; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the step does not begin")
		}
	}
	b.ask("UANN", "abort dev --reason lunch")
	st := b.state()
	if st.Status != runner.Stopped || st.Stop.Reason != runner.StopAborted || b.on {
		t.Fatalf("status %s %+v, on %v", st.Status, st.Stop, b.on)
	}
	// By this a host tells an abort from a bot that stops, after which jobs go on.
	if why := st.Of("prepare/on", runner.Bot).Why; why != runner.ErrAborted.Error() {
		t.Errorf("the step ended because of %q, want %q", why, runner.ErrAborted)
	}
	close(b.holdUp)
	b.ask("UBOB", "resume dev")
	if st := b.state(); st.Gate != "commit" || !b.on {
		t.Errorf("gate %q (%s), on %v", st.Gate, st.Why, b.on)
	}
}

// After a commit was sent undo is refused with its own exit status.
func TestNoUndoAfterCommit(t *testing.T) {
	b := newBench(t)
	st := b.toCommit()
	if _, err := b.s.Engine.Append(st.Run, runner.Event{Kind: runner.CommitSent}); err != nil {
		t.Fatal(err)
	}
	if r := b.ask("UANN", "undo dev"); r.Exit != handlers.ExitRefused || !slices.Contains(b.refusals(), "irreversible") || !b.on {
		t.Errorf("exit %d, refusals %v, on %v", r.Exit, b.refusals(), b.on)
	}
}

// A run that a former process left in the middle waits for a person.
func TestNothingGoesOnByItself(t *testing.T) {
	b := newBench(t)
	b.ask("UANN", recoverDev)
	run := b.state().Run
	if _, err := b.s.Engine.Append(run, runner.Event{Kind: runner.GatePassed, Gate: "start", Digest: b.state().Gates["start"].Digest}); err != nil {
		t.Fatal(err)
	}
	if err := b.s.Recover(); err != nil {
		t.Fatal(err)
	}
	if st := b.state(); st.Status != runner.Stopped || st.Stop.Reason != runner.StopCrash || b.on || b.s.Busy(run) {
		t.Errorf("status %s, %+v, on %v", st.Status, st.Stop, b.on)
	}
}

// What cannot be read says what is wrong and what to type, and does nothing.
func TestBadWords(t *testing.T) {
	b := newBench(t)
	for words, want := range map[string]struct {
		exit int
		text string
	}{
		"recovr dev good":                      {2, "did you mean `recover`?"},
		"recover dev":                          {2, "type `recover CLUSTER BACKUP"},
		"recover prod good":                    {1, "configured are: dev"},
		"recover dev ../etc/passwd":            {2, "that is no backup name"},
		"recover dev --help":                   {2, "there is no option"},
		"recover dev good --reinitialize soon": {2, "use auto, always or never"},
		"recover dev good --recipe magic":      {2, "it has: toy"},
		"recover dev good --reason":            {2, "--reason needs a value"},
		"approve nothing-20260101T0000Z":       {1, "there is no run"},
		"resume dev":                           {1, "dev has no open run"},
		"settle s1":                            {1, "no open run goes on without"},
		"recover dev good --without s1":        {2, "say why with --reason"},
		"recover dev good --without s9":        {2, "is no scheduler of dev"},
		"":                                     {0, "recover"},
	} {
		r := b.ask("UANN", words)
		text := strings.Join(append([]string{r.Message.Head}, r.Message.Lines...), "\n")
		if words == "" {
			continue
		}
		if r.Exit != want.exit || !strings.Contains(text, want.text) {
			t.Errorf("%q: exit %d, %q; want %d, %q", words, r.Exit, text, want.exit, want.text)
		}
	}
	if runs, _ := b.j.Runs(); len(runs) > 0 {
		t.Errorf("runs %v were begun", runs)
	}
}

// The clock may look and nothing else.
func TestReadOnly(t *testing.T) {
	for words, ok := range map[string]bool{"report": true, "backups dev": true, "recover dev good": false, "undo x": false, "nonsense": false, "assess dev": true} {
		if err := handlers.ReadOnly(strings.Fields(words)); (err == nil) != ok {
			t.Errorf("ReadOnly(%s) = %v, want ok %v", words, err, ok)
		}
	}
}

// Any words are read without a panic, and the same way twice.
func FuzzParseCommand(f *testing.F) {
	f.Add("recover dev good --reason a")
	f.Add("approve -- --x")
	f.Fuzz(func(t *testing.T, line string) {
		a, b := handlers.ReadOnly(strings.Fields(line)), handlers.ReadOnly(strings.Fields(line))
		if (a == nil) != (b == nil) {
			t.Error("read differently twice")
		}
	})
}

// Who may look at one cluster sees the runs of that one, also where none is named.
func TestRunsOfOtherClustersAreNotShown(t *testing.T) {
	b := newBench(t)
	other := *b.s.Clusters[0]
	other.Name = "other"
	b.s.Clusters = append(b.s.Clusters, &other)
	b.s.Rules.Access[1].Clusters = []string{"other"}
	b.ask("UANN", recoverDev)
	b.ask("UANN", "recover other good")
	for _, words := range []string{"status", "history"} {
		for who, want := range map[string]string{"UANN": "dev other", "UEVE": "other"} {
			r := b.ask(who, words)
			list, ok := r.Data.([]map[string]any)
			if m, is := r.Data.(map[string]any); is {
				list, ok = m["open_runs"].([]map[string]any), true
			}
			var got []string
			for _, run := range list {
				got = append(got, run["cluster"].(string))
			}
			slices.Sort(got)
			if !ok || strings.Join(got, " ") != want {
				t.Errorf("%s of %s shows %q, want %q", words, who, got, want)
			}
		}
	}
}
