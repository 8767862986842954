package tools

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// An entry is one line of a host's journal.
type entry struct {
	Time       int64  `json:"t"` // Microseconds since 1970.
	Host       string `json:"host"`
	Unit       string `json:"unit"`
	Identifier string `json:"id"`
	PID        int    `json:"pid"`
	Message    string `json:"msg"`
}

// A journal is the file that all units of a host log to.
type journal struct {
	mu   sync.Mutex
	file *os.File
	host string
}

func journalPath(root string) string { return filepath.Join(root, "var/log/journal/journal.jsonl") }

func openJournal(root, host string) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(journalPath(root)), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(journalPath(root), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{file: f, host: host}, nil
}

func (j *journal) add(unit, identifier string, pid int, message string) {
	line, err := json.Marshal(entry{time.Now().UnixMicro(), j.host, unit, identifier, pid, message})
	if err != nil {
		return // Strings and numbers always marshal.
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.file.Write(append(line, '\n')) // As with the real one, a full disk loses log lines.
}

// copy logs every line of r until its end.
func (j *journal) copy(r io.Reader, unit, identifier string, pid int) {
	lines := bufio.NewReaderSize(r, 48<<10) // The real one cuts lines at 48 K, too.
	for {
		line, _, err := lines.ReadLine()
		if err != nil {
			return
		}
		j.add(unit, identifier, pid, string(line))
	}
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.file.Close()
}

// readJournal returns the entries that keep says to keep.
func readJournal(root string, keep func(entry) bool) ([]entry, error) {
	f, err := os.Open(journalPath(root))
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []entry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) == nil && keep(e) {
			all = append(all, e)
		}
	}
	return all, lines.Err()
}
