package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner"
)

// What the owner remembers is what stands in the file, event by event, also where
// an event was given in another form than it is written in; and what is returned is
// the caller's to append to.
func TestRemembersWhatIsWritten(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	zone := time.FixedZone("there", 3600)
	for i := range 50 {
		e := runner.Event{Run: "dev-1", At: time.Date(2026, 1, 2, 3, 4, i, 0, zone), Kind: runner.Note, Data: json.RawMessage(`{ "a": "<&>" }`)}
		if _, err := d.Append(e); err != nil {
			t.Fatal(err)
		}
		got, err := d.Events("dev-1")
		if err != nil {
			t.Fatal(err)
		}
		want, err := ReadOnly(dir).Events("dev-1")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("after %d: %v\n%s", i+1, err, diff)
		}
		_ = append(got[:i], runner.Event{Kind: "spoiled"})
	}
	if d.memories["dev-1"] == nil || len(d.memories["dev-1"].events) != 50 {
		t.Error("an open run is not remembered")
	}
}

// A file that somebody changed is read and judged anew: a byte in place, a line cut
// off, a line torn, the file gone.
func TestRemembersNothingOfAChangedFile(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a byte":         func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b },
		"a line cut off": func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] },
		"gone":           nil,
	} {
		dir := t.TempDir()
		d := open(t, dir)
		fill(t, d, 5)
		if got, err := d.Events("dev-1"); err != nil || len(got) != 5 {
			t.Fatal(len(got), err)
		}
		file := filepath.Join(dir, "dev-1.jsonl")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // File systems count time in ticks.
		if change == nil {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, change(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		var broken *BrokenError
		if got, err := d.Events("dev-1"); !errors.As(err, &broken) {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
	}
}

// Memory is bounded: few runs, and none that is closed.
func TestRemembersFewOpenRuns(t *testing.T) {
	d := open(t, t.TempDir())
	for i := range 3 * remembered {
		run := fmt.Sprintf("dev-%d", i)
		for _, kind := range []runner.Kind{runner.RunRequested, runner.Note} {
			if _, err := d.Append(runner.Event{Run: run, Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := fmt.Sprintf("dev-%d", 3*remembered-1)
	if len(d.memories) != remembered || d.memories[last] == nil {
		t.Errorf("%d runs are remembered, the newest one %v", len(d.memories), d.memories[last] != nil)
	}
	if _, err := d.Append(runner.Event{Run: last, Kind: runner.RunClosed}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Events(last); err != nil || len(got) != 3 || d.memories[last] != nil {
		t.Errorf("a closed run: %d events, %v, remembered %v", len(got), err, d.memories[last] != nil)
	}
}

// What one question costs of a run that has 150 events.
func BenchmarkEvents(b *testing.B) {
	d, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for range 150 {
		if _, err := d.Append(runner.Event{Run: "dev-1", Kind: runner.StepDone, Why: "evidence of a step", Facts: json.RawMessage(`{"a":[1,2,3]}`)}); err != nil {
			b.Fatal(err)
		}
	}
	for name, dir := range map[string]*Dir{"remembered": d, "read": ReadOnly(d.path)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got, err := dir.Events("dev-1"); err != nil || len(got) != 150 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

// Runs come in the order of their first events, to the owner as to whoever reads,
// also those that began since it was asked last.
func TestRunsInOrder(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, run := range []string{"z", "a", "m", "b"} {
		if _, err := d.Append(runner.Event{Run: run, At: at.Add(time.Duration(i) * time.Hour), Kind: runner.Note}); err != nil {
			t.Fatal(err)
		}
		own, err := d.Runs()
		if err != nil {
			t.Fatal(err)
		}
		read, err := ReadOnly(dir).Runs()
		if want := []string{"z", "a", "m", "b"}[:i+1]; err != nil || !slices.Equal(own, want) || !slices.Equal(read, want) {
			t.Errorf("the owner has %v, who reads %v, want %v; %v", own, read, want, err)
		}
	}
}

// What it costs to ask which runs there are, after two hundred of 150 events each.
func BenchmarkRuns(b *testing.B) {
	d, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for i := range 200 {
		for range 150 {
			if _, err := d.Append(runner.Event{Run: fmt.Sprintf("dev-%d", i), Kind: runner.StepDone, Why: "evidence of a step", Facts: json.RawMessage(`{"a":[1,2,3]}`)}); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, dir := range map[string]*Dir{"owner": d, "read": ReadOnly(d.path)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got, err := dir.Runs(); err != nil || len(got) != 200 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
