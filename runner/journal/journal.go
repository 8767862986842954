// Package journal keeps the events of runs on disk: JSON lines, synced, chained
// by hash, one file per run, in a folder that one process owns.
//
// A line is {"prev":HASH,"hash":HASH,"event":{…}}: hash is SHA-256 over prev and
// the bytes of event, prev the hash of the line before, "" at the start. So a
// changed byte, a missing and a reordered line are found by reading. The file
// "heads" says how far each run had come, so that lines, or a whole run, that are
// missing at the end are found too. Who may write to the folder can make all of
// it anew: a copy elsewhere (see [Dir]) is what tells then.
package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"aurorabot/runner"
	"aurorabot/runner/durable"
)

// maxLine bounds one event, in bytes. A plan of 50 hosts takes less than 1 MiB.
const maxLine = 16 << 20

var runID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// ErrLocked is wrapped by [Open] when another process owns the folder.
var ErrLocked = errors.New("another process owns it")

// A Dir is a folder of journals. It implements [runner.Journal].
type Dir struct {
	path string
	lock *os.File

	// Copy is told every line once it is durable. It must not block and cannot
	// fail the run. Nil: there is no copy. Set before the first Append.
	Copy func(e runner.Event, line []byte, hash string)

	mu       sync.Mutex
	tails    map[string]tail
	behind   bool // The file of heads lacks some, and its last line may be torn.
	heads    map[string]head
	memories map[string]*memory
	asked    int              // How often they were asked for.
	began    map[string]int64 // When runs began, for [Dir.Runs], once it was read.
}

// A tail is where a run's file ends.
type tail struct {
	seq  int
	hash string
	size int64 // Of the whole lines; a torn line behind it is cut at the next append.
}

type line struct {
	Prev  string          `json:"prev"`
	Hash  string          `json:"hash"`
	Event json.RawMessage `json:"event"`
}

// Open opens the folder at path, creates it (0700) if it is missing, and locks
// it for this process until Close.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("journal %s: %w", path, ErrLocked)
		}
		return nil, fmt.Errorf("journal: lock %s: %w", path, err)
	}
	heads, err := openHeads(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Dir{path: path, lock: lock, tails: map[string]tail{}, heads: heads, memories: map[string]*memory{}, began: map[string]int64{}}, nil
}

// ReadOnly opens the folder for reading, whoever owns it. Append fails.
func ReadOnly(path string) *Dir { return &Dir{path: path, tails: map[string]tail{}} }

// Close gives the folder up.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}

func (d *Dir) file(run string) (string, error) {
	if !runID.MatchString(run) {
		return "", fmt.Errorf("journal: %q is no run ID", run)
	}
	return filepath.Join(d.path, run+".jsonl"), nil
}

// Append gives e its Seq, writes it and syncs it. The folder is synced too when
// the run is new.
func (d *Dir) Append(e runner.Event) (runner.Event, error) {
	if d.lock == nil {
		return e, errors.New("journal: opened read-only")
	}
	path, err := d.file(e.Run)
	if err != nil {
		return e, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t, known := d.tails[e.Run]
	if !known {
		if _, t, err = d.read(e.Run, d.heads); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return e, err
		}
	}
	e.Seq = t.seq + 1
	raw, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("journal %s: encode event: %w", e.Run, err)
	}
	hash := chain(t.hash, raw)
	whole, err := json.Marshal(line{Prev: t.hash, Hash: hash, Event: raw})
	if err != nil {
		return e, fmt.Errorf("journal %s: encode line: %w", e.Run, err)
	}
	whole = append(whole, '\n')
	before, ok := d.recall(e.Run)
	ok = ok && len(before) == t.seq || t.seq == 0
	// After an error it is unknown what lies on disk: the next append reads.
	delete(d.tails, e.Run)
	delete(d.memories, e.Run)
	st, err := d.write(path, t.size, whole)
	if err != nil {
		return e, err
	}
	// As it will be read back: what was given may hold more than what was written.
	if ok && st != nil {
		if own, _, what := decode(whole, t); what == "" {
			d.remember(e.Run, append(before, own), st)
		}
	}
	d.tails[e.Run] = tail{seq: e.Seq, hash: hash, size: t.size + int64(len(whole))}
	d.heads[e.Run] = head{e.Seq, hash}
	d.noteHead(e.Run)
	if d.Copy != nil {
		d.Copy(e, whole, hash)
	}
	return e, nil
}

