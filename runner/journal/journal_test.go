package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner"
)

func open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func fill(t *testing.T, d *Dir, n int) []runner.Event {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var all []runner.Event
	for i := range n {
		e, err := d.Append(runner.Event{Run: "dev-1", At: at.Add(time.Duration(i) * time.Second), Kind: runner.Note, Why: "line <&>\n"})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// What was appended is read back, by this process and by the next one.
func TestAppendThenRead(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	want := fill(t, d, 3)
	d.Close()
	d = open(t, dir)
	want = append(want, fill(t, d, 2)...)
	got, err := d.Events("dev-1")
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Fatal(err, d)
	}
	if got[4].Seq != 5 {
		t.Errorf("seq %d, want 5", got[4].Seq)
	}
	runs, err := d.Runs()
	if err != nil || len(runs) != 1 {
		t.Errorf("Runs = %v, %v", runs, err)
	}
}

// One process owns the folder.
func TestSecondProcessIsLockedOut(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("Open = %v, want ErrLocked", err)
	}
}

// A crash in the middle of a line loses that line only, wherever it is cut.
func TestTornLastLine(t *testing.T) {
	dir := t.TempDir()
	fill(t, open(t, dir), 3)
	file := filepath.Join(dir, "dev-1.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	third := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := third; cut < len(whole); cut++ {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, "dev-1.jsonl"), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(torn)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Events("dev-1"); err != nil || len(got) != 2 {
			t.Fatalf("cut at %d: %d events, %v; want 2", cut, len(got), err)
		}
		fill(t, d, 1)
		if got, err := d.Events("dev-1"); err != nil || len(got) != 3 || got[2].Seq != 3 {
			t.Fatalf("cut at %d: after the next append %d events, %v; want 3", cut, len(got), err)
		}
		d.Close()
	}
}

// Any changed byte, missing or reordered line is found.
func TestTamperingIsFound(t *testing.T) {
	dir := t.TempDir()
	fill(t, open(t, dir), 4)
	whole, err := os.ReadFile(filepath.Join(dir, "dev-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	end := len(whole) - 1 // Without the last newline the last line counts as torn.
	for i := range end {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x01
		_, _, err := readFrom(bytes.NewReader(changed), "x", head{})
		var broken *BrokenError
		if !errors.As(err, &broken) {
			t.Fatalf("byte %d changed: %v, want *BrokenError", i, err)
		}
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, bad := range map[string][]byte{
		"missing":   bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil),
		"reordered": bytes.Join([][]byte{lines[0], lines[2], lines[1], lines[3]}, nil),
		"doubled":   bytes.Join([][]byte{lines[0], lines[0]}, nil),
	} {
		if _, _, err := readFrom(bytes.NewReader(bad), "x", head{}); err == nil {
			t.Errorf("%s line: no error", name)
		}
	}
}

func TestRunIDsStayInTheFolder(t *testing.T) {
	d := open(t, t.TempDir())
	for _, id := range []string{"", "../x", "a/b", ".x", "a\x00"} {
		if _, err := d.Append(runner.Event{Run: id}); err == nil {
			t.Errorf("Append to run %q: no error", id)
		}
	}
}

func FuzzJournalRead(f *testing.F) {
	f.Add([]byte("{\"prev\":\"\",\"hash\":\"\",\"event\":{}}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, end, err := readFrom(bytes.NewReader(b), "x", head{})
		if err == nil && int64(len(b)) < end.size {
			t.Errorf("%d bytes, but ends at %d", len(b), end.size)
		}
		for i, e := range events {
			if e.Seq != i+1 {
				t.Errorf("event %d has seq %d", i, e.Seq)
			}
		}
	})
}
