package health

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aurorabot/runner/bound"
)

// A Match is a finding and how often a log has it.
type Match struct {
	Finding  string   `json:"finding"`
	Severity Severity `json:"severity"`
	Count    int      `json:"count"`
	First    string   `json:"first"`   // Earliest time stamp, as its line has it; "" if none has one.
	Last     string   `json:"last"`    // Latest.
	Example  string   `json:"example"` // The first line, cut.
	Files    []string `json:"files"`

	// FirstAt and LastAt are the times that First and Last mean, where the log is
	// of this host: only with Scanner.Since. Zero: not known.
	FirstAt time.Time `json:"first_at,omitzero"`
	LastAt  time.Time `json:"last_at,omitzero"`
	// Times are when the newest ones were logged, oldest first, at most mostTimes:
	// only with Scanner.Since, and of what is counted over time.
	Times []time.Time `json:"times,omitempty"`
}

// mostTimes is how many times of one finding are kept.
const mostTimes = 32

const (
	// chunk is how much of a log is held at a time, in bytes.
	chunk = 256 << 10
	// longLine is from where on a line is looked at in pieces.
	longLine = 64 << 10
	// overlap is what two pieces of a long line have in common, so that nothing
	// is missed between them. Half of it is more than a match is long.
	overlap = 1 << 10
	// maxExample is how much of a line is shown, in runes.
	maxExample = 300
)

// NothingLogged is said where a log that was asked for since a time has no line
// since then, whatever it says.
const NothingLogged = "nothing was logged since then"

// A Scanner reads logs in one pass and in constant memory. Logs in UTF-16 are
// read too; what is no text is an error, since it can't be told what is in it.
type Scanner struct {
	Since time.Time // Lines of before are left out, and those of which nobody can tell when they were written. Zero: none is.
	Now   time.Time // For stamps without year and zone: they are not later, and of its zone. Needed with Since.

	above   string  // The last stamp of what was counted so far of this log.
	known   int     // Up to where in the text at hand lines were gone back through,
	stamped string  // and the stamp that was found there.
	matches []Match // Parallel to LogFindings.
	lines   int     // That were looked at, for what was found in them.
	buffer  []byte
}

// Read scans one log; name is for Match.Files.
func (s *Scanner) Read(r io.Reader, name string) error {
	if s.matches == nil {
		s.matches = make([]Match, len(LogFindings))
		s.buffer = make([]byte, chunk)
	}
	in, err := text(r)
	if err != nil {
		return fmt.Errorf("scan %s: %w", name, err)
	}
	s.above = ""
	held, counted := 0, 0 // Bytes in the buffer; where what is not yet counted begins.
	for {
		n, err := io.ReadFull(in, s.buffer[held:])
		held += n
		text := s.buffer[:held]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			s.count(text, counted, held, name)
			return endOf(in, name)
		}
		if err != nil {
			return fmt.Errorf("scan %s: %w", name, err)
		}
		whole := bytes.LastIndexByte(text, '\n') + 1
		if held-whole <= longLine {
			s.count(text[:whole], counted, whole, name)
			held, counted = copy(s.buffer, text[whole:]), 0
			continue
		}
		s.count(text, counted, held-overlap/2, name)
		held, counted = copy(s.buffer, text[held-overlap:]), overlap/2
	}
}

// endOf tells a log that ends from one that is cut: gzip files know.
func endOf(in io.Reader, name string) error {
	if _, err := in.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("scan %s: %w", name, err)
	}
	return nil
}

