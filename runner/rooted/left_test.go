package rooted

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files, each with its name as content; a name that ends in a slash is a folder.
func tree(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(p, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(p, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func paths(left []Left) (list []string) {
	for _, l := range left {
		list = append(list, l.Path)
	}
	return list
}

// What a run left is found and removed by its name, whole, and nothing else is: not the
// log, not another run's whose name begins the same, not what a link points to, not the
// backups whose links go.
func TestLeftOfARun(t *testing.T) {
	dir := t.TempDir()
	log, runDir := filepath.Join(dir, "db"), filepath.Join(dir, "run")
	tree(t, dir,
		"db/CURRENT", "db.dr-lab-1/old", "db.dr-lab-1.disabled/x", "db.dr-lab-1.disabled-77/x", "db.dr-lab-1.initialized/x", "db.dr-lab-1.returned-5/x",
		"db.dr-lab-1.other/x", "db.dr-lab-10/old", "db.dr-/x", "db/db.dr-lab-1/inside", "other/kept", "backups/b1",
		"run/runs/lab-1/evidence/log/CURRENT", "run/runs/lab-1/backups/", "run/runs/lab-10/evidence/x", "run/originals/lab-1/original-configuration", "run/bin/aurorabot",
	)
	if err := os.Link(filepath.Join(dir, "backups/b1"), filepath.Join(dir, "run/runs/lab-1/backups/b1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "other"), filepath.Join(dir, "run/runs/lab-1/link")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		runDir + "/runs/lab-1", runDir + "/originals/lab-1",
		log + ".dr-lab-1", log + ".dr-lab-1.disabled", log + ".dr-lab-1.disabled-77", log + ".dr-lab-1.initialized", log + ".dr-lab-1.returned-5",
		log + "/db.dr-lab-1",
	}
	left, err := ListLeft(log, runDir, "lab-1")
	if err != nil || !slices.Equal(paths(left), want) {
		t.Fatalf("%v\n%q\nwant\n%q", err, paths(left), want)
	}
	if left[0].Bytes != int64(len("run/runs/lab-1/evidence/log/CURRENT")) || left[0].Files != 2 {
		t.Errorf("a backup that lies elsewhere too frees nothing: %+v", left[0])
	}
	if all, err := ListLeft(log, runDir, ""); err != nil || len(all) != len(want)+3 {
		t.Errorf("of all runs: %v, %q", err, paths(all))
	}
	for _, c := range [][2]string{{runDir, ""}, {"", log}, {"", filepath.Join(log, "db")}} {
		if err := Clean(c[0], c[1], "lab-1"); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := ListLeft(log, runDir, "lab-1"); err != nil || len(left) > 0 {
		t.Errorf("still there: %v, %q", err, paths(left))
	}
	for _, name := range []string{"db/CURRENT", "db.dr-lab-1.other/x", "db.dr-lab-10/old", "db.dr-/x", "other/kept", "backups/b1", "run/runs/lab-10/evidence/x", "run/bin/aurorabot"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	for _, run := range []string{"", "..", "lab-1/../lab-10", "*"} {
		if err := Clean(runDir, "", run); err == nil {
			t.Errorf("a run called %q is cleaned", run)
		}
	}
}

// A link in the place of what was moved aside is removed itself.
func TestCleanFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "precious/lab-1/x")
	if err := os.Symlink(filepath.Join(dir, "precious", "lab-1"), filepath.Join(dir, "db.dr-lab-1")); err != nil {
		t.Fatal(err)
	}
	if err := Clean("", filepath.Join(dir, "db"), "lab-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "precious", "lab-1", "x")); err != nil {
		t.Errorf("what a link points to is gone: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "db.dr-lab-1")); err == nil {
		t.Error("the link itself is still there")
	}
}
