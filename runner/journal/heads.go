package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"aurorabot/runner/durable"
)

// headsFile says of every run how far it had come: lines of run, number of the
// event, its hash; the last line of a run counts. It is not synced: after a power
// failure it may be behind, which says nothing; what it does say was on the disk.
const headsFile = "heads"

// brokenHeads is where a file of heads is kept that could not be read.
const brokenHeads = "heads.broken"

// maxHeads bounds the file, in bytes: it is written anew at every start.
const maxHeads = 64 << 20

// A head is an event that a run had.
type head struct {
	seq  int
	hash string
}

func (h head) line(run string) string { return fmt.Sprintf("%s %d %s\n", run, h.seq, h.hash) }

func readHeads(dir string) (map[string]head, error) {
	heads := map[string]head{}
	path := filepath.Join(dir, headsFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if journals, err := filepath.Glob(filepath.Join(dir, "*.jsonl")); err != nil || len(journals) > 0 {
			return heads, &BrokenError{headsFile, 0, "missing, though there are journals: how far each run had come is not known, so an event cut from an end would not be noticed"}
		}
		return heads, nil
	}
	if err == nil && info.Size() > maxHeads {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxHeads)
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		whole := bytes.HasSuffix(line, []byte("\n"))
		f := strings.Fields(string(line))
		var h head
		if len(f) == 3 {
			h.seq, err = strconv.Atoi(f[1])
			h.hash = f[2]
		}
		if len(f) != 3 || err != nil || len(h.hash) != 64 || !runID.MatchString(f[0]) || h.line(f[0]) != string(line) {
			if !whole {
				break // Torn by a crash.
			}
			return heads, &BrokenError{headsFile, n, "changed after it was written"}
		}
		if was := heads[f[0]]; h.seq < was.seq {
			return heads, &BrokenError{headsFile, n, fmt.Sprintf("%s goes back from event %d to %d", f[0], was.seq, h.seq)}
		}
		heads[f[0]] = h
	}
	return heads, nil
}

// openHeads reads the file for the process that owns the folder. A file that is
// not as it was written must not keep the bot from starting, for a power failure
// does that too: it is set aside, and [Dir.Verify] says so.
func openHeads(dir string) (map[string]head, error) {
	heads, err := readHeads(dir)
	var broken *BrokenError
	switch {
	case errors.As(err, &broken) && broken.Line > 0:
		err = os.Rename(filepath.Join(dir, headsFile), filepath.Join(dir, brokenHeads))
	case broken != nil:
		// It is missing beside journals: that it was is not forgotten by making it anew.
		err = durable.Replace(filepath.Join(dir, brokenHeads), []byte(broken.What+"\n"), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return heads, writeHeads(dir, heads)
}

// writeHeads writes the file anew, one line for each run.
func writeHeads(dir string, heads map[string]head) error {
	var lines []string
	for run, h := range heads {
		lines = append(lines, h.line(run))
	}
	slices.Sort(lines)
	path := filepath.Join(dir, headsFile)
	if err := durable.Replace(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// noteHead writes down how far a run has come. That it can't is no failure of the
// event, which is durable: the file may be behind, and is written anew as soon as
// there is room.
func (d *Dir) noteHead(run string) {
	write := func() error { return addHead(d.path, run, d.heads[run]) }
	if d.behind {
		write = func() error { return writeHeads(d.path, d.heads) } // A line in it may be torn.
	}
	d.behind = write() != nil
}

func addHead(dir, run string, h head) error {
	f, err := os.OpenFile(filepath.Join(dir, headsFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(h.line(run)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// known are the heads: this process's own, or the file's where another one owns
// the folder.
func (d *Dir) known() (map[string]head, error) {
	if d.lock != nil {
		return d.heads, nil
	}
	return readHeads(d.path)
}
