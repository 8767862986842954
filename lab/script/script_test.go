package script

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Without its changed act a cheat is the ordinary script; two of them have an
// order of their own, whose ordinary form is played in full by the lab's tests.
func TestHonestOrder(t *testing.T) {
	ordinary := moves("", false)
	for _, cheat := range Cheats {
		honest := moves(cheat, true)
		own := cheat == BothGroups || cheat == Removed
		if same := cmp.Equal(ordinary, honest, cmp.AllowUnexported(move{})); same == own {
			t.Errorf("%s: the honest script is the ordinary one: %v", cheat, same)
		}
		changed := 0
		for gate, list := range moves(cheat, false) {
			for i, m := range list {
				if m != honest[gate][i] {
					changed++
				}
			}
		}
		if want := 1; changed != want && cheat != WrongChannel || cheat == WrongChannel && changed != 0 {
			t.Errorf("%s: %d acts at gates are changed, want %d", cheat, changed, want)
		}
		for gate, list := range honest {
			if slices.ContainsFunc(list, func(m move) bool { return m.user == Ann || m.user == Gus || m.stale || m.leave }) {
				t.Errorf("%s: the honest script cheats at %s", cheat, gate)
			}
		}
	}
	if err := CheckCheat("bribe"); err == nil || !strings.Contains(err.Error(), SelfApprove) {
		t.Errorf("an unknown cheat: %v", err)
	}
}

// A line that is half written is read when it is whole, and no line twice.
func TestTail(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "r.jsonl")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	tl := &tail{dir: dir, at: map[string]int64{}}
	want := func(kinds ...string) {
		t.Helper()
		events, err := tl.next()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			got = append(got, e.Kind)
		}
		if !slices.Equal(got, kinds) {
			t.Errorf("events %q, want %q", got, kinds)
		}
	}
	want()
	write(`{"prev":"","hash":"x","event":{"seq":1,"kind":"a"}}` + "\n" + `{"prev":"x","hash":"y","ev`)
	want("a")
	write(`ent":{"seq":2,"kind":"b"}}`)
	want()
	write("\n")
	want("b")
	write("no JSON\n")
	if _, err := tl.next(); err == nil {
		t.Error("a line that is no JSON is read")
	}
}

// What scripts rely on is in every line, also where it is empty.
func TestLine(t *testing.T) {
	e := Event{raw: []byte(`{"seq":3,"at":"2026-11-23T08:36:24Z","kind":"step.done","run":"r","changed":true}`)}
	got, err := e.Line()
	want := `{"at":"2026-11-23T08:36:24Z","changed":true,"host":"","kind":"step.done","phase":"","run":"r","seq":3,"step":"","who":""}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// Buttons are found in actions, accessories and cards.
func TestButtons(t *testing.T) {
	blocks := `[{"type":"section","accessory":{"type":"button","action_id":"a","value":"1"}},
	 {"type":"actions","elements":[{"type":"button","action_id":"b#2","value":"2"},{"type":"overflow","action_id":"c"}]}]`
	got := buttons([]byte(blocks))
	slices.SortFunc(got, func(a, b pressable) int { return strings.Compare(a.ActionID, b.ActionID) })
	want := []pressable{{"button", "a", "1"}, {"button", "b#2", "2"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
