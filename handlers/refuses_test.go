package handlers_test

import (
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
)

// Whoever is told before a question that it is in vain is told the same by the
// answer; nobody else is, and the question leaves no trace.
func TestRefusesSaysWhatHandleWould(t *testing.T) {
	for _, tt := range []struct {
		who, words string
		want       bool
	}{
		{"UANN", "approve dev", true}, // Who asked for it.
		{"UEVE", "approve dev", true}, // No group that counts.
		{"UGUS", "approve dev", true}, // A guest.
		{"UDAN", "approve dev", true}, // Has approved already.
		{"UBOB", "approve dev", false},
		{"UCAT", "approve dev", false},
		{"UEVE", "abort dev", true},
		{"UBOB", "abort dev", false},
		{"UGUS", "deny dev", true},
		{"UBOB", "deny dev", false},
		{"UBOB", "approve nowhere", false}, // Not for policy to say.
		{"UBOB", "nonsense", false},
	} {
		b := newBench(t)
		b.toCommit()
		b.ask("UDAN", "approve dev --typed dev")
		a, _ := b.who.Person(t.Context(), "T1", tt.who, handlers.Looking)
		r := handlers.Request{Actor: a, Channel: "C1", Words: strings.Fields(tt.words), At: time.Now()}
		before := len(b.refusals())
		if got := b.s.Refuses(r); got != tt.want {
			t.Errorf("Refuses(%s, %s) = %v, want %v", tt.who, tt.words, got, tt.want)
		}
		if len(b.refusals()) != before {
			t.Errorf("%s, %s: the question is in the audit", tt.who, tt.words)
		}
		if exit := b.ask(tt.who, tt.words).Exit; tt.want && exit != handlers.ExitRefused {
			t.Errorf("%s, %s: exit %d, want %d", tt.who, tt.words, exit, handlers.ExitRefused)
		}
	}
}
