package rooted

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// another is an account that is not root's.
const another = 12345

// needRoot skips what needs files of two accounts.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("ROOT'S FOLDERS: SKIPPED (needs root)")
	}
}

// own gives paths to an account, links themselves and not what they lead to.
func own(t *testing.T, uid int, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Lchown(p, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
}

func make0(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// place is a folder that only this account can write, whatever the umask says.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func exists(p string) bool { _, err := os.Lstat(p); return err == nil }

func TestRename(t *testing.T) {
	dir := place(t)
	db, aside := filepath.Join(dir, "lib/aurora/db"), filepath.Join(dir, "lib/aurora/db.dr-1")
	make0(t, db)
	if err := Rename(db, aside); err != nil || exists(db) || !exists(aside) {
		t.Fatal(err)
	}
	make0(t, db)
	if err := Rename(db, aside); err == nil || !exists(db) {
		t.Errorf("over an empty folder: %v", err)
	}
	for _, words := range [][2]string{{db, filepath.Join(dir, "lib/x")}, {db, dir + "/lib/aurora/../x"}, {db + "/", db + ".x"}, {db + "x", db + "y"}} {
		if err := Rename(words[0], words[1]); err == nil {
			t.Errorf("%s: no error", words)
		}
	}
	// Kernels and file systems that cannot rename over nothing only.
	d, err := openDir(filepath.Dir(db))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.renameByLook("db", "db.dr-1"); err == nil || !exists(db) {
		t.Errorf("over an empty folder: %v", err)
	}
	if err := d.renameByLook("db", "db.dr-2"); err != nil || exists(db) || !exists(db+".dr-2") {
		t.Error(err)
	}
}

// Links of root's in root's folders are followed, the one to a data disk first.
func TestRootsLinksAreFollowed(t *testing.T) {
	dir := place(t)
	make0(t, dir+"/data/aurora/scheduler/db", dir+"/var/lib")
	link(t, dir+"/data/aurora", dir+"/var/lib/aurora")
	link(t, "../../data/aurora/scheduler", dir+"/data/aurora/s2")
	if err := Rename(dir+"/var/lib/aurora/scheduler/db", dir+"/var/lib/aurora/scheduler/db.x"); err != nil || !exists(dir+"/data/aurora/scheduler/db.x") {
		t.Error(err)
	}
	if err := MakeFolder(dir+"/var/lib/aurora/s2/db", 0o750, Root()); err != nil || !exists(dir+"/data/aurora/scheduler/db") {
		t.Error(err)
	}
	link(t, "circle", dir+"/circle")
	if err := MakeFolder(dir+"/circle/x", 0o750, Root()); err == nil {
		t.Error("a circle: no error")
	}
}

// A link at each component of the way, in folders that another account owns or
// where it made the link: nothing is done, wherever it leads.
func TestRootFollowsNoLinkOfOthers(t *testing.T) {
	needRoot(t)
	for _, at := range []string{"lib", "lib/aurora", "lib/aurora/scheduler", "lib/aurora/scheduler/db"} {
		for _, whose := range []string{"the link", "its folder", "a folder above"} {
			dir := place(t)
			victim := filepath.Join(dir, "victim")
			rest, _ := filepath.Rel(at, "lib/aurora/scheduler/db")
			make0(t, filepath.Join(victim, rest), filepath.Join(dir, filepath.Dir(at)))
			link(t, victim, filepath.Join(dir, at))
			switch whose {
			case "the link":
				own(t, another, filepath.Join(dir, at))
			case "its folder":
				own(t, another, filepath.Join(dir, filepath.Dir(at)))
			default:
				own(t, another, dir)
			}
			db := filepath.Join(dir, "lib/aurora/scheduler/db")
			before := listing(t, victim)
			mine := Owner{another, another}
			for what, err := range map[string]error{
				"make": MakeFolder(db, 0o750, mine), "make the next": MakeFolder(db+".part", 0o750, mine), "make below": MakeFolder(db+"/x", 0o750, mine), "take": MakeFolder(db, 0o755, Root()),
			} {
				// In root's folder beside a link there is nothing to follow.
				if err == nil && !(what == "make the next" && at == "lib/aurora/scheduler/db" && whose == "the link") {
					t.Errorf("%s, %s at %s: no error", what, whose, at)
				}
			}
			if at != "lib/aurora/scheduler/db" || whose != "the link" { // The link itself may be moved: nothing is followed.
				if err := Rename(db, db+".x"); err == nil {
					t.Errorf("rename, %s at %s: no error", whose, at)
				}
			}
			if after := listing(t, victim); after != before {
				t.Errorf("%s at %s: the victim is\n%s, was\n%s", whose, at, after, before)
			}
		}
	}
}

// listing is all that lies in dir, with owner and mode.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(p string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		e, err := Lstat(p)
		b.WriteString(p + " " + e.Mode.String() + " " + string(rune('a'+e.UID%26)) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whose folder is there decides: the account's stays as it is, root's is handed
// over while it is empty, anybody's is taken over by root.
func TestMakeFolder(t *testing.T) {
	needRoot(t)
	dir := place(t)
	mine := Owner{another, another}
	is := func(p string, uid int, mode os.FileMode) {
		t.Helper()
		e, err := Lstat(p)
		if err != nil || e.UID != uid || e.GID != uid || e.Mode.Perm() != mode {
			t.Errorf("%s: %+v, %v; want %d, %o", p, e, err, uid, mode)
		}
	}
	p := filepath.Join(dir, "new")
	if err := MakeFolder(p, 0o750, mine); err != nil {
		t.Fatal(err)
	}
	is(p, another, 0o750)
	if err := MakeFolder(p, 0o700, mine); err != nil {
		t.Error(err)
	}
	is(p, another, 0o750)
	if err := MakeFolder(p, 0o755, Root()); err != nil {
		t.Error(err)
	}
	is(p, 0, 0o755)
	make0(t, p+"/x")
	if err := MakeFolder(p, 0o750, mine); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("root's with something in it: %v", err)
	}
	is(p, 0, 0o755)
	if err := MakeFolder(p+"/x", 0o700, mine); err != nil {
		t.Error(err)
	}
	is(p+"/x", another, 0o700)
	own(t, another+1, p+"/x")
	if err := MakeFolder(p+"/x", 0o700, mine); err == nil {
		t.Error("somebody else's: no error")
	}
	is(p+"/x", another+1, 0o700)
	if err := os.WriteFile(p+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeFolder(p+"/file", 0o700, mine); err == nil || !strings.Contains(err.Error(), "is a link or no folder") {
		t.Errorf("a file: %v", err)
	}
	is(p+"/file", 0, 0o600)
}
