package handlers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner"
)

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
			a, _ := b.who.Person(context.Background(), "", "UBOB", handlers.Looking)
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

// Whoever types an approval says what it is for: at the commit the cluster and
// eight characters of the digest or more, elsewhere the gate or the digest.
func TestTypedApprovals(t *testing.T) {
	for _, tt := range []struct {
		gate, words string // DIGEST is that of the gate.
		refused     string
	}{
		{"start", "approve dev", "typed-without-gate"},
		{"start", "approve dev --typed dev", "typed-without-gate"},
		{"start", "approve dev --gate start", ""},
		{"start", "approve dev --digest DIGEST[:8]", ""},
		{"start", "approve dev --digest DIGEST[:7]", "typed-without-digest"},
		{"start", "approve dev --gate start --digest DIGEST[:1]", "typed-without-digest"},
		{"start", "approve dev --gate start --typed devel", "typed-name"},
		{"start", "approve dev --digest 0123456789", "stale-digest"},
		{"commit", "approve dev", "typed-without-digest"},
		{"commit", "approve dev --typed dev", "typed-without-digest"},
		{"commit", "approve dev --typed dev --gate commit", "typed-without-digest"},
		{"commit", "approve dev --typed dev --digest DIGEST[:7]", "typed-without-digest"},
		{"commit", "approve dev --digest DIGEST", "typed-name"},
		{"commit", "approve dev --typed devel --digest DIGEST", "typed-name"},
		{"commit", "approve dev --typed dev --digest DIGEST[:8]", ""},
		{"commit", "approve dev --typed dev --digest DIGEST", ""},
	} {
		b := newBench(t)
		b.ask("UANN", recoverDev)
		if tt.gate == "commit" {
			b.ask("UBOB", "approve dev")
		}
		digest := b.state().Gates[tt.gate].Digest
		words := strings.NewReplacer("DIGEST[:8]", digest[:8], "DIGEST[:7]", digest[:7], "DIGEST[:1]", digest[:1], "DIGEST", digest).Replace(tt.words)
		before := len(b.refusals())
		r := b.typed("C1", "UBOB", words)
		counted := len(b.state().Gates[tt.gate].Approvals) > 0
		switch refused := b.refusals()[before:]; {
		case tt.refused == "" && (!counted || len(refused) > 0):
			t.Errorf("%s: %s: exit %d, counted %v, refused %v; want it to count", tt.gate, tt.words, r.Exit, counted, refused)
		case tt.refused != "" && (counted || r.Exit != handlers.ExitRefused || !slices.Equal(refused, []string{tt.refused})):
			t.Errorf("%s: %s: exit %d, counted %v, refused %v; want %s", tt.gate, tt.words, r.Exit, counted, refused, tt.refused)
		}
	}
}

// An abort or a deny takes back what its author approved, at every gate, and all
// that nothing was done by yet; what is given after it counts.
func TestAbortWithdrawsConsents(t *testing.T) {
	for _, stop := range []string{"abort dev", "deny dev --reason wait"} {
		b := newBench(t)
		b.toCommit()
		b.ask("UDAN", "approve dev --typed dev")
		b.ask("UDAN", stop)
		b.ask("UANN", "resume dev")
		if st := b.state(); st.Gate != "commit" || len(st.Gates["commit"].Approvals) != 0 {
			t.Fatalf("%s: gate %q, approvals %v; want the commit gate and none", stop, st.Gate, st.Gates["commit"].Approvals)
		}
		b.ask("UBOB", "approve dev --typed dev")
		if b.commits != 0 || !slices.Contains(b.refusals(), "approver-aborts") {
			t.Errorf("%s: %d commits with an approval that was withdrawn; refusals %v", stop, b.commits, b.refusals())
		}
		b.ask("UDAN", "approve dev --typed dev")
		if st := b.state(); st.Outcome != "recovered" || b.commits != 1 {
			t.Errorf("%s: given anew: outcome %q, %d commits (%s)", stop, st.Outcome, b.commits, st.Why)
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
	a, _ := b.who.Person(t.Context(), "", "UBOB", handlers.Looking)
	b.s.Handle(t.Context(), handlers.Request{Actor: a, Channel: "C1", Words: []string{"approve", "dev", "--gate", "start"}, At: time.Now()})
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
		"recovr dev good":                        {2, "did you mean `recover`?"},
		"recover dev":                            {2, "type `recover CLUSTER BACKUP"},
		"recover prod good":                      {1, "configured are: dev"},
		"recover dev ../etc/passwd":              {2, "that is no backup name"},
		"recover dev --help":                     {0, "recover CLUSTER BACKUP"},
		"recover dev good --config x":            {2, "there is no option"},
		"recover dev good --json":                {2, "there is no option"},
		"recover dev good --reason a --reason b": {2, "--reason is given twice"},
		"recover dev good --reason --dry-run":    {2, "--reason needs a value"},
		"recover dev good --reinitialize soon":   {2, "use auto, always or never"},
		"recover dev good --recipe magic":        {2, "it has: toy"},
		"recover dev good --reason":              {2, "--reason needs a value"},
		"approve nothing-20260101T0000Z":         {1, "there is no run"},
		"resume dev":                             {1, "dev has no open run"},
		"settle s1":                              {1, "no open run continues without"},
		"recover dev good --without s1":          {2, "say why with --reason"},
		"recover dev good --without s9":          {2, "is no scheduler of dev"},
		"":                                       {0, "recover"},
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

// The audit checks every chain, and names only those of clusters that one may see.
func TestAuditNamesWhatOneMaySee(t *testing.T) {
	b := newBench(t)
	other := *b.s.Clusters[0]
	other.Name = "other"
	b.s.Clusters = append(b.s.Clusters, &other)
	b.s.Rules.Access[1].Clusters = []string{"other"}
	dev := b.ask("UANN", recoverDev).Run
	b.ask("UANN", "recover other good")
	b.s.Engine.Journal = chained{b.j}
	for who, named := range map[string]int{"UANN": 2, "UEVE": 1} {
		r := b.ask(who, "audit verify")
		data, _ := r.Data.(map[string]any)
		chains, _ := data["chains"].([]runner.Chain)
		text := strings.Join(r.Message.Lines, "\n")
		if data["runs"] != 2 || len(chains) != named || strings.Contains(text, dev) != (who == "UANN") || strings.Contains(text, "runs of clusters that you may not see, checked as well: 1") != (who == "UEVE") {
			t.Errorf("audit verify of %s: %d\n%s", who, len(chains), text)
		}
	}
	if r := b.ask("UEVE", "audit verify "+dev); dev == "" || r.Exit != handlers.ExitError || !strings.Contains(r.Message.Head, "there is no run") {
		t.Errorf("audit verify of a run that one may not see (%q): %+v", dev, r)
	}
}

// chained is a journal in memory that says of each run that its chain is whole.
type chained struct{ *runner.Memory }

func (c chained) Verify(only ...string) ([]runner.Chain, error) {
	runs, err := c.Runs()
	var chains []runner.Chain
	for _, run := range runs {
		events, why := c.Events(run)
		if err = errors.Join(err, why); len(only) == 0 || slices.Contains(only, run) {
			chains = append(chains, runner.Chain{Run: run, Events: len(events), Head: strings.Repeat("0", 64)})
		}
	}
	return chains, err
}

func (c chained) Raw(string) ([]byte, error) { return nil, nil }
