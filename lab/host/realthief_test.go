package host_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/sudoers"
)

// rounds is how often a thief tries what a race decides.
const rounds = 30

// The accounts of the hosts here: the bot's login, which a thief with its key has, and
// the scheduler's, which is the second thief's.
const (
	loginID = 2001
	ownerID = 2002

	runDir  = "/var/lib/aurorabot"
	home    = "/var/lib/aurora/scheduler"
	dbPath  = home + "/db"
	backups = home + "/backups"

	victim = "/etc/victim" // An empty folder of root's, closed to everybody.
)

// thieves is a real host with the printed sudoers file for a program, which is
// there, and what tries a command line as the login account.
func thieves(t *testing.T, program []byte) (h *host.Real, helper string, try func(words ...string) (string, error)) {
	t.Helper()
	needReal(t)
	_, h = startReal(t)
	k := &aurora.Cluster{
		Name: "dev", AdminName: "dev", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler", Firewall: "nft",
		Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", User: "aurora", Group: "aurora", FirewallLease: 12 * time.Hour,
		Schedulers: []aurora.Scheduler{{Name: "s1", HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler", RunDir: runDir, RuntimeDir: "/run/systemd/system"}},
	}
	profile, err := aurora.ProfileOf(k.Version)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(program)
	sum := hex.EncodeToString(hash[:])
	helper = node.HelperPath(runDir, sum)
	text, err := sudoers.File("dr", sudoers.Privileges(&node.Nodes{Cluster: k, Profile: profile}, &k.Schedulers[0], sudoers.Grounds{
		Log: dbPath, Backups: backups, Helpers: []string{sum}, Path: sudoers.UsualPath,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Sudoers(text); err != nil {
		t.Fatal(err)
	}
	make0(t, h, 0, runDir, path.Dir(helper))
	make0(t, h, ownerID, "/var/lib/aurora", home, dbPath, backups)
	make0(t, h, 0, victim)
	if err := os.Chmod(h.Path(victim), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, h, helper, program, 0o755)
	put(t, h, "/etc/default/aurora-scheduler", []byte("CLUSTER=dev\n"), 0o644)
	return h, helper, func(words ...string) (string, error) {
		out, err := h.Exec(append([]string{"runuser", "-u", "dr", "--"}, words...)...)
		return string(out), err
	}
}

func make0(t *testing.T, h *host.Real, uid int, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.MkdirAll(h.Path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(h.Path(dir), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, h *host.Real, file string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(h.Path(file), content, mode); err != nil {
		t.Fatal(err)
	}
}

// whole complains if anything happened to what a thief is after.
func whole(t *testing.T, h *host.Real, after string) {
	t.Helper()
	info, err := os.Lstat(h.Path("/etc"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || st.Gid != 0 || info.Mode().Perm() != 0o755 {
		t.Fatalf("%s: /etc is %d's, %v", after, st.Uid, info.Mode())
	}
	if info, err = os.Lstat(h.Path(victim)); err != nil || info.Mode().Perm() != 0o700 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Fatalf("%s: %s: %v, %v", after, victim, info.Mode(), err)
	}
	for _, name := range []string{"evidence*", "backups*", "admin", "db", "db.*", "runs"} {
		if found, _ := filepath.Glob(h.Path("/etc/" + name)); len(found) > 0 {
			t.Fatalf("%s: %v", after, found)
		}
	}
	if info, err := os.Stat(h.Path("/etc/shadow")); err != nil || info.Mode().Perm() != 0o640 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Fatalf("%s: /etc/shadow: %v, %v", after, info.Mode(), err)
	}
}

// self is this test's own program, which plays the helper.
func self(t *testing.T) []byte {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// swap puts a folder and a link of the scheduler's account in turn at a place of
// its, as quickly as can be, until stop. It is that account while it does: a
// folder that is root's by then keeps it out.
func swap(t *testing.T, h *host.Real, at, to string) (stop func() (swaps int64)) {
	t.Helper()
	var over atomic.Bool
	var swaps atomic.Int64
	done := make(chan struct{})
	real := h.Path(at)
	go func() {
		defer close(done)
		runtime.LockOSThread() // And never unlocked: the thread ends with its account.
		if err := errorOf(syscall.Setfsgid(ownerID), syscall.Setfsuid(ownerID)); err != nil {
			t.Error(err)
			return
		}
		_ = os.Mkdir(real+".dir", 0o755)
		_ = os.Symlink(to, real+".link")
		for !over.Load() {
			for _, what := range []string{".dir", ".link"} {
				if syscall.Rename(real+what, real) == nil {
					swaps.Add(1)
				}
				time.Sleep(20 * time.Microsecond)
				_ = syscall.Rename(real, real+what)
			}
		}
	}()
	return func() int64 {
		over.Store(true)
		<-done
		return swaps.Load()
	}
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// The scheduler's account and the bot's key together: links of that account's at
// each component of a path that root works at are followed by nobody but itself.
func TestThiefByLinks(t *testing.T) {
	h, helper, try := thieves(t, self(t))
	const backup = backups + "/scheduler-backup-2026-01-01-00-00"
	link := func(to, at string) {
		t.Helper()
		if err := os.RemoveAll(h.Path(at)); err != nil {
			t.Fatal(err)
		}
		if err := errorOf(os.Symlink(to, h.Path(at)), os.Lchown(h.Path(at), ownerID, ownerID)); err != nil {
			t.Fatal(err)
		}
	}
	sudo := func(words ...string) string {
		out, _ := try(append([]string{"sudo", "-n"}, words...)...) // What comes of it is looked at.
		if strings.Contains(out, "root:") {
			t.Fatalf("sudo %q prints /etc/shadow", words)
		}
		return out
	}
	link("/etc/shadow", backup)
	for round := range rounds {
		run := fmt.Sprintf("%s/runs/dev-%d", runDir, round)
		// As older versions left it: the account's, with what it put there since.
		make0(t, h, ownerID, runDir+"/runs")
		for _, user := range []string{"root", "aurora"} {
			sudo("-u", user, "stat", "-L", "-c", "%s", "--", backup)
			sudo("-u", user, "cat", "--", backup)
		}
		all := func(after string) {
			t.Helper()
			for _, leaf := range []string{"evidence", "backups", "admin"} {
				sudo(helper, "host", "run-folder", run+"/"+leaf, fmt.Sprintf("%d:%d", ownerID, ownerID))
				sudo("install", "-d", "-m", "0750", "-o", "aurora", "-g", "aurora", run+"/"+leaf)
			}
			for _, user := range []string{"root", "aurora"} {
				sudo("-u", user, "cp", "-a", "--reflink=auto", "-T", "--", dbPath, run+"/evidence/log.part")
				sudo("-u", user, "cp", "-a", "--reflink=auto", "-T", "--", run+"/evidence/log", dbPath+".part")
				sudo("-u", user, "mv", "-nT", "--", dbPath, dbPath+".dr-dev-1")
				sudo("-u", user, "mv", "-nT", "--", dbPath+".dr-dev-1", dbPath)
				sudo("-u", user, "install", "-d", "-m", "0755", "-g", "aurora", dbPath)
			}
			sudo("install", "-d", "-m", "0755", "-o", "aurora", "-g", "aurora", dbPath)
			sudo(helper, "host", "rename", dbPath, dbPath+".dr-dev-2")
			sudo(helper, "host", "folder", "0750", fmt.Sprintf("%d:%d", ownerID, ownerID), dbPath)
			whole(t, h, after)
		}
		to := []string{"/etc", victim}[round/5%2]
		switch round % 5 {
		case 0:
			link(to, run)
			all("the run's folder is a link")
		case 1:
			make0(t, h, ownerID, run)
			link(to, run+"/evidence")
			link(to, run+"/backups")
			all("the run's folders are links")
		case 2:
			link(to, home)
			all("the folder above the log is a link")
			os.Remove(h.Path(home))
			make0(t, h, ownerID, home, dbPath, backups)
			link("/etc/shadow", backup)
		case 3:
			link(to, dbPath)
			all("the log is a link")
			os.Remove(h.Path(dbPath))
			make0(t, h, ownerID, dbPath)
		case 4: // And none of it as it was when it was looked at.
			over := swap(t, h, run, to)
			all("the run's folder is a link now and then")
			if over() == 0 {
				t.Error("the thief never had a turn")
			}
		}
	}
	// What is root's by now, nobody else can put a link into.
	info, err := os.Lstat(h.Path(runDir + "/runs"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm() != 0o755 {
		t.Errorf("runs: %v, %v", info, err)
	}
	if out, err := h.Exec("runuser", "-u", "aurora", "--", "ln", "-s", "/etc", runDir+"/runs/dev-next"); err == nil {
		t.Errorf("a link into runs: %s", out)
	}
}

// The bot's key alone: a program that is not the bot's never runs, though the
// thief may write what it is made of, and keep that open while sudo hashes it.
func TestThiefOfTheProgram(t *testing.T) {
	const size = 24 << 20
	good := append([]byte("#!/bin/sh\necho good; exit 0\n"), bytes.Repeat([]byte("#\n"), size/2)...)
	evil := append([]byte("#!/bin/sh\necho stolen; id -u; exit 0\n"), bytes.Repeat([]byte("#\n"), 32<<10)...)[:64<<10]
	h, helper, try := thieves(t, good)
	put(t, h, "/tmp/good", good, 0o644)
	put(t, h, "/tmp/evil", evil, 0o644)
	put(t, h, "/home/dr/src", nil, 0o644)
	ran := 0
	for round := range rounds {
		// The second dd opens the file before it gets its name, and writes when sudo has
		// hashed the beginning of it.
		script := fmt.Sprintf(`
final=%s temp=$(dirname "$final")/.$(basename "$final").aurorabot-abcdefghij
dd() { sudo -n dd of="$temp" bs=64k iflag=fullblock oflag=nofollow conv=nocreat,notrunc,fsync status=none; }
rm -f /tmp/fifo; mkfifo /tmp/fifo
sudo -n install -m 0755 -T -- /dev/null "$temp" || sudo -n install -m 0600 -T -- /dev/null "$temp"
dd </tmp/good
dd </tmp/fifo &
exec 3>/tmp/fifo
sleep 0.1
{
	sleep %s; cat /tmp/evil >&3; exec 3>&-
	# And a second one comes to lie under the name while the first is hashed.
	if [ %d = 1 ]; then dd </tmp/evil; sudo -n install -m 0755 -T -- "$temp" "$final"; fi
} &
exec 3>&-
sudo -n mv -T -- "$temp" "$final" || sudo -n install -m 0755 -T -- "$temp" "$final"
sudo -n "$final" log scan --json --unit aurora-scheduler --since 1
sudo -n -u aurora -g systemd-journal "$final" log scan --json --unit aurora-scheduler --since 1
sudo -n -u aurora "$final" host facts </dev/null
sudo -n "$final" host run-folder %s/runs/dev-1/evidence 1:1
wait
sudo -n -u aurora "$final" host facts </dev/null
`, helper, fmt.Sprintf("0.%03d", 20+round*12), round%2, runDir)
		out, _ := try("sh", "-c", script)
		if strings.Contains(out, "stolen") {
			t.Errorf("round %d: another program ran:\n%s", round, out)
			ran++
		}
		// And by a name that the thief decides what it leads to.
		for _, src := range []string{"/home/dr/src", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"} {
			for _, mode := range []string{"0755", "0644"} {
				_, err := try("sh", "-c", `ln -sfT /etc/shadow /home/dr/src; exec sudo -n install -m "$1" -T -- "$2" "$3" </tmp/evil`, "sh", mode, src, helper)
				if err == nil {
					t.Fatalf("install from %s is allowed", src)
				}
			}
		}
	}
	if ran > 0 {
		t.Errorf("%d of %d rounds", ran, rounds)
	}
	// The bot's own way there is open all the same.
	out, err := try("sh", "-c", fmt.Sprintf(`
set -e
final=%s temp=$(dirname "$final")/.$(basename "$final").aurorabot-abcdefghij
sudo -n install -m 0600 -T -- /dev/null "$temp"
sudo -n dd of="$temp" bs=64k iflag=fullblock oflag=nofollow conv=nocreat,notrunc,fsync status=none </tmp/good
sudo -n install -m 0755 -T -- "$temp" "$final"
sudo -n rm -f -- "$temp"
sudo -n -u aurora "$final" host facts`, helper))
	if err != nil || !strings.HasSuffix(out, "good\n") {
		t.Errorf("the bot's own way: %v, %s", err, out)
	}
}

// The transport reads a file as its owner, and by no link what the owner may not
// read; what it installs to be run is a new file of root's.
func TestTransportAsTheOwner(t *testing.T) {
	needReal(t)
	l, h := startReal(t)
	make0(t, h, ownerID, home, backups)
	put(t, h, backups+"/x", []byte("kept"), 0o600)
	if err := errorOf(os.Chown(h.Path(backups+"/x"), ownerID, ownerID), os.Symlink("/etc/shadow", h.Path(backups+"/y"))); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := l.ssh.Get(t.Context(), backups+"/x", "aurora", &b); err != nil || b.String() != "kept" {
		t.Errorf("%q, %v", b.String(), err)
	}
	for _, user := range []string{"aurora", "", "dr"} {
		if n, err := l.ssh.Get(t.Context(), backups+"/y", user, &b); err == nil || n > 0 || !strings.Contains(err.Error(), "ermission denied") {
			t.Errorf("as %q: %d bytes, %v", user, n, err)
		}
	}
	if _, err := l.ssh.Get(t.Context(), backups+"/x", "", &b); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("as nobody: %v", err)
	}
	l.want("root:root 755\n", 0, "stat", "-c", "%U:%G %a", "/usr/bin")
	out, err := l.ssh.Run(t.Context(), runner.Command{Argv: []string{"id", "-gn"}, User: "aurora", Group: aurora.JournalGroup})
	if err != nil || string(out.Stdout) != aurora.JournalGroup+"\n" {
		t.Errorf("with a group besides: %q, %v", out.Stdout, err)
	}
	if _, err := l.ssh.Run(t.Context(), runner.Command{Argv: []string{"id"}, Group: "root"}); !errors.Is(err, runner.ErrNotStarted) {
		t.Errorf("a group without an account: %v", err)
	}
	// Where the name is taken, the new one is another file: whoever had the old one open has that.
	const program = "/opt/x"
	make0(t, h, 0, "/opt")
	put(t, h, program, []byte("#!/bin/sh\necho old\n"), 0o777)
	old, err := os.OpenFile(h.Path(program), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	err = l.ssh.Put(t.Context(), runner.File{Path: program, Content: []byte("#!/bin/sh\necho new\n"), Mode: 0o755, User: "root", Program: true})
	if _, werr := old.WriteAt([]byte("#!/bin/sh\necho bad\n"), 0); err != nil || werr != nil {
		t.Fatal(err, werr)
	}
	l.want("new\n", 0, program)
	l.want("root:root 755\n", 0, "stat", "-c", "%U:%G %a", program)
	l.want("x\n", 0, "ls", "-A", "/opt")
}
