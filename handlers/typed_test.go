package handlers_test

import (
	"slices"
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// A surface can tell of every command how it is typed there.
func TestMessagesKnowEveryCommand(t *testing.T) {
	for _, c := range handlers.Table() {
		if !slices.Contains(view.Commands, c.Name) {
			t.Errorf("view.Commands lacks %s", c.Name)
		}
	}
}

// A phone puts a full stop behind the last word. It is left out where only the name
// without it is known, and never on the command line; a name keeps its case.
func TestAStopBehindAName(t *testing.T) {
	b := newBench(t)
	st := b.toCommit()
	dotted := *b.s.Clusters[0]
	dotted.Name = "dev.example."
	b.s.Clusters = append(b.s.Clusters, &dotted)
	for _, tt := range []struct {
		channel, words string
		known          bool
	}{
		{"C1", "export dev.", true},
		{"C1", "export dev,", true},
		{"C1", "export " + st.Run + ".", true},
		{"C1", "history dev.", true},
		{"C1", "plan dev, good", true},
		{"C1", "status dev。", false}, // Known, and this build cannot look at it.
		{"C1", "history dev.example.", true},
		{"C1", "history dev.example", false},
		{"C1", "history Dev.", false},
		{"C1", "export other.", false},
		{"cli", "history dev.", false},
	} {
		if r := b.typed(tt.channel, "UANN", tt.words); (r.Exit == handlers.ExitDone) != tt.known {
			t.Errorf("%s from %s: exit %d, %q, want known %v", tt.words, tt.channel, r.Exit, r.Message.Head, tt.known)
		}
	}
	if r := b.typed("C1", "UANN", "abort dev."); r.Exit != handlers.ExitDone || b.state().Status != runner.Stopped {
		t.Errorf("abort: exit %d, %q, status %s", r.Exit, r.Message.Head, b.state().Status)
	}
}
