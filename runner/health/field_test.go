package health

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Lines whose time stands above them, or before their own words in somebody else's
// way, are of that time: what is weeks old is not of the last hour.
func TestTimesOfOtherMakers(t *testing.T) {
	old, err := os.ReadFile("testdata/field/jul-two-line-stamps.log")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	const said = "Elected as leading scheduler!"
	for name, line := range map[string]string{
		"java.util.logging":            "%[1]s com.example.Class method\nINFO: " + said,
		"java.util.logging, a stack":   "%[1]s com.example.Class method\nSEVERE: a failure\n" + strings.Repeat("\tat com.example.Class.method(Class.java:1)\n", 20) + "Caused by: " + said,
		"a container's prefix":         "%[2]sI1130 11:30:00.000000  1 x.cpp:1] " + said,
		"brackets":                     "[%[3]s] " + said,
		"slashes":                      "%[4]s INFO " + said,
		"seconds since 1970":           "%[5]d " + said,
		"milliseconds":                 "%[5]d000 " + said,
		"JSON":                         `{"log":"` + said + `","stream":"stderr","time":"%[3]s"}`,
		"JSON of a logger":             `{"level":"info","ts":%[5]d.25,"message":"` + said + `"}`,
		"compose":                      "aurora_1     | %[3]s " + said,
		"compose, glog":                "aurora_1 | I%[6]s  1 x.cpp:1] " + said,
		"syslog with a priority":       "<30>%[7]s host aurora: " + said,
		"syslog, new, with a priority": "<30>1 %[3]s host aurora 1 - - " + said,
		"Tomcat":                       "%[8]s INFO [main] " + said,
	} {
		at := func(when time.Time) string {
			return fmt.Sprintf(line, when.Format("Jan 2, 2006 3:04:05 PM"), when.Format("1/2/2006 3:04:05 PM"), when.Format(time.RFC3339),
				when.Format("2006/01/02 15:04:05"), when.Unix(), when.Format("0102 15:04:05.000000"), when.Format("Jan _2 15:04:05"), when.Format("02-Jan-2006 15:04:05.000")) + "\n"
		}
		for _, tt := range []struct {
			when time.Time
			want int
		}{{now.Add(-30 * time.Minute), 1}, {now.Add(-21 * 24 * time.Hour), 0}} {
			text := at(tt.when)
			if i := strings.Index(text, "%!(EXTRA"); i >= 0 {
				text = text[:i] + "\n"
			}
			s := Scanner{Since: now.Add(-time.Hour), Now: now}
			if err := s.Read(strings.NewReader(text), "f"); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, m := range s.Matches() {
				if m.Finding == "elected" {
					n = m.Count
				} else {
					t.Errorf("%s: %s in %q", name, m.Finding, text)
				}
			}
			if n != tt.want {
				t.Errorf("%s, %s ago: counted %d times, want %d: %q", name, now.Sub(tt.when), n, tt.want, text)
			}
		}
	}

	// The field's file, weeks old; and the same where its stamps are in another piece
	// of the log than its words.
	s := Scanner{Since: now.Add(-time.Hour), Now: now}
	if err := s.Read(bytes.NewReader(old), "f"); err != nil || len(s.Matches()) != 0 {
		t.Errorf("weeks old: %+v, %v", s.Matches(), err)
	}
	far := bytes.Repeat([]byte("Oct 11, 2026 3:35:37 PM a.b.C d\nINFO: nothing that matters here, in a line that fills the log\n"), 2*chunk/90)
	s = Scanner{Since: now.Add(-time.Hour), Now: now}
	for cut := range 200 {
		text := append(bytes.Clone(far[cut:]), "Oct 11, 2026 3:35:38 PM a.b.C d\nINFO: Elected as leading scheduler!\n"...)
		if err := s.Read(bytes.NewReader(text), "f"); err != nil || len(s.Matches()) != 0 {
			t.Fatalf("cut by %d: %+v, %v", cut, s.Matches(), err)
		}
	}
	// Another log's last time is not this one's.
	if err := s.Read(strings.NewReader("Elected as leading scheduler!\n"), "g"); err != nil || len(s.Matches()) != 1 || s.Matches()[0].Finding != "lines-without-time" {
		t.Errorf("a line without time in another log: %+v, %v", s.Matches(), err)
	}
}

// Both ways in which Mesos says that the framework is gone.
func TestFrameworkRemoved(t *testing.T) {
	for _, name := range []string{"framework-removed", "completed-framework"} {
		log, err := os.ReadFile("testdata/field/" + name + ".log")
		if err != nil {
			t.Fatal(err)
		}
		var s Scanner
		if err := s.Read(bytes.NewReader(log), name); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, m := range s.Matches() {
			found = found || m.Finding == "framework-removed" && m.Severity == Critical
		}
		if !found {
			t.Errorf("%s: %+v", name, s.Matches())
		}
	}
}
