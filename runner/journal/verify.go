package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
)

// Verify reads every run's journal, or only those that are named, and reports
// what they end with. The error is a *BrokenError where a byte was changed, or
// an event is missing, stands in another place or was added.
func (d *Dir) Verify(only ...string) ([]runner.Chain, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	heads, err := d.known()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(d.path, brokenHeads)); err == nil {
		return nil, &BrokenError{brokenHeads, 1, "the list of how far each run had come was changed, or lost in a power failure: compare with a copy (--against), then move the file away"}
	}
	runs := map[string]bool{}
	for run := range maps.Keys(heads) {
		runs[run] = true
	}
	files, err := filepath.Glob(filepath.Join(d.path, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	for _, f := range files {
		runs[strings.TrimSuffix(filepath.Base(f), ".jsonl")] = true
	}
	var chains []runner.Chain
	for _, run := range slices.Sorted(maps.Keys(runs)) {
		if len(only) > 0 && !slices.Contains(only, run) {
			continue
		}
		events, t, err := d.read(run, heads)
		if err != nil {
			return chains, err
		}
		// A line that a crash tore was never told to anybody; one that was torn by
		// hand looks the same, and its head tells.
		chains = append(chains, runner.Chain{Run: run, Events: len(events), Head: t.hash})
	}
	return chains, nil
}

// Raw are the bytes of a run's journal, for whoever verifies it elsewhere.
func (d *Dir) Raw(run string) ([]byte, error) {
	path, err := d.file(run)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	heads, err := d.known()
	if err != nil {
		return nil, err
	}
	_, t, err := d.read(run, heads)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return text[:min(int64(len(text)), t.size)], nil
}

// VerifyFile reads one journal that stands by itself, such as that of an
// incident pack.
func VerifyFile(path string) (runner.Chain, error) {
	events, t, err := read(path, head{})
	if err != nil {
		return runner.Chain{}, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() != t.size {
		return runner.Chain{}, &BrokenError{filepath.Base(path), len(events) + 1, "its last line is cut"}
	}
	if len(events) == 0 {
		return runner.Chain{}, fmt.Errorf("journal %s: it has no events", path)
	}
	return runner.Chain{Run: events[0].Run, Events: len(events), Head: t.hash}, nil
}

// Against compares the journals with a copy of their lines that was kept
// elsewhere, both ways: each line of the copy must stand in its run, byte for byte,
// and each event since the copy begins must stand in the copy, else it was added
// here or the copy missed it. It returns how many lines the copy has.
func (d *Dir) Against(r io.Reader) (int, error) {
	c := copyOf{runs: map[string]map[string]bool{}, held: map[[sha256.Size]byte]bool{}}
	in := bufio.NewReaderSize(r, 64<<10)
	n := 0
	for {
		raw, err := readLine(in)
		if errors.Is(err, io.EOF) {
			break // What is left without a newline was torn by a crash.
		}
		if err != nil {
			return n, fmt.Errorf("copy: line %d: %w", n+1, err)
		}
		if err := c.add(d, raw); err != nil {
			return n, fmt.Errorf("copy: line %d: %w", n+1, err)
		}
		n++
	}
	if n == 0 {
		return 0, errors.New("copy: it has no lines")
	}
	return n, c.lacks(d)
}

// A copyOf the journals, as far as it was read.
type copyOf struct {
	runs  map[string]map[string]bool // The lines of the runs that it names, as they lie here.
	held  map[[sha256.Size]byte]bool // Hashes of its own lines.
	since time.Time                  // Of its earliest event.
}

// A copiedLine is what is read of a line.
type copiedLine struct {
	Event struct {
		Run string    `json:"run"`
		Seq int       `json:"seq"`
		At  time.Time `json:"at"`
	} `json:"event"`
}

// add takes a line of the copy, which must stand in its run.
func (c *copyOf) add(d *Dir, raw []byte) error {
	var l copiedLine
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	run := l.Event.Run
	if c.runs[run] == nil {
		text, err := d.Raw(run)
		if err != nil {
			return err
		}
		c.runs[run] = map[string]bool{}
		for line := range bytes.Lines(text) {
			c.runs[run][string(line)] = true
		}
	}
	if !c.runs[run][string(raw)] {
		return &BrokenError{cmp.Or(run, "?") + ".jsonl", max(l.Event.Seq, 1), fmt.Sprintf("event %d is not the one that the copy holds", l.Event.Seq)}
	}
	c.held[sha256.Sum256(raw)] = true
	if c.since.IsZero() || l.Event.At.Before(c.since) {
		c.since = l.Event.At
	}
	return nil
}

// lacks reports the first event here, since the copy begins, that it does not hold.
func (c *copyOf) lacks(d *Dir) error {
	runs, err := d.Runs()
	if err != nil {
		return err
	}
	for _, run := range runs {
		text, err := d.Raw(run)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			var l copiedLine
			if err := json.Unmarshal(line, &l); err != nil {
				return err
			}
			if !c.held[sha256.Sum256(line)] && !l.Event.At.Before(c.since) {
				return &BrokenError{run + ".jsonl", l.Event.Seq, fmt.Sprintf("event %d stands here and not in the copy: it was added here, or the copy missed it (aurorabot_audit_copy_missed_total counts those)", l.Event.Seq)}
			}
		}
	}
	return nil
}
