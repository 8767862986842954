package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
// elsewhere: each line of the copy must stand in its run, byte for byte. It
// returns how many there were.
func (d *Dir) Against(r io.Reader) (int, error) {
	runs, n := map[string]map[string]bool{}, 0
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		raw, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return n, nil // What is left without a newline was torn by a crash.
		}
		if err != nil {
			return n, fmt.Errorf("copy: line %d: %w", n+1, err)
		}
		var l struct {
			Event struct {
				Run string `json:"run"`
				Seq int    `json:"seq"`
			} `json:"event"`
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			return n, fmt.Errorf("copy: line %d: %w", n+1, err)
		}
		run := l.Event.Run
		if runs[run] == nil {
			text, err := d.Raw(run)
			if err != nil {
				return n, err
			}
			runs[run] = map[string]bool{}
			for line := range bytes.Lines(text) {
				runs[run][string(line)] = true
			}
		}
		if !runs[run][string(raw)] {
			return n, &BrokenError{cmp.Or(run, "?") + ".jsonl", max(l.Event.Seq, 1), fmt.Sprintf("event %d is not the one that the copy holds", l.Event.Seq)}
		}
		n++
	}
}
