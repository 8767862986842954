package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is measured must have been done: every host of the farm is asked, and an
// upload is there whole.
func TestAskFarm(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("FARM: SKIPPED (OpenSSH is not installed)")
	}
	dir := t.TempDir()
	f, err := newFarm(dir, 2)
	if err != nil {
		t.Skipf("FARM: SKIPPED (%v)", err)
	}
	defer f.close()
	where := []string{"-farm", dir, "-port", fmt.Sprint(f.port), "-user", f.user}
	for _, args := range [][]string{{"-times", "2"}, {"-questions", "3"}, {"-upload", f.key()}} {
		if err := ask(append(append([]string{}, where...), args...)); err != nil {
			t.Errorf("ask %q: %v", args, err)
		}
	}
	for _, name := range f.names {
		want, _ := os.ReadFile(f.key())
		if got, err := os.ReadFile(filepath.Join(dir, "put-"+name)); err != nil || string(got) != string(want) {
			t.Errorf("what was uploaded to %s is not there whole: %v", name, err)
		}
	}
	// A program that is no helper gives no figure.
	if err := ask(append(where, "-helper", f.key())); err == nil {
		t.Error("a helper that does not answer was taken for one that does")
	}
	if _, err := f.cpu(); err != nil {
		t.Error(err)
	}
}
