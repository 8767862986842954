package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// a page is a lab that waits for people, with the bot's calls to Slack on record.
type page struct {
	t      *testing.T
	temp   string // What the lab makes lies in it.
	record string
}

// openPage starts a lab whose bot has more in its configuration, with more options.
func openPage(t *testing.T, configuration string, options ...string) *page {
	t.Helper()
	temp, err := os.MkdirTemp("", "lab-")
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, temp: temp, record: filepath.Join(t.TempDir(), "record")}
	file := filepath.Join(t.TempDir(), "more.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(labProgram, append([]string{"--bot", botProgram, "--record", p.record, "--configure", file}, options...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the lab: %v", err)
		}
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the lab: %v\n%s", err, said.String())
		}
		left, err := os.ReadDir(temp)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		os.RemoveAll(temp)
	})
	return p
}

// live is the folder of the lab's own cluster: the first one, since a drill makes
// one of its own beside it and takes it away.
func (p *page) live() string {
	p.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(p.temp, "aurora-lab-*"))
	if err != nil || len(dirs) == 0 {
		p.t.Fatalf("no folder of a cluster: %v", err)
	}
	begun := func(dir string) time.Time {
		info, err := os.Stat(filepath.Join(dir, "s1", "etc"))
		if err != nil {
			return time.Now()
		}
		return info.ModTime()
	}
	return slices.MinFunc(dirs, func(a, b string) int { return begun(a).Compare(begun(b)) })
}

// posted are the bodies of what the bot posted, as text.
func (p *page) posted() []string {
	text, err := os.ReadFile(p.record)
	if err != nil {
		return nil
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		var call struct {
			Method string
			Body   json.RawMessage
		}
		if json.Unmarshal([]byte(line), &call) == nil && call.Method == "chat.postMessage" {
			list = append(list, string(call.Body))
		}
	}
	return list
}

// wait returns the first message after the first skip ones that holds words.
func (p *page) wait(within time.Duration, skip int, words string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), within)
	defer cancel()
	for ctx.Err() == nil {
		posted := p.posted()
		if i := slices.IndexFunc(posted[min(skip, len(posted)):], func(m string) bool { return strings.Contains(m, words) }); i >= 0 {
			return posted[skip+i]
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.t.Fatalf("nothing with %q was posted within %s; what was:\n%.3000s", words, within, strings.Join(p.posted(), "\n"))
	return ""
}

// A drill that the clock holds takes the newest backup through the whole recipe
// on a cluster of its own, and says so in the channel. When the newest backup is
// broken, the next one fails, and says that. The live cluster stays as it is.
func TestDrill(t *testing.T) {
	t.Parallel()
	p := openPage(t, fmt.Sprintf(`drill:
  lab: %q
  schedules: [{name: often, cron: "@every 1m", channel: C0INC00001}]
`, labProgram))
	first := p.wait(240*time.Second, 0, "a cluster was recovered from the newest backup")
	for _, words := range []string{"scheduler-backup-2026-11-23-08-36", "65 tasks exactly", "reinitialize", "schedule often, lab"} {
		want := strings.ReplaceAll(words, "65 tasks exactly", "65 tasks are exactly those staged")
		if !strings.Contains(first, want) {
			t.Errorf("the report of the drill has no %q:\n%s", want, first)
		}
	}
	live := p.live()
	backups, err := filepath.Glob(filepath.Join(live, "s*", "var/lib/aurora/scheduler/backups/scheduler-backup-*"))
	if err != nil || len(backups) != 1 {
		t.Fatalf("the backups of the live cluster: %v, %v in %s", backups, err, live)
	}
	whole, err := os.ReadFile(backups[0])
	if err != nil {
		t.Fatal(err)
	}
	before := len(p.posted())
	cut := filepath.Join(filepath.Dir(backups[0]), "scheduler-backup-2026-11-23-09-36")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	failed := p.wait(240*time.Second, before, "FAILED")
	for _, words := range []string{"scheduler-backup-2026-11-23-09-36", "The backup is broken: byte", "The newest backup that decodes is scheduler-backup-2026-11-23-08-36"} {
		if !strings.Contains(failed, words) {
			t.Errorf("the report of the failed drill has no %q:\n%s", words, failed)
		}
	}
	if now, err := os.ReadFile(backups[0]); err != nil || !bytes.Equal(now, whole) {
		t.Errorf("the backup of the live cluster is not as it was: %v", err)
	}
	// What the drills staged and committed, they did on clusters of their own.
	journals, err := filepath.Glob(filepath.Join(live, "s*", "var/log/journal/journal.jsonl"))
	if err != nil || len(journals) != 3 {
		t.Fatalf("the journals of the live cluster: %v, %v", journals, err)
	}
	for _, file := range journals {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []string{"Recovery(", "Main process exited", "mesos-log"} {
			if !bytes.Contains(text, []byte("LoggingInterceptor]")) && !bytes.Contains(text, []byte("Started ")) || bytes.Contains(text, []byte(sign)) {
				t.Errorf("%s of the live cluster has %q, or nothing at all", file, sign)
			}
		}
	}
	for _, m := range p.posted() {
		if strings.Contains(m, "Check failed") || strings.Contains(m, "could not be held") {
			t.Errorf("posted: %.600s", m)
		}
	}
}

// A lab with hosts that are down starts as its help says, for a report of them.
func TestHostsThatAreDown(t *testing.T) {
	for _, state := range []string{"host-down", "all-down"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			p := openPage(t, "", "--backups", state)
			for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
				calls, err := os.ReadFile(p.record)
				if err == nil && bytes.Contains(calls, []byte("apps.connections.open")) {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("the bot did not come up: %v, %s", err, calls)
				}
			}
		})
	}
}
