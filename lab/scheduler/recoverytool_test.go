package scheduler

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/backup"
	botreplica "aurorabot/runner/replica"
)

// The stand-in answers as the real recovery-tool did: exit status, the exception's
// class, and what the log is afterwards.
func TestRecoveryTool(t *testing.T) {
	t.Parallel()
	recorded := readRecorded(t)
	good := unzipped(t, "testdata/recovery-tool/backup.gz")
	file := func(b []byte) string {
		p := filepath.Join(t.TempDir(), "backup")
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	backup := "-backup=" + file(good)
	for _, c := range []struct {
		name   string
		args   []string // Besides those that all have.
		before func(t *testing.T, log string)
	}{
		{"good", []string{backup}, initialized},
		{"quorum1-explicit", []string{backup, "-native_log_quorum_size=1"}, initialized},
		{"batch-size-1000", []string{backup, "-batch-size=1000"}, initialized},
		{"nofile", []string{"-backup=/nosuch"}, initialized},
		{"nobackupflag", nil, initialized},
		{"notinit-missing", []string{backup}, nil},
		{"notinit-emptydir", []string{backup}, func(t *testing.T, log string) { must(t, os.Mkdir(log, 0o755)) }},
		{"quorum2", []string{backup, "-native_log_quorum_size=2"}, initialized},
		{"unknown-flag", []string{backup, "-cluster_name=real"}, initialized},
		{"trunc60", []string{"-backup=" + file(good[:len(good)*6/10])}, initialized},
		{"trunc1", []string{"-backup=" + file(good[:len(good)-1])}, initialized},
		{"empty", []string{"-backup=" + file(nil)}, initialized},
		{"twice", []string{backup}, func(t *testing.T, log string) {
			initialized(t, log)
			if status, out := loadInto(t, log, time.Minute, backup); status != 0 {
				t.Fatalf("the first one: %d\n%s", status, out)
			}
		}},
		{"b-trunc60-then-good", []string{backup}, func(t *testing.T, log string) {
			initialized(t, log)
			if status, _ := loadInto(t, log, time.Minute, "-backup="+file(good[:len(good)*6/10])); status != 1 {
				t.Fatalf("the first one: %d", status)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want, ok := recorded[c.name]
			if !ok {
				t.Fatal("there is no recording of that name")
			}
			log := filepath.Join(t.TempDir(), "log")
			if c.before != nil {
				c.before(t, log)
			}
			limit := time.Minute
			if want.hangs {
				limit = time.Second
			}
			status, out := loadInto(t, log, limit, c.args...)
			if hung := status == 128+15; hung != want.hangs || !hung && status != want.exit {
				t.Errorf("exit status %d, want %+v\n%s", status, want, out)
			}
			if class := thrownIn(out); class != want.class {
				t.Errorf("threw %q, want %q", class, want.class)
			}
			if got := after(t, log); got != want.after {
				t.Errorf("the log afterwards:\n%s\nwant\n%s", got, want.after)
			}
		})
	}
}

// What it loads is the backup, as our own readers see it.
func TestRecoveryToolLoadsAll(t *testing.T) {
	t.Parallel()
	good := unzipped(t, "testdata/recovery-tool/backup.gz")
	file, log := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "log")
	must(t, os.WriteFile(file, good, 0o600))
	initialized(t, log)
	if status, out := loadInto(t, log, time.Minute, "-backup="+file); status != 0 {
		t.Fatalf("%d\n%s", status, out)
	}
	snap, _, err := botreplica.Salvage(t.Context(), []string{log}, botreplica.SalvageOptions{})
	must(t, err)
	var made bytes.Buffer
	must(t, backup.Write(&made, snap))
	d, err := backup.CompareFiles(bytes.NewReader(good), bytes.NewReader(made.Bytes()))
	if err != nil || !d.Empty() {
		t.Errorf("%v, %+v", err, d)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func initialized(t *testing.T, log string) {
	t.Helper()
	must(t, InitLog(log))
}

func loadInto(t *testing.T, log string, limit time.Duration, args ...string) (status int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var b bytes.Buffer
	all := append([]string{"recovery-tool", "-from", "BACKUP", "-to", "LOG", "-native_log_file_path=" + log, "-native_log_zk_group_path=/aurora/replicated-log", "-zk_endpoints=127.0.0.1:2"}, args...)
	status = recoveryTool(ctx, all, io.Discard, &b, []string{"LIBPROCESS_IP=127.0.0.1"})
	return status, b.String()
}

// A recordedRun is one line pair of c-recovery-tool.txt.
type recordedRun struct {
	exit  int
	hangs bool
	class string
	after string
}

func readRecorded(t *testing.T) map[string]recordedRun {
	t.Helper()
	text, err := os.ReadFile("testdata/recovery-tool/c-recovery-tool.txt")
	must(t, err)
	runs, name := map[string]recordedRun{}, ""
	for line := range strings.Lines(string(text)) {
		if _, words, ok := strings.Cut(line, "log after:"); ok {
			r := runs[name]
			r.after = strings.Join(strings.Fields(words), " ")
			runs[name] = r
			continue
		}
		_, rest, _ := strings.Cut(line, " ")
		var r recordedRun
		var head, words string
		name, words, _ = strings.Cut(rest, ": exit ")
		head, words, _ = strings.Cut(words, ";")
		if _, err := fmt.Sscanf(head, "%d", &r.exit); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		r.hangs, r.class = r.exit == 124, thrownIn(words)
		runs[name] = r
	}
	return runs
}

func thrownIn(text string) string {
	_, rest, ok := strings.Cut(text, `Exception in thread "main" `)
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "\n")
	class, _, _ := strings.Cut(rest, ":")
	class, _, _ = strings.Cut(class, "~")
	return strings.TrimSpace(class)
}

// after is what our own reader says of the log, in the words of the recording.
func after(t *testing.T, log string) string {
	t.Helper()
	p, err := botreplica.Inspect(t.Context(), log)
	must(t, err)
	s := fmt.Sprintf("state %s; status %s; positions %d to %d; appends %d, %d bytes;", p.State, p.Status, p.Begin, p.End, p.Appends, p.AppendBytes)
	if a := p.Aurora; a != nil && p.Appends > 0 {
		if a.LastTransaction < 0 {
			return s + " last transaction none;"
		}
		s += fmt.Sprintf(" last transaction at %d; operations", a.LastTransaction)
		var ops []string
		for _, name := range []string{"saveHostAttributes", "saveQuota", "saveCronJob", "saveFrameworkId", "saveTasks"} {
			ops = append(ops, fmt.Sprintf(" %s %d", name, a.Ops[name]))
		}
		s += strings.Join(ops, ",") + ";"
	}
	return s
}

func unzipped(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}
