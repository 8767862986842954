package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// RealOptions say what a real host is like.
type RealOptions struct {
	Name           string
	Users          []string        // Accounts that may log in and use sudo. Empty: "root".
	Accounts       []string        // Further accounts, for example the scheduler's.
	AuthorizedKeys []ssh.PublicKey // What opens every account of Users.
	Sudoers        string          // Lines of sudoers(5). Empty: Users may do everything without a password.
	Bin            string          // Multi-call binary; copied to the host.
	Links          []string        // Names in the host's /usr/bin for Bin.
	DiskMiB        int             // Size of the host's disk. Zero: 512.
	SSHD           string          // More lines of sshd_config(5).
}

// A Real is a host with systemd as PID 1 in namespaces of its own: its files
// lie over those of this machine, which it cannot change.
type Real struct {
	lab     *RealLab
	opt     RealOptions
	dir     string // A tmpfs: the host's disk.
	address string
	veth    string
	cgroup  string

	mu   sync.Mutex
	key  ssh.PublicKey
	init *exec.Cmd // PID 1; nil while it is off.
	over <-chan struct{}
}

// Host makes a real host and boots it. It returns when its SSH server answers.
func (l *RealLab) Host(ctx context.Context, opt RealOptions) (*Real, error) {
	if len(opt.Users) == 0 {
		opt.Users = []string{"root"}
	}
	if opt.DiskMiB == 0 {
		opt.DiskMiB = 512
	}
	l.mu.Lock()
	number := l.next
	l.next++
	l.mu.Unlock()
	h := &Real{
		lab: l, opt: opt, dir: filepath.Join(l.dir, opt.Name), address: fmt.Sprintf("%s.%d", l.subnet, number),
		veth: fmt.Sprintf("al%sv%d", l.id, number), cgroup: filepath.Join(l.cgroup, opt.Name),
	}
	if err := h.furnish(); err != nil {
		return nil, fmt.Errorf("host %s: %w", opt.Name, err)
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, fmt.Errorf("host %s: the lab is closed", opt.Name)
	}
	l.hosts = append(l.hosts, h)
	l.mu.Unlock()
	if err := h.boot(ctx); err != nil {
		return nil, fmt.Errorf("host %s: %w", opt.Name, err)
	}
	return h, nil
}

// Name is part of [Machine].
func (h *Real) Name() string { return h.opt.Name }

// IP returns the host's address on the bridge.
func (h *Real) IP() string { return h.address }

// Address is part of [Machine].
func (h *Real) Address() string { return h.address + ":22" }

// Prefix is part of [Machine].
func (h *Real) Prefix() string { return "" }

// Path is part of [Machine]: through PID 1, whose root has all mounts in it.
func (h *Real) Path(onHost string) string {
	return filepath.Join("/proc", strconv.Itoa(h.pid()), "root", onHost)
}

// Processes is part of [Machine].
func (h *Real) Processes() []int { return cgroupProcesses(h.cgroup) }

// KnownHosts is part of [Machine].
func (h *Real) KnownHosts() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%s %s", h.address, ssh.MarshalAuthorizedKey(h.key))
}

func (h *Real) pid() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.init == nil {
		return 0
	}
	return h.init.Process.Pid
}

