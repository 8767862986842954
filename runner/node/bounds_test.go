package node

import (
	"errors"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
)

// A page of a Mesos master without end is read piece by piece: nothing of it stays.
func TestMesosPageIsBounded(t *testing.T) {
	for name, tt := range map[string]struct{ head, again string }{
		"elements":    {`{"tasks":[{}`, ",{}"},
		"one element": {`{"tasks":[{"a":[1`, ",1"},
		"beside it":   {`{"a":[1`, ",1"},
		"fields":      {`{"a":1`, `,"a":1`},
		"depth":       {`{"a":`, "["},
		"a name":      {`{"`, "x"},
	} {
		page := bound.NewDecoder(boundtest.Endless(tt.head, tt.again), 64<<20, 1<<20)
		grown := boundtest.Grown(func() {
			err := MesosList(page, "tasks", func() error { return page.Decode(new(struct{})) })
			if !errors.Is(err, bound.ErrTooMuch) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if grown > 16<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
	if err := MesosList(MesosPage(strings.NewReader(`{"a":[],"b":{"tasks":[]}}`)), "tasks", nil); err == nil {
		t.Error("a page without the list is taken for one with an empty list")
	}
}

// The end of an output is short, however long its lines are.
func TestTailIsShort(t *testing.T) {
	for name, tt := range map[string]struct{ out, want string }{
		"nothing":     {" \n", "no output"},
		"a line":      {"one\n", "one"},
		"five lines":  {"1\n2\n3\n4\n5\n", "1\n2\n3\n4\n5"},
		"six lines":   {"0\n1\n2\n3\n4\n5\n", "… 1\n2\n3\n4\n5"},
		"a long line": {strings.Repeat("x", 1<<20), "… " + strings.Repeat("x", 4096)},
	} {
		if got := Tail(runner.Output{Stdout: []byte(tt.out)}); got != tt.want {
			t.Errorf("%s: %d bytes: %.40q", name, len(got), got)
		}
	}
}

// The helper's answers are bounded in what they become.
func TestFactsAreBounded(t *testing.T) {
	answer := `{"backups":[{}` + strings.Repeat(",{}", 5<<20) + `]}`
	h := runnertest.NewHost(t, "s1")
	h.On([]string{"x"}, func(runner.Command) runner.Output { return runner.Output{Stdout: []byte(answer)} })
	grown := boundtest.Grown(func() {
		if _, err := Facts(t.Context(), h, runner.Command{Argv: []string{"x"}}, probe.Request{}); !errors.Is(err, bound.ErrTooMuch) {
			t.Errorf("got %v", err)
		}
	})
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
