package story

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A stage is the lab with the bot in it, as `go run ./lab` starts it.
type stage struct {
	URL    string // Of the page.
	Backup string // The backup that is to be restored.
}

var (
	address = regexp.MustCompile(`Slack:\s+(http://\S+)`)
	backup  = regexp.MustCompile(`/aurora recover lab (\S+)`)
)

// build makes a program of this module.
func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, pkg)
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// perform starts the lab, which the test's end ends.
func perform(t *testing.T, options ...string) stage {
	t.Helper()
	dir := t.TempDir()
	lab, bot := build(t, dir, "lab", "./lab"), build(t, dir, "aurorabot", ".")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, lab, append([]string{"--bot", bot}, options...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // As Ctrl-C does: it takes everything down.
	cmd.WaitDelay = 30 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // Interrupted: it does not end as others do.
		if t.Failed() {
			t.Logf("the lab's standard error:\n%s", errs.String())
		}
	})
	var s stage
	lines := bufio.NewScanner(out)
	for lines.Scan() && (s.URL == "" || s.Backup == "") {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			s.URL = m[1]
		}
		if m := backup.FindStringSubmatch(lines.Text()); m != nil {
			s.Backup = m[1]
		}
	}
	if s.URL == "" || s.Backup == "" {
		t.Fatalf("the lab did not say its page's address and the backup: %+v", s)
	}
	go func() {
		for lines.Scan() {
		}
	}()
	return s
}