// count counts what begins in text from from on and before to.
func (s *Scanner) count(text []byte, from, to int, name string) {
	s.known = 0
	// A line can hold thousands of what is looked for: it is looked at once.
	begins, ends, when := 0, -1, ""
	theSearch().in(text, func(at int, l *literal) {
		if at < from || at >= to {
			return
		}
		f := &LogFindings[l.kind]
		if f.pattern != nil && !f.stands(text, at, len(l.text)) {
			return
		}
		if at < begins || at >= ends {
			begins, ends = lineAt(text, at)
			when = s.dated(text, at)
			s.lines++
		}
		line, m := text[begins:ends], &s.matches[l.kind]
		if !s.Since.IsZero() && when == "" {
			m = &s.matches[undated]
			f = &LogFindings[undated]
		} else if !s.Since.IsZero() && s.before(when) {
			return
		}
		if m.Count == 0 {
			m.Finding, m.Severity, m.Example = f.ID, f.Severity, example(line, l.text)
		}
		if when != "" && (m.First == "" || earlier(when, m.First)) {
			m.First, m.FirstAt = when, s.at(when)
		}
		if when != "" && (m.Last == "" || !earlier(when, m.Last)) {
			m.Last, m.LastAt = when, s.at(when)
		}
		if f.Severity != Info || f.ID == "elected" {
			m.remember(s.at(when))
		}
		m.Count++
		if n := len(m.Files); (n == 0 || m.Files[n-1] != name) && !slices.Contains(m.Files, name) {
			m.Files = append(m.Files, name)
		}
	})
	if to > 0 {
		s.above = s.dated(text[:to], to-1)
	}
}

// undated is the kind of a line that may be of any time.
var undated = slices.IndexFunc(LogFindings, func(k Kind) bool { return k.ID == "lines-without-time" })

// stackLines is how many lines are gone back to find when a line was written: those
// below a stamp are its own, such as the second line of java.util.logging, and a
// stack.
const stackLines = 64

// dated is the stamp of the line at at, or the one above it.
func (s *Scanner) dated(text []byte, at int) string {
	end, when := at, s.above
	for range stackLines {
		from := bytes.LastIndexByte(text[:at], '\n') + 1
		if from < s.known {
			when = s.stamped
			break
		}
		_, to := lineAt(text, from)
		if when = stamp(text[from:to]); when != "" {
			break
		}
		if when = s.above; from == 0 {
			break
		}
		at, when = from-1, ""
	}
	s.known, s.stamped = max(s.known, end), when
	return when
}

// remember keeps the newest times in order: files are read in any.
func (m *Match) remember(at time.Time) {
	if at.IsZero() || len(m.Times) == mostTimes && at.Before(m.Times[0]) {
		return
	}
	i, _ := slices.BinarySearchFunc(m.Times, at, time.Time.Compare)
	if m.Times = slices.Insert(m.Times, i, at); len(m.Times) > mostTimes {
		m.Times = slices.Delete(m.Times, 0, 1)
	}
}

// at is the time that a stamp means, zero where that is not known.
func (s *Scanner) at(when string) time.Time {
	at, ok := moments(when, s.Now)
	if !ok || s.Since.IsZero() {
		return time.Time{}
	}
	return at.UTC()
}

// before reports whether a time stamp is surely earlier than Since.
func (s *Scanner) before(when string) bool {
	at, ok := moments(when, s.Now)
	return ok && at.Before(s.Since)
}

// stands tells whether the pattern of k matches around the literal at at.
func (k *Kind) stands(text []byte, at, length int) bool {
	from := max(at-64, 0)
	around := text[from:min(at+length+160, len(text))]
	for _, m := range k.pattern.FindAllIndex(around, -1) {
		found := around[m[0]:m[1]]
		if from+m[0] <= at && at+length <= from+m[1] && !bytes.ContainsRune(found, '\n') {
			return !k.not.Match(found)
		}
	}
	return false
}

// lineAt is the line around at, as far as it is at hand.
func lineAt(text []byte, at int) (from, to int) {
	from = bytes.LastIndexByte(text[:at], '\n') + 1
	to = len(text)
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		to = at + n
	}
	return from, to
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

// example is a line as it may be shown: valid UTF-8, no control characters,
// cut so that what was found in it stands in it.
func example(line []byte, what string) string {
	if at := bytes.Index(line, []byte(what)); at > maxExample-len(what) {
		line = append([]byte("… "), line[at-40:]...)
	}
	if len(line) > 8*maxExample {
		line = line[:8*maxExample]
	}
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

// maxDecoded bounds what the findings of one log become in memory, in bytes.
const maxDecoded = 16 << 20

// DecodeMatches reads what `log scan --json` printed.
func DecodeMatches(b []byte) ([]Match, error) {
	var m []Match
	if err := bound.JSON(b, &m, maxDecoded); err != nil {
		return nil, fmt.Errorf("findings of a log: %w", err)
	}
	return m, nil
}
