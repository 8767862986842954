package health

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// added are the kinds that the recordings' list does not know.
var added = []string{"framework-known", "catch-up-started", "group-joined", "replica-votes", "replica-status-changed"}

// unlisted is what the recordings hold of kinds that came after their list.
var unlisted = map[string]map[string]int{"aurora/logs/normal-start/scheduler-1.full.log.gz": {"out-of-memory": 1}}

// Every recorded log gives the findings and counts that the recordings list.
func TestScanRecordings(t *testing.T) {
	raw, err := os.ReadFile("testdata/logs-expect.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]int
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/logs.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for logs := tar.NewReader(gz); ; seen++ {
		h, err := logs.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var s Scanner
		if err := s.Read(logs, h.Name); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for kind, n := range unlisted[h.Name] {
			want[h.Name][kind] = n
		}
		for _, m := range s.Matches() {
			// The recordings name every finding that they list; others may be added, to know and not to worry.
			if _, listed := want[h.Name][m.Finding]; listed || m.Severity != Info || !slices.Contains(added, m.Finding) {
				got[m.Finding] = m.Count
			}
			if m.Example == "" || m.Files[0] != h.Name {
				t.Errorf("%s: %+v", h.Name, m)
			}
		}
		if d := cmp.Diff(want[h.Name], got); d != "" {
			t.Errorf("%s: %s", h.Name, d)
		}
	}
	if seen != len(want) {
		t.Errorf("%d logs read, %d expected", seen, len(want))
	}
}

// Lines of a megabyte, cut lines, other encodings: counted or passed over, never a failure.
func TestScanOddLines(t *testing.T) {
	long := strings.Repeat("x", 1<<20) + "Elected as leading scheduler!\n"
	var s Scanner
	if err := s.Read(strings.NewReader(long+"\xff\xfeE\x00l\x00\n\x1b[31mElected as leading scheduler!"), "f"); err != nil {
		t.Fatal(err)
	}
	m := s.Matches()
	if len(m) != 1 || m[0].Count != 2 || strings.ContainsAny(m[0].Example, "\x1b\x00") || len([]rune(m[0].Example)) > maxExample+1 {
		t.Errorf("%+v", m)
	}
}

func TestTableIsWhole(t *testing.T) {
	ids := map[string]bool{}
	for i := range Kinds {
		f := &Kinds[i]
		if f.ID == "" || ids[f.ID] || f.Means == "" || f.Wants() == "" || f.Do == "" || (f.pattern == nil) != (f.not == nil) {
			t.Errorf("finding %+v", f)
		}
		if f.Severity != Info && f.Severity != Warning && f.Severity != Critical {
			t.Errorf("finding %s: severity %q", f.ID, f.Severity)
		}
		ids[f.ID] = true
	}
	for i := range LogFindings {
		if len(LogFindings[i].literals) == 0 && i != undated {
			t.Errorf("finding %s has no literal", LogFindings[i].ID)
		}
	}
	if Critical.AtLeast(Warning) != true || Info.AtLeast(Warning) != false || Severity("odd").AtLeast(Critical) != true {
		t.Error("severities are not in order")
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("I1123 09:14:34.148787  6247 replica.cpp:795] Replica recovered with log positions 0 -> 0 with 3 holes and 2 unlearned\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Scanner
		if err := s.Read(bytes.NewReader(b), "f"); err != nil && !errors.Is(err, errNoText) {
			t.Fatal(err)
		}
		if _, err := json.Marshal(s.Matches()); err != nil {
			t.Fatal(err)
		}
	})
}

// Every way to write a line of the table is found, once, and nothing else is.
func TestEveryLineIsFound(t *testing.T) {
	figures := map[string]string{
		"holes-at-start":     "I1123 09:14:34.148 6247 replica.cpp:795] Replica recovered with log positions 3 -> 90 with 2 holes and 0 unlearned\n",
		"unlearned-at-start": "I1123 09:14:34.148 6247 replica.cpp:795] Replica recovered with log positions 3 -> 90 with 1 holes and 7 unlearned\n",
	}
	for i := range LogFindings {
		f := &LogFindings[i]
		for _, text := range f.literals {
			line := "I1123 09:14:34.148 6247 x.cpp:1] " + text + "\n"
			if figures[f.ID] != "" {
				line = figures[f.ID]
			}
			var s Scanner
			if err := s.Read(strings.NewReader("an ordinary line\n"+line+"another\n"), "f"); err != nil {
				t.Fatal(err)
			}
			if m := s.Matches(); len(m) != 1 || m[0].Finding != f.ID || m[0].Count != 1 || m[0].First != "1123 09:14:34.148" {
				t.Errorf("%q: %+v, want one %s", line, m, f.ID)
			}
		}
	}
	// Nearly the lines of the table.
	var s Scanner
	near := "Replica recovered with log positions 0 -> 5 with 0 holes and 0 unlearned\nReplica recovered with log positions 0 -> 5 with 1 holes\nReplica is in VOTED status\nelected as leading scheduler!\nReplica recovered with log\npositions 0 -> 5 with 3 holes\n"
	if err := s.Read(strings.NewReader(near), "f"); err != nil || len(s.Matches()) != 0 {
		t.Errorf("%+v, %v; want nothing", s.Matches(), err)
	}
}

// The same text gives the same counts wherever the pieces it is read in end,
// also in the middle of a line of megabytes.
func TestScanAcrossPieces(t *testing.T) {
	found := "Elected as leading scheduler!"
	holes := "Replica recovered with log positions 3 -> 90 with 2 holes and 5 unlearned"
	for _, at := range []int{0, chunk - 40, chunk - overlap, chunk - overlap/2 - 10, chunk - overlap/2, chunk, chunk + 1, 2*chunk - 2*overlap, 3 * chunk} {
		for shift := range 60 {
			text := strings.Repeat("x", at+shift) + found + strings.Repeat("y", 700) + holes + strings.Repeat("z", 2*chunk) + found + "\n" + found + "\n"
			var s Scanner
			if err := s.Read(strings.NewReader(text), "f"); err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, m := range s.Matches() {
				got[m.Finding] = m.Count
			}
			if d := cmp.Diff(map[string]int{"elected": 3, "holes-at-start": 1, "unlearned-at-start": 1}, got); d != "" {
				t.Fatalf("at %d: %s", at+shift, d)
			}
		}
	}
}

// UTF-16, with and without a mark, in both orders, says the same as ASCII.
func TestScanOtherEncodings(t *testing.T) {
	line := "I1123 09:14:34.148 6247 x] Lost leadership, committing suicide — \U0001F4A5\n"
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		for _, mark := range []string{"", "\ufeff"} {
			var wide []byte
			for _, u := range utf16.Encode([]rune(mark + strings.Repeat("an ordinary line\n", 3000) + line)) {
				wide = order.AppendUint16(wide, u)
			}
			var s Scanner
			if err := s.Read(bytes.NewReader(wide), "f"); err != nil {
				t.Fatal(err)
			}
			if m := s.Matches(); len(m) != 1 || m[0].Finding != "leadership-lost" || m[0].First == "" {
				t.Errorf("%s endian, mark %q: %+v", name, mark, m)
			}
		}
	}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		for _, mark := range []string{"", "\ufeff"} {
			var wide []byte
			for _, u := range mark + strings.Repeat("an ordinary line\n", 3000) + line {
				wide = order.AppendUint32(wide, uint32(u))
			}
			var s Scanner
			if err := s.Read(bytes.NewReader(append(wide, 0)), "f"); err != nil {
				t.Fatal(err)
			}
			if m := s.Matches(); len(m) != 1 || m[0].Finding != "leadership-lost" || m[0].First == "" {
				t.Errorf("UTF-32, %s endian, mark %q: %+v", name, mark, m)
			}
		}
	}
	latin := "M\xfcller: Timeout performing log append in 3 s \xb5\r\n"
	var s Scanner
	if err := s.Read(strings.NewReader(latin), "f"); err != nil || len(s.Matches()) != 1 || !utf8.ValidString(s.Matches()[0].Example) {
		t.Errorf("Latin-1: %+v, %v", s.Matches(), err)
	}
}