// furnish makes the host's disk and what on it differs from this machine's.
func (h *Real) furnish() error {
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		return err
	}
	if err := h.lab.mounted(h.dir); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", h.dir, "tmpfs", 0, fmt.Sprintf("mode=755,size=%dm", h.opt.DiskMiB)); err != nil {
		return fmt.Errorf("mount %s: %w", h.dir, err)
	}
	for _, dir := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(h.dir, dir), 0o755); err != nil {
			return err
		}
	}
	// Of these folders nothing of this machine's shows.
	for _, dir := range []string{"root", "home", "tmp", "var/tmp", "var/log", "etc/systemd/system", "etc/sudoers.d", "etc/cron.d", "srv", "opt", "mnt", "media"} {
		path := h.upper(dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := syscall.Setxattr(path, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
			return fmt.Errorf("setxattr %s: %w", path, err)
		}
	}
	for dir, mode := range map[string]os.FileMode{"root": 0o700, "tmp": 0o777 | os.ModeSticky, "var/tmp": 0o777 | os.ModeSticky, "etc/sudoers.d": 0o750} {
		if err := os.Chmod(h.upper(dir), mode); err != nil {
			return err
		}
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	for _, f := range []packaged{
		{"/etc/hostname", 0o644, h.opt.Name + "\n"},
		{"/etc/hosts", 0o644, "127.0.0.1 localhost\n" + h.address + " " + h.opt.Name + "\n"},
		{"/etc/machine-id", 0o444, hex.EncodeToString(id) + "\n"},
		{"/etc/fstab", 0o644, ""},
		{"/etc/ssh/sshd_config", 0o644, sshdConfig + h.opt.SSHD},
		{"/etc/sudoers.d/lab", 0o440, h.sudoers(false)},
	} {
		if err := h.write(f); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		"/etc/systemd/system/multi-user.target.wants/ssh.service": "/lib/systemd/system/ssh.service",
		"/etc/systemd/system/getty.target":                        "/dev/null",
		"/etc/systemd/system/systemd-udevd.service":               "/dev/null",
		"/etc/systemd/system/systemd-udev-trigger.service":        "/dev/null",
		"/etc/systemd/system/systemd-logind.service":              "/dev/null", // No seats here; without it a login does not wait for it.
	} {
		if err := os.MkdirAll(filepath.Dir(h.upper(link)), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(target, h.upper(link)); err != nil {
			return err
		}
	}
	if err := h.newHostKey(h.upper("/etc/ssh/ssh_host_ed25519_key")); err != nil {
		return err
	}
	if err := h.accounts(); err != nil {
		return err
	}
	return h.binaries()
}

const sshdConfig = `HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM yes
PrintMotd no
UseDNS no
Subsystem sftp /usr/lib/openssh/sftp-server
`

func (h *Real) upper(path string) string { return filepath.Join(h.dir, "upper", path) }

func (h *Real) write(f packaged) error {
	path := h.upper(f.path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
		return err
	}
	return os.Chmod(path, f.mode)
}

func (h *Real) sudoers(ask bool) string {
	if h.opt.Sudoers != "" && !ask {
		return h.opt.Sudoers
	}
	var b strings.Builder
	for _, user := range h.opt.Users {
		tag := "NOPASSWD: "
		if ask {
			tag = ""
		}
		fmt.Fprintf(&b, "%s ALL=(ALL:ALL) %sALL\n", user, tag)
	}
	return b.String()
}

func (h *Real) newHostKey(path string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.key = key
	h.mu.Unlock()
	return nil
}

// accounts adds the host's accounts to copies of this machine's files.
func (h *Real) accounts() error {
	add := map[string]string{}
	var keys strings.Builder
	for _, key := range h.opt.AuthorizedKeys {
		keys.Write(ssh.MarshalAuthorizedKey(key))
	}
	for i, user := range append(append([]string{}, h.opt.Users...), h.opt.Accounts...) {
		home, id := "/home/"+user, 2001+i
		if user == "root" {
			home, id = "/root", 0
		} else {
			add["passwd"] += fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", user, id, id, home)
			add["group"] += fmt.Sprintf("%s:x:%d:\n", user, id)
			add["shadow"] += fmt.Sprintf("%s:*:19000:0:99999:7:::\n", user)
		}
		sshDir := h.upper(home + "/.ssh")
		if err := os.MkdirAll(sshDir, 0o700); err != nil {
			return err
		}
		if i < len(h.opt.Users) {
			if err := os.WriteFile(filepath.Join(sshDir, "authorized_keys"), []byte(keys.String()), 0o600); err != nil {
				return err
			}
		}
		for _, path := range []string{home, home + "/.ssh", home + "/.ssh/authorized_keys"} {
			if err := os.Chown(h.upper(path), id, id); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	for name, lines := range add {
		raw, err := os.ReadFile("/etc/" + name)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if name == "shadow" {
			mode = 0o640
		}
		if err := h.write(packaged{"/etc/" + name, mode, string(raw) + lines}); err != nil {
			return err
		}
	}
	return nil
}

// binaries copies the multi-call binary and links its names.
func (h *Real) binaries() error {
	if h.opt.Bin == "" {
		return nil
	}
	raw, err := os.ReadFile(h.opt.Bin)
	if err != nil {
		return err
	}
	const at = "/usr/lib/aurora-lab/tools"
	if err := h.write(packaged{at, 0o755, string(raw)}); err != nil {
		return err
	}
	for _, name := range h.opt.Links {
		link := h.upper("/usr/bin/" + name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(at, link); err != nil {
			return err
		}
	}
	return nil
}

// bootScript runs as PID 1 of the new namespaces and becomes systemd. It waits
// for a line on its input: then the network card is there.
const bootScript = `set -e
dir=$1 name=$2 address=$3
root=$dir/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
read -r go
echo "$name" >"$root/proc/sys/kernel/hostname"
ip link set lo up
ip addr add "$address/24" dev eth0
ip link set eth0 up
exec chroot "$root" /usr/bin/env -i container=aurora-lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=multi-user.target --show-status=no --log-target=journal </dev/null
`

// boot starts the host and waits for its SSH server.
func (h *Real) boot(ctx context.Context) error {
	if err := os.MkdirAll(h.cgroup, 0o755); err != nil {
		return err
	}
	cgroup, err := os.Open(h.cgroup)
	if err != nil {
		return err
	}
	defer cgroup.Close()
	log, err := os.OpenFile(filepath.Join(h.dir, "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/bin/sh", "-c", bootScript, "boot", h.dir, h.opt.Name, h.address)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET | syscall.CLONE_NEWCGROUP,
		UseCgroupFD: true, CgroupFD: int(cgroup.Fd()),
		Setsid: true, Pdeathsig: syscall.SIGKILL, // The host goes when the lab is killed.
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	h.lab.mu.Lock()
	closed := h.lab.closed
	h.lab.mu.Unlock()
	if closed {
		return errors.New("the lab is closed")
	}
	over, err := startKilled(cmd)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	h.mu.Lock()
	h.init, h.over = cmd, over
	h.mu.Unlock()
	pid := strconv.Itoa(cmd.Process.Pid)
	for _, args := range [][]string{
		{"link", "add", h.veth, "type", "veth", "peer", "name", "eth0", "netns", pid},
		{"link", "set", h.veth, "master", h.lab.made.Bridge},
		{"link", "set", h.veth, "up"},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	if _, err := stdin.Write([]byte("go\n")); err != nil {
		return fmt.Errorf("boot: %s", h.console())
	}
	stdin.Close()
	return h.answers(ctx)
}

// answers waits until the SSH server accepts connections, and people: while a
// system boots, /run/nologin keeps out everybody but root.
func (h *Real) answers(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for {
		if c, err := net.DialTimeout("tcp", h.Address(), time.Second); err == nil {
			c.Close()
			if _, err := h.Exec("test", "!", "-e", "/run/nologin"); err == nil {
				return nil
			}
		}
		select {
		case <-h.over:
			return fmt.Errorf("it went down while booting: %s", h.console())
		case <-ctx.Done():
			return fmt.Errorf("sshd does not answer at %s: %w: %s", h.Address(), ctx.Err(), h.console())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (h *Real) console() string {
	raw, _ := os.ReadFile(filepath.Join(h.dir, "console")) // For an error message: as far as it can be had.
	return strings.TrimSpace(string(raw[max(0, len(raw)-500):]))
}

// halt pulls the plug.
func (h *Real) halt() {
	h.mu.Lock()
	init, over := h.init, h.over
	h.init = nil
	h.mu.Unlock()
	if init == nil {
		return
	}
	_ = init.Process.Kill() // PID 1: the kernel ends all others with it.
	<-over
	// The card goes with its namespace, but not at once.
	_ = exec.Command("ip", "link", "del", h.veth).Run()
	_ = emptyCgroup(h.cgroup) // Tried again at the end of the lab.
}

// Close is part of [Machine]. The disk goes with the lab.
func (h *Real) Close() error {
	h.halt()
	return nil
}

// startKilled starts a program that is killed in the end: with the lab, if its
// Pdeathsig says so, or by us. The channel is closed when it is over.
func startKilled(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, over := make(chan error, 1), make(chan struct{})
	go func() {
		// Pdeathsig means the death of the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // It is always killed.
		}
		close(over)
	}()
	return over, <-started
}
