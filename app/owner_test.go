package app

import (
	"os"
	"path/filepath"
	"testing"
)

// The next process of a bot has its name, another bot has another one, and so
// has each host.
func TestOwnID(t *testing.T) {
	dir := t.TempDir()
	first, err := ownID(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ownID(dir); err != nil || again != first {
		t.Errorf("the next process is %q, %v; the former was %q", again, err, first)
	}
	if other, err := ownID(t.TempDir()); err != nil || other == first {
		t.Errorf("another bot is %q, %v", other, err)
	}
	// A crash in the middle of writing left nothing.
	if err := os.WriteFile(filepath.Join(dir, "id"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := ownID(dir); err != nil || id == "" {
		t.Errorf("after a torn write: %q, %v", id, err)
	}
	names := map[string]bool{owner("i", "c", "s1"): true, owner("i", "c", "s2"): true, owner("j", "c", "s1"): true, owner("i", "d", "s1"): true}
	// `sudoers` of two operators would else end each other's commands on the hosts.
	if got := owner("", "c", "s1"); got != "" {
		t.Errorf("a program without a state folder is called %q, as every other one", got)
	}
	if len(names) != 4 {
		t.Errorf("names are shared: %v", names)
	}
}
