package health

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Match is a finding and how often a log has it.
type Match struct {
	Finding  string   `json:"finding"`
	Severity Severity `json:"severity"`
	Count    int      `json:"count"`
	First    string   `json:"first"` // Time stamp as the line has it, "" if it has none.
	Last     string   `json:"last"`
	Example  string   `json:"example"` // The first line, cut.
	Files    []string `json:"files"`
}

// maxLine is how much of a line is looked at, in bytes; what is longer is
// looked at in pieces.
const maxLine = 64 << 10

// maxExample is how much of a line is shown, in runes.
const maxExample = 300

// A Scanner reads logs line by line, in constant memory.
type Scanner struct {
	matches []Match // Parallel to LogFindings.
}

// Read scans one log; name is for Match.Files.
func (s *Scanner) Read(r io.Reader, name string) error {
	if s.matches == nil {
		s.matches = make([]Match, len(LogFindings))
	}
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		s.line(line, name)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("scan %s: %w", name, err)
		}
	}
}

func (s *Scanner) line(line []byte, name string) {
	for i := range LogFindings {
		n := LogFindings[i].count(line)
		if n == 0 {
			continue
		}
		m := &s.matches[i]
		at := stamp(line)
		if m.Count == 0 {
			m.Finding, m.Severity, m.First, m.Example = LogFindings[i].ID, LogFindings[i].Severity, at, example(line)
		}
		if at != "" {
			m.Last = at
		}
		m.Count += n
		if !slices.Contains(m.Files, name) {
			m.Files = append(m.Files, name)
		}
	}
}

// count is the number of matches in a line.
func (f *LogFinding) count(line []byte) int {
	n := 0
	for _, l := range f.literals {
		n += bytes.Count(line, []byte(l))
	}
	if n == 0 || f.pattern == nil {
		return n
	}
	n = 0
	for _, m := range f.pattern.FindAll(line, -1) {
		if !f.not.Match(m) {
			n++
		}
	}
	return n
}

// Matches returns what was found, in the order of the table.
func (s *Scanner) Matches() []Match {
	found := []Match{}
	for _, m := range s.matches {
		if m.Count > 0 {
			found = append(found, m)
		}
	}
	return found
}

// stamp returns the time stamp at the start of a line of glog ("I1123
// 09:14:28.817") or of a journal ("2026-11-23T09:14:28+00:00"), "" if there is none.
func stamp(line []byte) string {
	s := string(line[:min(len(line), 40)])
	if len(s) > 20 && strings.ContainsRune("IWEF", rune(s[0])) && s[5] == ' ' {
		return strings.TrimRight(s[1:min(len(s), 21)], " [")
	}
	if f, _, ok := strings.Cut(s, " "); ok && len(f) >= 19 && f[4] == '-' && f[10] == 'T' {
		return f
	}
	return ""
}

// example is a line as it may be shown: valid UTF-8, no control characters, cut.
func example(line []byte) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(line), ""))
	if runes := []rune(s); len(runes) > maxExample {
		return string(runes[:maxExample]) + "…"
	}
	return s
}

// DecodeMatches reads what `log scan --json` printed.
func DecodeMatches(b []byte) ([]Match, error) {
	var m []Match
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("findings of a log: %w", err)
	}
	return m, nil
}
