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
	"time"

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
	compare(t, from, "log-scan", run(t, dir, "log", "scan", "a.log", "b.log.1", "quiet"))
	compare(t, from, "log-scan-quiet", run(t, dir, "log", "scan", "quiet"))
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

// A journal without any line of the unit has no findings, and that it is silent
// is said: a scheduler that runs logs elsewhere then.
func TestLogScanSilentUnit(t *testing.T) {
	for script, silent := range map[string]bool{
		"echo '-- No entries --'": true, ":": true, "echo '-- Logs begin at Mon 2026-11-23 09:14:28 UTC. --'; echo '-- No entries --'": true,
		"echo '-- Logs begin at Mon 2026-11-23 09:14:28 UTC. --'; echo 2026-11-23T09:14:28+0000 h1 aurora: x": false, "echo x-y": false,
	} {
		journal(t, script+"\n")
		got := run(t, "", unitWords...)
		if got.exit != exitDone || strings.TrimSpace(got.out) != "[]" || strings.Contains(got.err, health.NothingLogged) != silent {
			t.Errorf("%s: %+v; want silent %v", script, got, silent)
		}
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

// A scheduler that logs to files: those rotated beside it are read too, packed
// or not, back to a time; what is older is left out, over New Year as well.
func TestLogScanRotated(t *testing.T) {
	dir := t.TempDir()
	since := time.Date(2027, 1, 1, 0, 30, 0, 0, time.Local).Add(-time.Hour) // In the old year.
	line := func(at time.Time) string {
		return at.Format("I0102 15:04:05.000000") + " 100 x] Timeout performing log append\n"
	}
	pack := func(text string) string {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		fmt.Fprint(w, text)
		w.Close()
		return z.String()
	}
	for name, f := range map[string]struct {
		text string
		last time.Time
	}{
		"scheduler.log":             {line(since.Add(50*time.Minute)) + "no stamp: Timeout performing log append\n", since.Add(50 * time.Minute)},
		"scheduler.log.1":           {line(since.Add(-time.Minute)) + line(since.Add(time.Minute)), since.Add(time.Minute)},
		"scheduler.log-20261231.gz": {pack(line(since.Add(-2*time.Minute)) + line(since)), since.Add(10 * time.Second)},
		"scheduler.log.3.gz":        {pack(line(since.Add(-48 * time.Hour))), since.Add(-47 * time.Hour)},
		"other.log":                 {line(since.Add(time.Minute)), since.Add(time.Minute)},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), f.last, f.last); err != nil {
			t.Fatal(err)
		}
	}
	scan := func(pattern string, words ...string) outcome {
		return runAt(t, dir, since.Add(time.Hour), append([]string{"log", "scan", "--json", "--since", fmt.Sprint(since.Unix()), pattern}, words...)...)
	}
	got := scan("scheduler.log", "--rotated")
	if c := matches(t, got); got.exit != exitDone || c["log-write-timeout"] != 4 {
		t.Errorf("%+v: %v, want 4: two after the time, one at it, one that does not say when", got, c)
	}
	if found, _ := health.DecodeMatches([]byte(got.out)); len(found) != 1 || len(found[0].Files) != 3 || found[0].Files[0] != "scheduler.log-20261231.gz" {
		t.Errorf("files %+v, want three, oldest first", found)
	}
	if c := matches(t, scan("sched*.log", "--rotated")); c["log-write-timeout"] != 4 {
		t.Errorf("by a pattern: %v, want the same", c)
	}
	if c := matches(t, scan("scheduler.log")); c["log-write-timeout"] != 2 {
		t.Errorf("without what was rotated: %v", c)
	}
	if got := scan("nothing.log", "--rotated"); got.exit != exitError || got.out != "" || !strings.Contains(got.err, "none that was rotated") {
		t.Errorf("a log that is not there: %+v", got)
	}
	old := runAt(t, dir, since.Add(time.Hour), "log", "scan", "--json", "--since", fmt.Sprint(since.Add(2*time.Hour).Unix()), "--rotated", "scheduler.log")
	if old.exit != exitDone || strings.TrimSpace(old.out) != "[]" || !strings.Contains(old.err, health.NothingLogged) {
		t.Errorf("nothing was logged since: %+v; want an empty array, and that it is said", old)
	}
}

// With --rotated no link is followed, wherever a pattern finds it: what it points to
// may be what the writer of the logs may not read.
func TestRotatedFollowsNoLinks(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	text := "W1123 Timed out waiting for a write to the log\nsecret Storage write timeout\n"
	for _, name := range []string{secret, filepath.Join(dir, "whole.log")} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"linked.log", "whole.log.1", "whole.log-20260102.gz"} {
		if err := os.Symlink(secret, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	got := run(t, dir, "log", "scan", "--json", "--rotated", "linked.log")
	if got.exit != exitError || got.out != "" || !strings.Contains(got.err, "is a link, which is not followed") {
		t.Errorf("a link: %+v", got)
	}
	files, err := rotated([]string{filepath.Join(dir, "whole.log")}, time.Time{})
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "whole.log" {
		t.Errorf("beside a file: %v, %v", files, err)
	}
	// A file that becomes a link between the look and the opening.
	if err := new(call).scanFile(t.Context(), &health.Scanner{}, filepath.Join(dir, "linked.log"), true); err == nil {
		t.Error("a link was read")
	}
	if got := run(t, dir, "log", "scan", "--json", "linked.log"); got.exit != exitDone {
		t.Errorf("a person who names a link: %+v", got)
	}
}