// What is no text can't be told, and is never a log without findings.
func TestScanPacked(t *testing.T) {
	for name, magic := range packed {
		var s Scanner
		if err := s.Read(bytes.NewReader(append(slices.Clone(magic), "rest of the file"...)), "scheduler.log.2"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	random := make([]byte, 8192)
	rand.NewChaCha8([32]byte{}).Read(random)
	for name, b := range map[string][]byte{"journalctl": []byte(journalMagic + "\x00\x00Elected as leading scheduler!"), "none of a log's": random} {
		var s Scanner
		if err := s.Read(bytes.NewReader(b), "f"); !errors.Is(err, errNoText) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What a power failure leaves in a log is no reason not to read it.
	var hole Scanner
	if err := hole.Read(strings.NewReader(strings.Repeat("\x00", 5000)+"I1123 09:14:34.148 6247 x] Elected as leading scheduler!\n"), "f"); err != nil || len(hole.Matches()) != 1 || hole.Matches()[0].First == "" {
		t.Errorf("a block of zeros: %+v, %v", hole.Matches(), err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(bytes.Repeat([]byte("Elected as leading scheduler!\n"), 100000))
	w.Close()
	cut, err := gzip.NewReader(bytes.NewReader(z.Bytes()[:z.Len()-20]))
	if err != nil {
		t.Fatal(err)
	}
	var s Scanner
	if err := s.Read(cut, "f"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut gzip file: %v", err)
	}
}

// glog writes no year: over New Year the first is in December, also when the
// rotated file is read last.
func TestStampsOverNewYear(t *testing.T) {
	old := "I1231 23:58:00.000 1 x] Elected as leading scheduler!\nI1231 23:59:59.999 1 x] Elected as leading scheduler!\n"
	now := "I0101 00:00:01.000 1 x] Elected as leading scheduler!\nI0101 07:00:00.000 1 x] Elected as leading scheduler!\n"
	for name, files := range map[string][]string{"in order": {old, now}, "newest first": {now, old}} {
		var s Scanner
		for _, f := range files {
			if err := s.Read(strings.NewReader(f), "f"); err != nil {
				t.Fatal(err)
			}
		}
		if m := s.Matches()[0]; m.First != "1231 23:58:00.000" || m.Last != "0101 07:00:00.000" {
			t.Errorf("%s: from %s to %s", name, m.First, m.Last)
		}
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"0228 10:00:00", "0301 09:00:00", true}, {"0301 09:00:00", "0228 10:00:00", false}, {"0229 10:00:00.5", "0301 09:00:00", true},
		{"1231 23:59:59", "0101 00:00:00", true}, {"0101 00:00:00", "1231 23:59:59", false},
		// Zones count where they are written.
		{"2026-11-23T09:00:00+0200", "2026-11-23T08:00:00+0000", true}, {"2026-11-23T09:00:00+00:00", "2026-11-23T08:00:00+00:00", false},
		// Hours apart and in other zones.
		{"2026-11-23T23:30:00+0900", "2026-11-23T10:00:00-0500", true},
		{"2025-11-23T09:00:00Z", "2026-11-23T08:00:00Z", true}, {"nothing", "0101 00:00:00", false},
	} {
		if got := earlier(tt.a, tt.b); got != tt.want {
			t.Errorf("earlier(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

// A line's time is found behind what journals, loggers and terminals put before it.
func TestStampOf(t *testing.T) {
	const rest = " 6247 x] Elected as leading scheduler!"
	for line, want := range map[string]string{
		"I1123 09:14:28.817":                                      "1123 09:14:28.817",
		"I20261123 09:14:28.817":                                  "20261123 09:14:28.817",
		"\x1b[33mI1123 09:14:28.817":                              "1123 09:14:28.817",
		"\ufeffI1123 09:14:28":                                    "1123 09:14:28",
		"\x00\x00I1123 09:14:28":                                  "1123 09:14:28",
		"MESSAGE=I1123 09:14:28.817":                              "1123 09:14:28.817",
		`{"MESSAGE":"I1123 09:14:28.817`:                          "1123 09:14:28.817",
		"Nov 23 08:00:00 h1 aurora[12]: I1123 09:14:28.817":       "1123 09:14:28.817",
		"Nov 23 08:00:00 h1 aurora[12]: ":                         "Nov 23 08:00:00",
		"Nov  3 08:00:00 h1 aurora[12]: ":                         "Nov 3 08:00:00",
		"2026-11-23T09:14:28.817000+0100 h1 x[1]: I1123 01:00:00": "2026-11-23T09:14:28.817000+0100",
		"2026-11-23T09:14:28Z":                                    "2026-11-23T09:14:28Z",
		"2026-11-23 09:14:28,817 INFO":                            "2026-11-23 09:14:28,817",
		"at I1399 09:14:28":                                       "",
		"I1123 25:14:28":                                          "",
		"task F1234 is gone":                                      "",
		"":                                                        "",
	} {
		if got := stamp([]byte(line + rest)); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
		if _, ok := parseStamp(want); ok != (want != "") {
			t.Errorf("%q is not read again", want)
		}
	}
}

// A stamp means a time: that of its zone, or of the reader's; without a year of
// the last twelve months.
func TestMoments(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	now := time.Date(2027, 1, 1, 0, 30, 0, 0, berlin)
	for _, tt := range []struct{ stamp, want string }{
		{"1231 23:59:59", "2026-12-31T22:59:59Z"}, {"0101 00:10:00", "2026-12-31T23:10:00Z"}, {"0101 23:00:00", "2027-01-01T22:00:00Z"},
		{"0102 00:30:00", "2027-01-01T23:30:00Z"}, {"0102 00:30:01", "2026-01-01T23:30:01Z"}, {"0301 00:00:00", "2026-02-28T23:00:00Z"},
		{"Nov 23 09:14:28", "2026-11-23T08:14:28Z"}, {"Jan 1 00:10:00", "2026-12-31T23:10:00Z"}, {"20261123 09:14:28.5", "2026-11-23T08:14:28Z"}, {"2026-11-23 09:14:28,5", "2026-11-23T08:14:28Z"},
		{"2026-11-23T09:14:28+0530", "2026-11-23T03:44:28Z"}, {"2026-11-23T09:14:28Z", "2026-11-23T09:14:28Z"}, {"2026-11-23T09:14:28", "2026-11-23T08:14:28Z"},
		{"Oct 11, 2026 3:35:37 PM", "2026-10-11T14:35:37Z"}, {"23-May-2026 21:55:18.123", "2026-05-23T20:55:18Z"}, {"2026/11/30 09:14:28", "2026-11-30T08:14:28Z"},
		{"5/23/2026 9:55:18 PM", "2026-05-23T20:55:18Z"}, {"1795426468", "2026-11-23T09:34:28Z"}, {"1795426468.5", "2026-11-23T09:34:28Z"}, {"1795426468500", "2026-11-23T09:34:28Z"},
	} {
		if got, ok := moments(tt.stamp, now); !ok || got.UTC().Format(time.RFC3339) != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.stamp, got.UTC().Format(time.RFC3339), ok, tt.want)
		}
	}
	if _, ok := moments("soon", now); ok {
		t.Error("a word is a time")
	}
	// A line that does not say when counts for nothing, and is told of.
	s := Scanner{Since: now, Now: now}
	if err := s.Read(strings.NewReader("1 Elected as leading scheduler!\nI1231 20:00:00.000 1 x] Elected as leading scheduler!\nI0101 00:30:00.000 1 x] Elected as leading scheduler!\n"), "f"); err != nil || len(s.Matches()) != 2 || s.Matches()[0].Finding != "lines-without-time" || s.Matches()[0].Count != 1 ||
		s.Matches()[1].Count != 1 || !s.Matches()[1].LastAt.Equal(now) || !s.Matches()[1].FirstAt.Equal(now) {
		t.Errorf("%+v, %v", s.Matches(), err)
	}
	// Of a log at hand nobody knows where it was written.
	at := Scanner{Now: now}
	if err := at.Read(strings.NewReader("I0101 00:30:00.000 1 x] Elected as leading scheduler!\n"), "f"); err != nil || !at.Matches()[0].LastAt.IsZero() {
		t.Errorf("%+v, %v", at.Matches(), err)
	}
}

// The framework's id stands in the line of its first registration; "Found
// persisted framework ID" comes with the next start only (recorded).
func TestFirstRegistrationTellsTheFramework(t *testing.T) {
	var s Scanner
	line := `I1130 12:17:30.437 [Thread-27, MesosCallbackHandler$MesosCallbackHandlerImpl] Registered with ID value: "9aa4ac93-b1a8-4bcb-a6f6-3ad56c8d10dd-0000"` + "\n"
	if err := s.Read(strings.NewReader(line), "x"); err != nil {
		t.Fatal(err)
	}
	if m := s.Matches(); len(m) != 1 || m[0].Finding != "framework-known" || !strings.Contains(m[0].Example, "9aa4ac93") {
		t.Errorf("found %+v", m)
	}
}

// The framework's id is known by the first registration as well as by later starts.
func TestFrameworkInALine(t *testing.T) {
	for line, want := range map[string]string{
		`I1130 12:17:31.185 [StandInSchedulerDriver, MesosCallbackHandler$MesosCallbackHandlerImpl] Registered with ID value: "4fd49ef0-d83c-4879-9bd9-d9b4ab49e8bd-0000"`: "4fd49ef0-d83c-4879-9bd9-d9b4ab49e8bd-0000",
		`I1123 08:49:48.676 [SchedulerDriverService STARTING, SchedulerDriverService] Found persisted framework ID: Optional[9aa4-0000] `:                                  "9aa4-0000",
		`nothing of it`: "",
	} {
		if got := FrameworkIn(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// A line that holds what is looked for thousands of times is looked at once.
func TestLineIsLookedAtOnce(t *testing.T) {
	var s Scanner
	literal := LogFindings[0].literals[0]
	if err := s.Read(strings.NewReader(strings.Repeat(strings.Repeat(literal+" ", 50_000/len(literal))+"\n", 10)), "log"); err != nil {
		t.Fatal(err)
	}
	if s.lines == 0 || s.lines > 10 {
		t.Errorf("lines were looked at %d times, want 10 at most", s.lines)
	}
}
