package host

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// realBase is where real labs keep what must outlive their process: a folder
// for each, locked while it is in use.
const realBase = "/run/aurora-lab"

// packages are what real hosts need, by a file that each brings.
var packages = []struct{ file, name string }{
	{"/lib/systemd/systemd", "systemd"}, {"/usr/bin/dbus-daemon", "dbus"}, {"/usr/sbin/sshd", "openssh-server"},
	{"/usr/bin/sudo", "sudo"}, {"/usr/sbin/ip", "iproute2"}, {"/usr/sbin/nft", "nftables"}, {"/usr/sbin/iptables", "iptables"},
	{"/usr/bin/nsenter", "util-linux"},
}

// Supported says why real hosts cannot be had here; nil: they can. Missing
// packages are no reason: see [Prepare].
func Supported() error {
	if os.Getuid() != 0 {
		return errors.New("real hosts need root")
	}
	if err := exec.Command("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "true").Run(); err != nil {
		return fmt.Errorf("real hosts need namespaces: unshare: %w", err)
	}
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	for _, fs := range []string{"overlay", "cgroup2"} {
		if !strings.Contains(string(known), "\t"+fs+"\n") {
			return fmt.Errorf("real hosts need the file system %s in the kernel", fs)
		}
	}
	if missing := Missing(); len(missing) > 0 {
		if _, err := exec.LookPath("apt-get"); err != nil {
			return fmt.Errorf("real hosts need %s, and there is no apt-get", strings.Join(missing, ", "))
		}
	}
	return nil
}

// Missing lists the packages that [Prepare] would install.
func Missing() []string {
	var missing []string
	for _, p := range packages {
		if _, err := os.Stat(p.file); err != nil {
			missing = append(missing, p.name)
		}
	}
	return missing
}

