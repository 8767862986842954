package handlers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// says reports whether m says all words.
func says(m view.Message, words ...string) bool {
	text := view.Text(m)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// Whoever approves is told alone which gate it was, who is still needed, and what is next.
func TestApprovalIsAnswered(t *testing.T) {
	b := newBench(t)
	b.ask("UANN", recoverDev)
	for _, c := range []struct {
		who  string
		exit int
		says []string
	}{
		{"UBOB", handlers.ExitDone, []string{"Your approval at the start gate of dev counts", "Begin?", "the gate is passed", "Next: on.", "People decide again at the commit gate"}},
		{"UBOB", handlers.ExitWaiting, []string{"Your approval at the commit gate of dev counts", "Commit?", "Still needed: 1 more of leads"}},
		{"UDAN", handlers.ExitDone, []string{"Your approval at the commit gate of dev counts", "Next: commit."}},
	} {
		r := b.ask(c.who, "approve dev --typed dev")
		if !r.Private || r.Exit != c.exit || !says(r.Message, c.says...) {
			t.Errorf("%s is told, private %v, exit %d:\n%s\nwant %q", c.who, r.Private, r.Exit, view.Text(r.Message), c.says)
		}
	}
	if b.state().Outcome != "recovered" {
		t.Errorf("outcome %q", b.state().Outcome)
	}
}

// Whoever types too little for a gate sees it, with what to type, and nothing counts.
func TestTooLittleTyped(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	r := b.typed("C1", "UBOB", "approve dev")
	if r.Exit != handlers.ExitRefused || !says(r.Message, "--typed dev --digest ", "Commit?", "Asked by:", "Still needed:") {
		t.Errorf("exit %d, told:\n%s", r.Exit, view.Text(r.Message))
	}
	if n := len(b.state().Gates["commit"].Approvals); n != 0 {
		t.Errorf("%d approvals are counted", n)
	}
}

// gateShown is the open gate's message, and the reminder beside it if there is one.
func (b *bench) gateShown() (gate, reminder view.Keyed, until time.Time) {
	b.t.Helper()
	s, err := b.s.Screens(b.state().Run)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, k := range s.Channel {
		switch {
		case strings.HasPrefix(k.Key, view.RemindKey):
			reminder = k
		case len(k.Message.Actions) > 0:
			gate = k
		}
	}
	return gate, reminder, s.Until
}

// An approval that has ended is not shown any more, though nothing happened since; the
// screens say when that is.
func TestEndedApprovalIsNotShown(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	b.ask("UBOB", "approve dev --typed dev")
	if k, _, _ := b.gateShown(); !says(k.Message, "Approved by:      T1/UBOB") {
		t.Errorf("after the approval the gate says:\n%s", view.Text(k.Message))
	}
	b.ahead.Store(int64(26 * time.Minute)) // After all reminders.
	given := b.state().Gates["commit"].Approvals[0].At
	if _, _, until := b.gateShown(); until.IsZero() || until.After(given.Add(30*time.Minute)) {
		t.Errorf("it changes at %s, want when the approval ends, %s", until, given.Add(30*time.Minute))
	}
	b.ahead.Store(int64(31 * time.Minute))
	k, _, _ := b.gateShown()
	if !says(k.Message, "1 more of leads and 1 more of sre", "Does not count:   T1/UBOB: it ended after 30 min") || says(k.Message, "Approved by") {
		t.Errorf("after its end the gate says:\n%s", view.Text(k.Message))
	}
}

// A gate that nobody answers reminds whoever can still count, when the policy says, and
// before an approval ends; each once, and the same whenever it is looked at.
func TestReminders(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	opened := b.state().Gates["commit"].OpenedAt
	var before view.Keyed
	for _, c := range []struct {
		at, next time.Duration
		says     []string
	}{
		{4 * time.Minute, 5 * time.Minute, nil},
		{5 * time.Minute, 15 * time.Minute, []string{"dev: the commit gate has waited 5 min for an approval", "The outage has lasted 5 min", "Who can approve or deny: T1/S1, T1/S2"}},
		{14 * time.Minute, 15 * time.Minute, []string{"has waited 5 min"}},
		{16 * time.Minute, 0, []string{"has waited 15 min"}},
	} {
		b.ahead.Store(int64(c.at))
		_, k, until := b.gateShown()
		if !says(k.Message, c.says...) || (k.Key == "") != (c.says == nil) || until.IsZero() || c.next > 0 && until.After(opened.Add(c.next)) {
			t.Errorf("after %s, looked at again at %s:\n%s %s\nwant %q", c.at, until, k.Key, view.Text(k.Message), c.says)
		}
		if k.Key == before.Key && !says(k.Message, view.Text(before.Message)) {
			t.Errorf("after %s the reminder is another one", c.at)
		}
		before = k
	}
	b.ask("UBOB", "approve dev --typed dev")
	given := b.state().Gates["commit"].Approvals[0].At
	b.ahead.Store(int64(time.Until(given.Add(25*time.Minute + time.Second))))
	if _, k, _ := b.gateShown(); !says(k.Message, "time runs out at "+given.Add(30*time.Minute).UTC().Format(time.RFC3339), "Still needed: 1 more of leads") {
		t.Errorf("before the approval ends: %s\n%s", k.Key, view.Text(k.Message))
	}
	b.ask("UDAN", "approve dev --typed dev")
	if s, _ := b.s.Screens(b.state().Run); slices.ContainsFunc(s.Channel, func(k view.Keyed) bool { return strings.HasPrefix(k.Key, view.RemindKey) }) {
		t.Error("reminded after the decision")
	}
}

// The status tells how long the outage has lasted, and is told anew when that is longer:
// by the minute at first.
func TestOutageClock(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	began := b.state().Gates["start"].PassedAt
	for _, c := range []struct {
		after time.Duration
		says  string
		next  time.Duration
	}{
		{30 * time.Second, "", time.Minute},
		{61 * time.Second, ", 1 min by now", 2 * time.Minute},
		{4*time.Minute + 59*time.Second, ", 4 min by now", 5 * time.Minute},
		{61 * time.Minute, ", 1 h by now", 70 * time.Minute},
		{26*time.Hour + 30*time.Minute, ", 1 d 2 h by now", 27 * time.Hour},
	} {
		b.ahead.Store(int64(time.Until(began.Add(c.after))))
		s, err := b.s.Screens(b.state().Run)
		if err != nil {
			t.Fatal(err)
		}
		want := "since " + began.UTC().Format(time.RFC3339) + c.says
		if i := slices.IndexFunc(s.Status.Fields, func(f view.Field) bool { return f.Name == "Outage" }); i < 0 || s.Status.Fields[i].Value != want || s.Until.IsZero() || s.Until.After(began.Add(c.next)) {
			t.Errorf("after %s: %+v, again at %s; want %q by %s", c.after, s.Status.Fields, s.Until, want, began.Add(c.next))
		}
	}
}

// All approvals are there and could not be counted: nobody reads that the run goes on,
// and people are reminded.
func TestApprovalsThatCouldNotBeCounted(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	b.ask("UBOB", "approve dev --typed dev")
	b.who.set(unsureOf("UBOB", "S1"))
	b.ask("UDAN", "approve dev --typed dev")
	if k, _, _ := b.gateShown(); !says(k.Message, "If the run does not continue by itself, resume it") {
		t.Errorf("the gate says:\n%s", view.Text(k.Message))
	}
	b.ahead.Store(int64(16 * time.Minute))
	if _, k, _ := b.gateShown(); k.Key == "" {
		t.Error("nobody is reminded")
	}
}

// Where an approval counts for five minutes, nobody is called at once because it ends.
func TestShortApprovalsCallNobodyAtOnce(t *testing.T) {
	b := newBench(t)
	g := b.s.Rules.Gates["commit"]
	g.Expires = 5 * time.Minute
	b.s.Rules.Gates["commit"] = g
	b.toCommit()
	b.ask("UBOB", "approve dev --typed dev")
	if _, k, _ := b.gateShown(); k.Key != "" {
		t.Errorf("right after an approval: %s", view.Text(k.Message))
	}
	b.ahead.Store(int64(3 * time.Minute))
	if _, k, _ := b.gateShown(); !says(k.Message, "time runs out") {
		t.Errorf("two minutes before its end: %s", view.Text(k.Message))
	}
}
