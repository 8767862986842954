package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aurorabot/runner"
)

// two makes a folder with events of a run and refusals of none.
func two(t *testing.T) (dir string, copied []byte) {
	t.Helper()
	dir = t.TempDir()
	d := open(t, dir)
	var b bytes.Buffer
	d.Copy = func(_ runner.Event, line []byte, _ string) { b.Write(line) }
	fill(t, d, 4)
	for i := range 3 {
		if _, err := d.Append(runner.Event{Run: "audit", At: time.Unix(int64(i), 0).UTC(), Kind: runner.Refused, Who: "T/U", Why: "rule"}); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	return dir, b.Bytes()
}

// Whatever byte of whatever journal is changed, whichever line is taken away,
// doubled, moved or cut, and whichever file: verify finds it, by a process that
// has nothing but the folder.
func TestVerifyFindsEveryChange(t *testing.T) {
	dir, copied := two(t)
	chains, err := ReadOnly(dir).Verify()
	if err != nil || len(chains) != 2 || chains[0].Events != 3 || chains[1].Events != 4 {
		t.Fatalf("as written: %+v, %v", chains, err)
	}
	if n, err := ReadOnly(dir).Against(bytes.NewReader(copied)); err != nil || n != 7 {
		t.Fatalf("against its copy: %d, %v", n, err)
	}
	for _, run := range []string{"audit", "dev-1"} {
		file := filepath.Join(dir, run+".jsonl")
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := func(what string, bad []byte) {
			t.Helper()
			if bad == nil {
				err = os.Remove(file)
			} else {
				err = os.WriteFile(file, bad, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			var broken *BrokenError
			if _, err := ReadOnly(dir).Verify(); !errors.As(err, &broken) {
				t.Errorf("%s: %s: Verify = %v, want *BrokenError", run, what, err)
			}
			if _, err := ReadOnly(dir).Events(run); err == nil {
				t.Errorf("%s: %s: a run would go on with it", run, what)
			}
		}
		for i := range whole {
			changed := bytes.Clone(whole)
			bit := byte(1) << (i % 8)
			changed[i] ^= bit
			found(fmt.Sprintf("byte %d ^ %#x", i, bit), changed)
		}
		lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
		lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
		for i := range lines {
			found(fmt.Sprintf("line %d missing", i), bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil))
			found(fmt.Sprintf("line %d twice", i), bytes.Join(append(append(append([][]byte{}, lines[:i+1]...), lines[i]), lines[i+1:]...), nil))
			if i > 0 {
				swapped := append([][]byte{}, lines...)
				swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
				found(fmt.Sprintf("lines %d and %d swapped", i-1, i), bytes.Join(swapped, nil))
			}
		}
		for cut := range whole {
			found(fmt.Sprintf("cut at %d", cut), whole[:cut])
		}
		found("missing", nil)
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadOnly(dir).Verify(); err != nil {
		t.Error(err)
	}
}

// Who may write to the folder can make a chain anew, heads and all; the copy
// elsewhere tells.
func TestACopyTellsWhatAForgedChainDoesNot(t *testing.T) {
	dir, copied := two(t)
	forged := t.TempDir()
	d := open(t, forged)
	for i := range 4 {
		if _, err := d.Append(runner.Event{Run: "dev-1", At: time.Unix(int64(i), 0).UTC(), Kind: runner.Note, Why: "never happened"}); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	for _, name := range []string{"dev-1.jsonl", headsFile} {
		text, err := os.ReadFile(filepath.Join(forged, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadOnly(dir).Verify(); err != nil {
		t.Fatalf("the forgery is not even whole: %v", err)
	}
	var broken *BrokenError
	if _, err := ReadOnly(dir).Against(bytes.NewReader(copied)); !errors.As(err, &broken) {
		t.Errorf("Against = %v, want *BrokenError", err)
	}
}

// An incident pack's journal is verified by itself.
func TestVerifyFile(t *testing.T) {
	dir, _ := two(t)
	text, err := ReadOnly(dir).Raw("dev-1")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "journal.jsonl")
	for cut, ok := range map[int]bool{len(text): true, len(text) - 1: false, 10: false, 0: false} {
		if err := os.WriteFile(file, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := VerifyFile(file); (err == nil) != ok || ok && (c.Events != 4 || c.Run != "dev-1") {
			t.Errorf("%d of %d bytes: %+v, %v", cut, len(text), c, err)
		}
	}
}

// A power failure may leave anything in the file of heads, which is not synced:
// the bot starts all the same, and verify says that it was so.
func TestBrokenHeads(t *testing.T) {
	dir, _ := two(t)
	text, err := os.ReadFile(filepath.Join(dir, headsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, headsFile), append(bytes.Clone(text), "\x00\x00\x00\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	fill(t, d, 1)
	var broken *BrokenError
	if _, err := d.Verify(); !errors.As(err, &broken) {
		t.Errorf("Verify = %v, want *BrokenError", err)
	}
	if err := os.Remove(filepath.Join(dir, brokenHeads)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Verify(); err != nil {
		t.Error(err)
	}
}

// After a crash between an event and its head the run goes on: the event counts.
func TestHeadBehindItsRun(t *testing.T) {
	dir, _ := two(t)
	file := filepath.Join(dir, headsFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for cut := len(text); cut >= len(text)-len(lines[len(lines)-2]); cut-- {
		if err := os.WriteFile(file, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(dir)
		if err != nil {
			t.Fatalf("heads cut at %d: %v", cut, err)
		}
		if got, err := d.Events("audit"); err != nil || len(got) != 3 {
			t.Fatalf("heads cut at %d: %d events, %v", cut, len(got), err)
		}
		d.Close()
	}
}

// An event that was appended to a journal, with a whole chain, does not stand in
// the copy; nor does one that the copy lost in the middle.
func TestACopyTellsWhatWasAdded(t *testing.T) {
	dir, copied := two(t)
	d := open(t, dir)
	if _, err := d.Append(runner.Event{Run: "dev-1", At: time.Unix(9, 0).UTC(), Kind: runner.GateApproved, Gate: "commit", Who: "T/UEVIL"}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := ReadOnly(dir).Verify(); err != nil {
		t.Fatalf("the forgery is not even whole: %v", err)
	}
	var broken *BrokenError
	if _, err := ReadOnly(dir).Against(bytes.NewReader(copied)); !errors.As(err, &broken) || broken.File != "dev-1.jsonl" || broken.Line != 5 {
		t.Errorf("an event that was added: %v, want event 5 of dev-1", err)
	}

	dir, copied = two(t)
	lines := bytes.SplitAfter(copied, []byte("\n"))
	hole := bytes.Join(append(append([][]byte{}, lines[:1]...), lines[2:]...), nil)
	if _, err := ReadOnly(dir).Against(bytes.NewReader(hole)); !errors.As(err, &broken) || broken.Line != 2 {
		t.Errorf("a hole in the copy: %v, want event 2", err)
	}
	// What was before the copy began is nobody's fault.
	late := bytes.Join(lines[1:4], nil)
	if n, err := ReadOnly(dir).Against(bytes.NewReader(late)); n != 3 || err != nil {
		t.Errorf("a copy that begins later: %d, %v", n, err)
	}
	if _, err := ReadOnly(dir).Against(bytes.NewReader(nil)); err == nil {
		t.Error("an empty copy passes")
	}
}

// The list of how far runs had come is missed where there are journals: without it
// an event could be cut from an end. A new start does not hide that.
func TestMissingHeadsAreFound(t *testing.T) {
	dir, _ := two(t)
	if err := os.Remove(filepath.Join(dir, headsFile)); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	if _, err := ReadOnly(dir).Verify(); !errors.As(err, &broken) || broken.File != headsFile {
		t.Errorf("read by another process: %v, want that heads is missing", err)
	}
	d := open(t, dir)
	defer d.Close()
	if _, err := d.Append(runner.Event{Run: "dev-1", Kind: runner.Note}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Verify(); !errors.As(err, &broken) || broken.File != brokenHeads {
		t.Errorf("after a new start: %v, want %s", err, brokenHeads)
	}
	empty := open(t, t.TempDir())
	defer empty.Close()
	if _, err := empty.Verify(); err != nil {
		t.Errorf("a new folder: %v", err)
	}
}

// An event that is durable is never reported as failed, also where the list of
// heads cannot be written; when it can be again all is verified.
func TestDurableThoughHeadsAreNotWritten(t *testing.T) {
	dir, _ := two(t)
	d := open(t, dir)
	heads := filepath.Join(dir, headsFile)
	if err := os.Rename(heads, heads+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(heads, 0o700); err != nil { // Nothing can be written there, as on a full disk.
		t.Fatal(err)
	}
	for range 2 {
		if _, err := d.Append(runner.Event{Run: "dev-1", Kind: runner.Note, Why: "durable"}); err != nil {
			t.Fatalf("an event that is durable: %v", err)
		}
	}
	if events, err := d.Events("dev-1"); err != nil || len(events) != 6 {
		t.Errorf("%d events, %v; want 6", len(events), err)
	}
	if err := os.Remove(heads); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Append(runner.Event{Run: "dev-1", Kind: runner.Note, Why: "there is room again"}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if chains, err := ReadOnly(dir).Verify(); err != nil || len(chains) != 2 || chains[1].Events != 7 {
		t.Errorf("afterwards: %+v, %v", chains, err)
	}
}
