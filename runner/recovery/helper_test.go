package recovery

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/runnertest"
)

// The program on a host is read once; from then on only what is the same file,
// untouched, passes for it: not one that was written to in place with its size
// and time kept, not another one with the same bytes without being read.
func TestHelperIsReadOnce(t *testing.T) {
	const text = "#!/bin/sh\n"
	sum := sha256.Sum256([]byte(text))
	dir := t.TempDir()
	r := &Recovery{Nodes: &node.Nodes{
		Cluster: &aurora.Cluster{Name: "lab", Schedulers: []aurora.Scheduler{{Name: "s1", RunDir: dir}}},
		Helper: func(string) (func() (io.ReadCloser, error), string, error) {
			return nil, hex.EncodeToString(sum[:]), nil
		},
	}}
	h, hashes := runnertest.NewHost(t, "s1"), 0
	for _, name := range []string{"uname", "stat", "sha256sum"} {
		h.On([]string{name}, func(c runner.Command) runner.Output {
			if name == "sha256sum" {
				hashes++
			}
			out, err := exec.Command(c.Argv[0], c.Argv[1:]...).Output()
			if err != nil {
				return runner.Output{Exit: 1}
			}
			return runnertest.Out(string(out))
		})
	}
	task := &runner.Task{Host: h, On: "s1", State: runner.Fold(nil), Say: func(runner.Event) error { return nil }}
	file := node.HelperPath(dir, hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(want bool, read int) {
		t.Helper()
		a, err := r.preflight().helperThere(t.Context(), task)
		if err != nil || a.Yes != want || hashes != read {
			t.Fatalf("there: %v (%s), %v, read %d times; want %v, %d times", a.Yes, a.Evidence, err, hashes, want, read)
		}
	}
	asked(false, 0)
	write(file, text)
	for range 3 {
		asked(true, 1)
	}
	at, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // The kernel's clock for files has a tick.
	write(file, strings.ToUpper(text))
	if err := os.Chtimes(file, at.ModTime(), at.ModTime()); err != nil {
		t.Fatal(err)
	}
	asked(false, 2)
	write(file+".new", text)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	asked(true, 3)
	asked(true, 3)
}
