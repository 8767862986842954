package replica

import (
	"aurorabot/runner/golden"
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary plays other processes: one that holds a lock, and one that
// is not root.
func TestMain(m *testing.M) {
	switch os.Getenv("REPLICA_TEST_CHILD") {
	case "lock":
		f, err := os.OpenFile(os.Getenv("REPLICA_TEST_PATH"), os.O_RDWR, 0)
		if err == nil {
			err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		}
		fmt.Println("locked", err)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // Until the parent closes it, or dies.
		os.Exit(0)
	case "inspect":
		r, err := Inspect(context.Background(), os.Getenv("REPLICA_TEST_PATH"))
		fmt.Println(r.State, r.Error, r.Damage, r.End, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "REPLICA_TEST_CHILD="+role, "REPLICA_TEST_PATH="+path)
	return cmd
}

func inspect(t *testing.T, dir string) Report {
	t.Helper()
	r, err := Inspect(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A log that a process has open is called locked, and nothing is guessed of it.
func TestLocked(t *testing.T) {
	dir := golden.Unpack(t, "testdata/mesos/h0-base40-wal.log.tar.gz")
	cmd := child(t, "lock", filepath.Join(dir, "LOCK"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "locked <nil>\n" {
		t.Fatal(line, err)
	}
	r := inspect(t, dir)
	if r.State != StateLocked || !strings.Contains(r.Error, fmt.Sprint("process ", cmd.Process.Pid)) || r.Status != "" || r.Appends != 0 {
		t.Errorf("%+v, want locked by process %d", r, cmd.Process.Pid)
	}
	if _, _, err := Salvage(context.Background(), []string{dir}, SalvageOptions{UpToDamage: true}); err == nil {
		t.Error("salvage of a locked log made something")
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if r := inspect(t, dir); r.State != StateOK {
		t.Errorf("state %s after the process ended", r.State)
	}
}

// goleveldb takes a BSD lock, which F_GETLK does not see.
func TestLockedByFlock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := newLog(t, dir)
	l.metadata(Voting, 1)
	if r := inspect(t, dir); r.State != StateLocked {
		t.Errorf("state %s while goleveldb has it open", r.State)
	}
	l.close()
	if r := inspect(t, dir); r.State != StateOK || r.Status != "VOTING" || r.Promised != 1 {
		t.Errorf("%+v after it was closed", r)
	}
}

// What is no readable log says what it is.
func TestStates(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	base := func() string { return golden.Unpack(t, "testdata/mesos/h0-base40-ldb.log.tar.gz") }
	link := filepath.Join(root, "link")
	if err := os.Symlink(base(), link); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(root, "dangling")
	if err := os.Symlink(filepath.Join(root, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	// replace puts something else at the place of a file.
	replace := func(name string, with func(path string) error) string {
		dir := base()
		path := filepath.Join(dir, name)
		err := os.Rename(path, filepath.Join(root, "moved-"+name))
		if err == nil {
			err = with(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	moved := func(name string) func(string) error {
		return func(path string) error { return os.Symlink(filepath.Join(root, "moved-"+name), path) }
	}
	for _, tt := range []struct {
		name, dir string
		state     State
		says      string // In error, damage or warnings.
	}{
		{"missing", filepath.Join(root, "no"), StateMissing, "no such folder"},
		{"dangling link", dangling, StateMissing, "nothing"},
		{"a file", filepath.Join(write("a/file", "x"), "file"), StateNotALog, "not a folder"},
		{"other files", write("b/README", "x"), StateNotALog, "no LevelDB"},
		{"only LOCK and LOG", write("c/LOCK", ""), StateNotALog, "no LevelDB"},
		{"only CURRENT", write("d/CURRENT", "MANIFEST-000002\n"), StateDamaged, "MANIFEST-000002, which is missing"},
		{"random table", write("e/000005.ldb", strings.Repeat("x", 1000)), StateDamaged, "no table"},
		{"symbolic link to the folder", link, StateOK, "symbolic link"},
		{"symbolic link to a table", replace("000011.ldb", moved("000011.ldb")), StateDamaged, "not followed"},
		{"symbolic link to CURRENT", replace("CURRENT", moved("CURRENT")), StateDamaged, "not followed"},
		{"a pipe", replace("000009.log", func(p string) error { return syscall.Mkfifo(p, 0o644) }), StateDamaged, "not a regular file"},
		{"a folder as table", replace("000011.ldb", func(p string) error { return os.Mkdir(p, 0o755) }), StateDamaged, "not a regular file"},
	} {
		r := inspect(t, tt.dir)
		if r.State != tt.state {
			t.Errorf("%s: state %s (%s), want %s", tt.name, r.State, r.Error, tt.state)
		}
		if !strings.Contains(fmt.Sprint(r.Error, r.Damage, r.Warnings), tt.says) {
			t.Errorf("%s: %q %v %q, want a word of %q", tt.name, r.Error, r.Damage, r.Warnings, tt.says)
		}
		if r.State != StateOK && r.Error == "" {
			t.Errorf("%s: no error", tt.name)
		}
	}
}

// A file or folder that may not be read is unreadable, not empty.
func TestUnreadable(t *testing.T) {
	ask := func(dir string) string {
		cmd := child(t, "inspect", dir)
		if os.Getuid() == 0 { // Root may read everything.
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			for p := dir; p != "/" && p != "."; p = filepath.Dir(p) {
				if info, err := os.Stat(p); err == nil && info.Mode().Perm()&0o5 != 0o5 && p != dir {
					if err := os.Chmod(p, 0o755); err != nil {
						t.Fatal(err)
					}
				}
			}
			copied := filepath.Join(t.TempDir(), "self")
			b, err := os.ReadFile(cmd.Path)
			if err == nil {
				err = os.WriteFile(copied, b, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			for p := filepath.Dir(copied); p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
				_ = os.Chmod(p, 0o755)
			}
			cmd.Path, cmd.Args[0] = copied, copied
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatal(err, string(out))
		}
		return string(out)
	}
	dir := golden.Unpack(t, "testdata/mesos/h0-base40-ldb.log.tar.gz")
	if got := ask(dir); !strings.HasPrefix(got, "ok ") { // Another owner's folder can be read.
		t.Errorf("readable folder of another owner: %s", got)
	}
	table := filepath.Join(dir, "000011.ldb")
	if err := os.Chmod(table, 0); err != nil {
		t.Fatal(err)
	}
	if got := ask(dir); !strings.HasPrefix(got, "unreadable 000011.ldb at byte 0: permission denied") {
		t.Errorf("table of mode 000: %s", got)
	}
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	if got := ask(dir); !strings.HasPrefix(got, "unreadable ") {
		t.Errorf("folder of mode 000: %s", got)
	}
}
