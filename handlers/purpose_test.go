package handlers_test

import (
	"slices"
	"strings"
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// Whoever gives a command that changes something is asked for anew; nobody is for
// words that do nothing.
func TestPurposeOf(t *testing.T) {
	for _, c := range handlers.Table() {
		words := append([]string{c.Name}, slices.Repeat([]string{"x"}, c.Args[0])...)
		want := handlers.Deciding
		switch {
		case c.Needs == policy.Read:
			want = handlers.Looking
		case c.Name == "abort" || c.Name == "undo":
			want = handlers.Retreating
		}
		if got := handlers.PurposeOf(words); got != want {
			t.Errorf("%q: purpose %d, want %d", words, got, want)
		}
	}
	for _, words := range []string{"", "nonsense", "approve", "approve r1 r2", "recover --help"} {
		if handlers.PurposeOf(strings.Fields(words)) != handlers.Looking {
			t.Errorf("%q is decided by, and does nothing", words)
		}
	}
}

// unsureOf is somebody of whom it cannot be told whether they are in a group.
func unsureOf(id, group string, groups ...string) policy.Actor {
	a := person(id, groups...)
	a.Unknown = map[string]string{group: "Slack lets the bot ask again in 23 s"}
	return a
}

// A group that cannot be asked for refuses the approvals that depend on it, in
// words, and no others; one that was given stays, and is counted anew later.
func TestApprovalByAGroupThatCannotBeTold(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	b.who.set(unsureOf("UBOB", "S1"))
	r := b.ask("UBOB", "approve dev --typed dev")
	text := view.Text(r.Message)
	for _, word := range []string{"user group sre (S1)", "ask again in 23 s", "Nothing was done", "by ID in the policy"} {
		if !strings.Contains(text, word) {
			t.Errorf("told %q, want %q in it", text, word)
		}
	}
	if r.Exit != handlers.ExitRefused || len(b.state().Gates["commit"].Approvals) != 0 || !slices.Contains(b.refusals(), policy.CannotTell) {
		t.Errorf("exit %d, approvals %v, refusals %v", r.Exit, b.state().Gates["commit"].Approvals, b.refusals())
	}

	b.who.set(person("UBOB", "S1"))
	b.ask("UBOB", "approve dev --typed dev")
	b.who.set(unsureOf("UBOB", "S1"))
	// Of her it is known all that her approval needs.
	b.who.set(unsureOf("UDAN", "S1", "S2"))
	r = b.ask("UDAN", "approve dev --typed dev")
	if text := view.Text(r.Message); b.commits != 0 || !strings.Contains(text, "UBOB is in the user group sre") || !strings.Contains(text, "your approval is kept") {
		t.Errorf("%d commits; told %q", b.commits, text)
	}
	if st := b.state(); len(st.Gates["commit"].Approvals) != 2 || slices.Contains(b.refusals(), "approver-removed-after-approval") {
		t.Errorf("approvals %v, refusals %v", st.Gates["commit"].Approvals, b.refusals())
	}
	b.who.set(person("UBOB", "S1"))
	b.ask("UANN", "resume dev")
	if st := b.state(); b.commits != 1 || st.Outcome != "recovered" {
		t.Errorf("%d commits, outcome %q: %s", b.commits, st.Outcome, st.Why)
	}
}

// What is known of old is enough to look, and neither to approve nor for secrets.
func TestOldAnswersAreForLooking(t *testing.T) {
	b := newBench(t)
	b.s.Clusters[0].LostJobs = func(*runner.State) ([]byte, error) { return []byte("[secret]"), nil }
	b.s.Rules.Access[0].Channels = []string{"C1", "cli"}
	b.toCommit()
	b.who.old = map[string]policy.Actor{"UBOB": person("UBOB", "S1")}
	b.who.set(person("UBOB"))
	r := b.ask("UBOB", "approve dev --typed dev")
	if r.Exit != handlers.ExitRefused || !slices.Contains(b.refusals(), "factor") {
		t.Errorf("approve: exit %d, refusals %v", r.Exit, b.refusals())
	}
	r = b.askIn("cli", "UBOB", "export dev")
	if r.Exit != handlers.ExitDone || slices.ContainsFunc(r.Message.Files, func(f view.File) bool { return f.Name == "lost-jobs.json" }) {
		t.Errorf("export: exit %d, files %v", r.Exit, r.Message.Files)
	}
}
