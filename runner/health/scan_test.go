package health

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		for _, m := range s.Matches() {
			got[m.Finding] = m.Count
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
	for _, f := range LogFindings {
		if f.ID == "" || ids[f.ID] || f.Means == "" || f.Do == "" || len(f.literals) == 0 || (f.pattern == nil) != (f.not == nil) {
			t.Errorf("finding %+v", f)
		}
		ids[f.ID] = true
	}
	if Critical.AtLeast(Warning) != true || Info.AtLeast(Warning) != false || Severity("odd").AtLeast(Critical) != true {
		t.Error("severities are not in order")
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("I1123 09:14:34.148787  6247 replica.cpp:795] Replica recovered with log positions 0 -> 0 with 3 holes and 2 unlearned\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Scanner
		if err := s.Read(bytes.NewReader(b), "f"); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(s.Matches()); err != nil {
			t.Fatal(err)
		}
	})
}
