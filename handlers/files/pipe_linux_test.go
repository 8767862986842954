package files

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The helper on a host must end: it does not wait for a pipe's writer, and
// does not begin to read a device that never ends.
func TestPipesAndDevices(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "zeros")); err != nil {
		t.Fatal(err)
	}
	got := run(t, dir, "backup", "inspect", "pipe")
	if got.exit != exitError || !strings.Contains(got.err, "inspect backup pipe: byte 0: the data ends") {
		t.Errorf("a pipe without a writer: %d %s", got.exit, got.err)
	}
	for _, words := range [][]string{{"backup", "inspect", "zeros"}, {"backup", "diff", "zeros", "zeros"}, {"log", "scan", "zeros"}} {
		if got := run(t, "", words...); got.exit != exitError || !strings.Contains(got.err, "it is a device, not a file") {
			t.Errorf("%v: %d %s", words, got.exit, got.err)
		}
	}
	if got := run(t, "", "log", "inspect", "pipe"); got.exit != exitError || !strings.Contains(got.err, "not-a-log: not a folder") {
		t.Errorf("a pipe as a log: %d %s", got.exit, got.err)
	}
}
