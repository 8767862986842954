package script

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/lab/cluster"
)

// Without its changed act a cheat is the ordinary script; three of them have an
// order of their own, whose ordinary form is played in full by the lab's tests.
func TestHonestOrder(t *testing.T) {
	ordinary := moves("", false)
	for _, cheat := range Cheats {
		honest := moves(cheat, true)
		own := cheat == BothGroups || cheat == Removed || cheat == SudoAsOther
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

// Every damage has an ending, and the document says the same.
func TestEndings(t *testing.T) {
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range cluster.DamageKinds {
		end, ok := endings[kind]
		if !ok {
			t.Errorf("%s has no ending", kind)
			continue
		}
		row := ""
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| "+kind+" |") {
				row = line
			}
		}
		cells := strings.Split(row, " | ")
		if len(cells) < 4 || cells[3] != fmt.Sprintf("%d, %d", end.given, end.bare) {
			t.Errorf("docs/testing.md has %q for %s, which ends with %d, %d", row, kind, end.given, end.bare)
			continue
		}
		if !slices.ContainsFunc(end.finds, func(group string) bool { return slices.Contains(strings.Split(group, "|"), cells[2]) }) {
			t.Errorf("docs/testing.md says that %s is found as %s, not %v", kind, cells[2], end.finds)
		}
	}
	if len(endings) != len(cluster.DamageKinds) {
		t.Errorf("%d endings, %d kinds", len(endings), len(cluster.DamageKinds))
	}
}

// The other backup of swapped-staging has as many bytes and another task.
func TestAnother(t *testing.T) {
	for _, id := range []string{"1-a-0", "1-a-5"} {
		got, err := another([]byte("x "+id+" y"), id)
		if err != nil || len(got) != len("x "+id+" y") || strings.Contains(string(got), id) {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := another([]byte("nothing"), "1-a-0"); err == nil {
		t.Error("a backup without the task is changed")
	}
}
