package files

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner/health"
)

const lines = `I1123 09:14:20.000000 100 LogStorage.java:1] Elected as leading scheduler!
W1123 09:14:21.000000 100 replica.cpp:633] Replica in RECOVERING status received a broadcasted recover request
W1123 09:14:23.000000 100 replica.cpp:633] Replica in RECOVERING status received a broadcasted recover request
nothing here
`

const critical = "E1123 09:14:28.817000 100 x] Timeout performing log append\n"

func logs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	fmt.Fprint(w, critical)
	w.Close()
	for name, text := range map[string]string{
		"a.log": lines, "b.log.1": z.String(), "quiet": "nothing here\n",
		"info": strings.SplitAfter(lines, "\n")[0], "cut.gz": z.String()[:z.Len()-9],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func matches(t *testing.T, got outcome) map[string]int {
	t.Helper()
	found, err := health.DecodeMatches([]byte(got.out))
	if err != nil {
		t.Fatalf("%v: %q", err, got.out)
	}
	counts := map[string]int{}
	for _, m := range found {
		counts[m.Finding] = m.Count
	}
	return counts
}

// One array with each finding and its count, whatever the form of the files.
func TestLogScanJSON(t *testing.T) {
	dir := logs(t)
	got := runIn(t, dir, critical+critical, "log", "scan", "--json", "a.log", "b.log.1", "-")
	if c := matches(t, got); got.exit != exitDone || len(c) != 3 || c["replica-recovering"] != 2 || c["log-write-timeout"] != 3 || c["elected"] != 1 {
		t.Errorf("exit status %d, %v", got.exit, c)
	}
	if got := run(t, dir, "log", "scan", "--json", "quiet"); got.exit != exitDone || strings.TrimSpace(got.out) != "[]" {
		t.Errorf("a quiet log: %+v, want an empty array", got)
	}
	// A part that can't be read is an error; what the rest says is still said.
	got = run(t, dir, "log", "scan", "--json", "a.log", "gone", "cut.gz", "--severity", "info")
	if c := matches(t, got); got.exit != exitError || c["elected"] != 1 || !strings.Contains(got.err, "read log gone") || !strings.Contains(got.err, "scan cut.gz: unexpected EOF") {
		t.Errorf("with files that can't be read: %+v", got)
	}
	if got := run(t, dir, "log", "scan", "--json", "gone"); got.exit != exitError || got.out != "" {
		t.Errorf("nothing could be read: %+v, want no document", got)
	}
}

// Exit status 6 is for findings as bad as asked for, on both sides of each.
func TestLogScanSeverity(t *testing.T) {
	dir := logs(t)
	for _, tt := range []struct {
		words string
		exit  int
	}{
		{"quiet", exitDone},
		{"b.log.1", exitDone},
		{"--severity info quiet", exitDone},
		{"--severity info info", exitFindings},
		{"--severity warning info", exitDone},
		{"--severity warning a.log", exitFindings},
		{"--severity=critical a.log", exitDone},
		{"--severity=critical a.log b.log.1", exitFindings},
	} {
		for _, form := range []string{"", "--json "} {
			if got := run(t, dir, strings.Fields("log scan "+form+tt.words)...); got.exit != tt.exit || got.err != "" || got.out == "" {
				t.Errorf("log scan %s%s: %+v, want exit status %d", form, tt.words, got, tt.exit)
			}
		}
	}
}

func TestLogScanPages(t *testing.T) {
	from, dir := here(t), logs(t)
	golden(t, from, "log-scan", run(t, dir, "log", "scan", "a.log", "b.log.1", "quiet"))
	golden(t, from, "log-scan-quiet", run(t, dir, "log", "scan", "quiet"))
}

// journal puts a journalctl of the test's own in front of the machine's.
func journal(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

var unitWords = []string{"log", "scan", "--json", "--unit", "aurora-scheduler", "--since", "1764000000"}

// A unit's journal is read through journalctl, with exactly these arguments.
func TestLogScanUnit(t *testing.T) {
	journal(t, `[ "$*" = "-u aurora-scheduler --since @1764000000 -o short-iso-precise --no-pager" ] || { echo "arguments: $*" >&2; exit 9; }
echo '2026-11-23T09:14:28.817000+0000 h1 aurora[12]: `+strings.TrimSpace(critical)+`'
`)
	got := run(t, "", unitWords...)
	if got.exit != exitDone {
		t.Fatalf("%+v", got)
	}
	var found []health.Match
	if err := json.Unmarshal([]byte(got.out), &found); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Finding != "log-write-timeout" || found[0].First != "2026-11-23T09:14:28.817000+0000" || found[0].Files[0] != "aurora-scheduler" {
		t.Errorf("found %+v", found)
	}
}

// A journal that can't be read, or only in part, is never a journal without findings.
func TestLogScanUnitThatCannotBeRead(t *testing.T) {
	for name, tt := range map[string]struct{ script, err string }{
		"fails at once":      {"echo 'Failed to open journal: no' >&2; exit 1", "exit status 1: Failed to open journal: no"},
		"fails in the end":   {"echo some; exit 3", "exit status 3"},
		"shows a part":       {"echo some; echo 'Hint: You are currently not seeing messages from other users and the system.' >&2", "not seeing messages"},
		"has no journal":     {"echo 'No journal files were found.' >&2; echo '-- No entries --'", "No journal files were found"},
		"is killed":          {"echo some; kill -9 $$", "signal: killed"},
		"says very much":     {"i=0; while [ $i -lt 3000 ]; do echo 0123456789 >&2; i=$((i+1)); done; exit 1", "0123456789"},
		"is not there, or …": {"exit 127", "exit status 127"},
	} {
		t.Run(name, func(t *testing.T) {
			journal(t, tt.script+"\n")
			if got := run(t, "", unitWords...); got.exit != exitError || got.out != "" || !strings.Contains(got.err, tt.err) || len(got.err) > 20<<10 {
				t.Errorf("%+v; want exit status 1, no document and %q", got, tt.err)
			}
		})
	}
	t.Run("no journalctl", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if got := run(t, "", unitWords...); got.exit != exitError || got.out != "" || !strings.Contains(got.err, "start journalctl") || !strings.Contains(got.err, "hint: ") {
			t.Errorf("%+v", got)
		}
	})
}