// Prepare installs the packages that real hosts need, and those named besides,
// as far as they are missing. No service is started on this machine.
func Prepare(ctx context.Context, more ...string) error {
	missing := Missing()
	for _, name := range more {
		if exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", name).Run() != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for _, args := range [][]string{
		{"update"}, append([]string{"-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"}, missing...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, lastLine(out))
		}
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// A RealLab is a bridge with a network of its own, and the real hosts on it.
type RealLab struct {
	id     string // Part of the name of everything that the lab makes.
	dir    string
	lock   *os.File
	subnet string // "10.77.3": the first three numbers.
	cgroup string // The lab's folder in cgroup2.

	mu    sync.Mutex
	made  traces
	hosts []*Real
	next  int // Last number of the next host's address.
	stop  []func()

	closed   bool // No host is made any more.
	closing  sync.Once
	closeErr error
}

// traces are what a lab makes outside of its processes: it is written down
// before it is made, so that a later lab can clear up after one that was killed.
type traces struct {
	Bridge string   `json:"bridge"`
	Cgroup string   `json:"cgroup"`
	Mounts []string `json:"mounts"`
}

// StartReal makes the network of a real lab. It first clears up after labs
// that were killed. The lab ends with ctx or [RealLab.Close].
func StartReal(ctx context.Context) (*RealLab, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	if err := Prepare(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(realBase, 0o711); err != nil {
		return nil, err
	}
	// Labs of several processes start one after the other: each looks for what
	// the killed left behind, and for a subnet that nobody has.
	starting, err := os.OpenFile(filepath.Join(realBase, "starting"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer starting.Close()
	if err := syscall.Flock(int(starting.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	clearStale()
	id := strings.ToLower(rand.Text()[:6])
	l := &RealLab{id: id, dir: filepath.Join(realBase, id), next: 10}
	if err := os.Mkdir(l.dir, 0o711); err != nil {
		return nil, err
	}
	if l.lock, err = os.OpenFile(filepath.Join(l.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(l.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, err
	}
	if err := l.network(); err != nil {
		l.Close()
		return nil, err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	return l, nil
}

// network makes the cgroup and the bridge, on the first subnet that is free.
func (l *RealLab) network() error {
	base, err := l.cgroup2()
	if err != nil {
		return err
	}
	l.cgroup = filepath.Join(base, "aurora-lab-"+l.id)
	l.made.Cgroup, l.made.Bridge = l.cgroup, "al"+l.id
	if err := l.note(); err != nil {
		return err
	}
	if err := os.Mkdir(l.cgroup, 0o755); err != nil {
		return err
	}
	if err := ip("link", "add", l.made.Bridge, "type", "bridge"); err != nil {
		return err
	}
	for x := 1; x < 255; x++ {
		subnet := fmt.Sprintf("10.77.%d", x)
		if taken(subnet) {
			continue
		}
		l.subnet = subnet
		if err := ip("addr", "add", subnet+".1/24", "dev", l.made.Bridge); err != nil {
			return err
		}
		return ip("link", "set", l.made.Bridge, "up")
	}
	return errors.New("no subnet 10.77.x.0/24 is free")
}

func taken(subnet string) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range addresses {
		if strings.HasPrefix(a.String(), subnet+".") {
			return true
		}
	}
	return false
}

// cgroup2 returns where the version 2 hierarchy is mounted, mounting it if need be.
func (l *RealLab) cgroup2() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1], nil
		}
	}
	at := filepath.Join(l.dir, "cgroup")
	if err := os.Mkdir(at, 0o755); err != nil {
		return "", err
	}
	l.made.Mounts = append(l.made.Mounts, at)
	if err := l.note(); err != nil {
		return "", err
	}
	return at, syscall.Mount("cgroup2", at, "cgroup2", 0, "")
}

// note writes down what the lab is about to make.
func (l *RealLab) note() error {
	raw, err := json.Marshal(l.made)
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, "traces.json")
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// mounted notes a mount before it is made.
func (l *RealLab) mounted(path string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made.Mounts = append(l.made.Mounts, path)
	return l.note()
}

// ID returns what is part of the name of everything that the lab makes.
func (l *RealLab) ID() string { return l.id }

// Gateway returns the lab's own address on the bridge.
func (l *RealLab) Gateway() string { return l.subnet + ".1" }

// Close ends all hosts and takes everything away that the lab made. Every call
// returns when that is done.
func (l *RealLab) Close() error {
	l.closing.Do(func() {
		l.mu.Lock()
		hosts, stop := l.hosts, l.stop
		l.closed = true
		l.mu.Unlock()
		for _, h := range hosts {
			h.halt()
		}
		for _, f := range stop {
			f()
		}
		l.closeErr = clearUp(l.dir, l.made)
		l.lock.Close()
	})
	return l.closeErr
}

// clearStale clears up after labs whose process is gone: their lock is free.
func clearStale() {
	dirs, _ := filepath.Glob(filepath.Join(realBase, "*"))
	for _, dir := range dirs {
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0o600)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			var made traces
			if raw, err := os.ReadFile(filepath.Join(dir, "traces.json")); err == nil && json.Unmarshal(raw, &made) == nil {
				_ = clearUp(dir, made) // What is left is tried again at the next start.
			}
		}
		lock.Close()
	}
}

// clearUp ends the processes in the lab's cgroup and takes its bridge, mounts
// and folder away.
func clearUp(dir string, made traces) error {
	var errs []error
	if made.Cgroup != "" {
		errs = append(errs, emptyCgroup(made.Cgroup))
	}
	if made.Bridge != "" {
		if _, err := net.InterfaceByName(made.Bridge); err == nil {
			errs = append(errs, ip("link", "del", made.Bridge))
		}
	}
	for i := len(made.Mounts) - 1; i >= 0; i-- {
		err := syscall.Unmount(made.Mounts[i], syscall.MNT_DETACH)
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", made.Mounts[i], err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err // The folder stays, for the next start to try again.
	}
	return os.RemoveAll(dir)
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, lastLine(out))
	}
	return nil
}