// write returns what the file is like afterwards.
func (d *Dir) write(path string, at int64, whole []byte) (os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(at); err != nil { // A torn line of a crash.
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := f.WriteAt(whole, at); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if at == 0 {
		if err := durable.SyncDir(d.path); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
	st, err := f.Stat()
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // The event is durable; that it is not remembered costs one reading.
	}
	return st, nil
}

// Events returns all events of a run, oldest first; none if there is no such
// run. A last line that a crash tore is left out: it was never acted on.
func (d *Dir) Events(run string) ([]runner.Event, error) {
	if _, err := d.file(run); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if events, ok := d.recall(run); ok {
		return events, nil
	}
	heads, err := d.known()
	if err != nil {
		return nil, err
	}
	st, _ := os.Stat(filepath.Join(d.path, run+".jsonl"))
	events, t, err := d.read(run, heads)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && st != nil && st.Size() == t.size {
		d.remember(run, slices.Clone(events), st)
	}
	return events, err
}

// read reads a run and holds it against its head.
func (d *Dir) read(run string, heads map[string]head) ([]runner.Event, tail, error) {
	path, err := d.file(run)
	if err != nil {
		return nil, tail{}, err
	}
	at, has := heads[run]
	events, t, err := read(path, at)
	if has && errors.Is(err, fs.ErrNotExist) {
		return nil, t, &BrokenError{filepath.Base(path), 1, fmt.Sprintf("the file is missing: it had %d events", at.seq)}
	}
	return events, t, err
}

// Runs returns the IDs of all runs, in the order of their first event. The owner
// reads each journal once for it.
func (d *Dir) Runs() ([]string, error) {
	names, err := filepath.Glob(filepath.Join(d.path, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	type began struct {
		run string
		at  int64
	}
	var all []began
	for _, n := range names {
		run := strings.TrimSuffix(filepath.Base(n), ".jsonl")
		at, known := d.beganAt(run)
		if !known {
			events, err := d.Events(run)
			if err != nil {
				return nil, err
			}
			if len(events) == 0 {
				continue
			}
			at = events[0].At.UnixNano()
			d.beganIs(run, at)
		}
		all = append(all, began{run, at})
	}
	slices.SortStableFunc(all, func(a, b began) int { return int(min(max(a.at-b.at, -1), 1)) })
	runs := make([]string, len(all))
	for i, b := range all {
		runs[i] = b.run
	}
	return runs, nil
}

func chain(prev string, event []byte) string {
	h := sha256.New()
	h.Write([]byte(prev))
	h.Write(event)
	return hex.EncodeToString(h.Sum(nil))
}

// A BrokenError says where a journal was changed.
type BrokenError struct {
	File string
	Line int // From 1. Zero: the file as a whole.
	What string
}

func (e *BrokenError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("journal %s: %s", e.File, e.What)
	}
	return fmt.Sprintf("journal %s: line %d: %s", e.File, e.Line, e.What)
}

// read returns the events of a file and where it ends. A torn last line is
// left out; everything else that is wrong is a *BrokenError, also that it ends
// before at.
func read(path string, at head) ([]runner.Event, tail, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, tail{}, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	return readFrom(f, filepath.Base(path), at)
}

// readFrom reads a journal from r; name is for errors. A zero at asks nothing.
func readFrom(r io.Reader, name string, at head) ([]runner.Event, tail, error) {
	var events []runner.Event
	var t tail
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		raw, err := readLine(in)
		if errors.Is(err, io.EOF) { // What is left without a newline was torn by a crash.
			if t.seq < at.seq {
				return events, t, &BrokenError{name, n, fmt.Sprintf("it ends after event %d, but event %d was written", t.seq, at.seq)}
			}
			return events, t, nil
		}
		if err != nil {
			return events, t, &BrokenError{name, n, err.Error()}
		}
		e, hash, what := decode(raw, t)
		if what != "" {
			return events, t, &BrokenError{name, n, what}
		}
		if e.Seq == at.seq && hash != at.hash {
			return events, t, &BrokenError{name, n, "another event than the one that was written: this line and those after it, or the whole file, were rewritten"}
		}
		events = append(events, e)
		t = tail{seq: e.Seq, hash: hash, size: t.size + int64(len(raw))}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := in.ReadSlice('\n')
		whole = append(whole, part...)
		if len(whole) > maxLine {
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return whole, err
		}
	}
}

func decode(raw []byte, t tail) (e runner.Event, hash, what string) {
	var l line
	if err := json.Unmarshal(raw, &l); err != nil {
		return e, "", "not a line of a journal: " + err.Error()
	}
	// Written again it must be the same bytes: the hash covers the event only.
	again, err := json.Marshal(l)
	if err != nil {
		return e, "", "not a line of a journal: " + err.Error()
	}
	switch {
	case !bytes.Equal(append(again, '\n'), raw):
		return e, "", "not as it was written"
	case l.Prev != t.hash:
		return e, "", "a line before it is missing, changed or in another place"
	case chain(l.Prev, l.Event) != l.Hash:
		return e, "", "changed after it was written"
	}
	if err := json.Unmarshal(l.Event, &e); err != nil {
		return e, "", "event: " + err.Error()
	}
	if e.Seq != t.seq+1 {
		return e, "", fmt.Sprintf("event %d follows event %d", e.Seq, t.seq)
	}
	return e, l.Hash, ""
}
