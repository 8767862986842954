package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A farm is so many of OpenSSH's own servers, each at a loopback address of its
// own: what a fan-out meets in earnest, but for the network.
type farm struct {
	dir     string
	user    string
	servers []*exec.Cmd
	names   []string // "127.0.9.1", …: all at one port.
	port    int
}

// newFarm starts n servers; the account that runs it logs in.
func newFarm(dir string, n int) (*farm, error) {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd = "/usr/sbin/sshd"; exec.Command("test", "-x", sshd).Run() != nil {
			return nil, fmt.Errorf("OpenSSH's server is not installed: %w", err)
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	f := &farm{dir: dir, user: me.Username}
	if f.port, err = freePort(); err != nil {
		return nil, err
	}
	for _, key := range []string{f.key(), f.hostKey()} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("make a key: %w: %s", err, out)
		}
	}
	public, err := os.ReadFile(f.hostKey() + ".pub")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd's own folder, which its unit would make.
			return nil, err
		}
	}
	var known strings.Builder
	for i := range n {
		name := fmt.Sprintf("127.0.9.%d", i+1)
		f.names = append(f.names, name)
		fmt.Fprintf(&known, "[%s]:%d %s\n", name, f.port, strings.Join(strings.Fields(string(public))[:2], " "))
		if err := f.start(sshd, name); err != nil {
			f.close()
			return nil, err
		}
	}
	files := map[string]string{
		f.knownHosts(): known.String(),
		f.hosts():      strings.Join(f.names, "\n") + "\n",
		f.sshConfig(): fmt.Sprintf("Host 127.0.9.*\n  Port %d\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  StrictHostKeyChecking yes\n  BatchMode yes\n",
			f.port, f.user, f.key(), f.knownHosts()),
	}
	for i := range manyQuestions {
		files[question(dir, i)] = strings.Repeat("x", i)
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

func (f *farm) key() string        { return filepath.Join(f.dir, "id") }
func (f *farm) hostKey() string    { return filepath.Join(f.dir, "host") }
func (f *farm) knownHosts() string { return filepath.Join(f.dir, "known_hosts") }
func (f *farm) hosts() string      { return filepath.Join(f.dir, "hosts") }
func (f *farm) sshConfig() string  { return filepath.Join(f.dir, "ssh_config") }

// start starts one server, with the settings that a Debian host has, but for
// PAM, which an ordinary user could not use, and waits until it listens. SHLVL
// keeps bash from reading the account's own .bashrc in every session: what that
// does (half a second, where it sets up languages) is no property of a server.
func (f *farm) start(sshd, name string) error {
	config := filepath.Join(f.dir, "sshd-"+name)
	text := fmt.Sprintf("Port %d\nListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nMaxStartups 100\nSubsystem sftp internal-sftp\nLogLevel ERROR\nSetEnv SHLVL=1\n",
		f.port, name, f.hostKey(), f.key())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	log, err := os.Create(config + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return err
	}
	f.servers = append(f.servers, cmd)
	for range 100 {
		if c, err := net.Dial("tcp", net.JoinHostPort(name, strconv.Itoa(f.port))); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	why, _ := os.ReadFile(config + ".log")
	return fmt.Errorf("sshd at %s:%d does not answer: %s", name, f.port, why)
}

// close ends the servers.
func (f *farm) close() {
	for _, s := range f.servers {
		// Not an interrupt, which what a shell started in the background ignores. Its
		// sessions have ended; it has nothing to save.
		_ = s.Process.Signal(syscall.SIGTERM)
		_ = s.Wait()
	}
}

// cpu is the processor time of all servers and of their sessions, once these
// have ended: the kernel counts a child when its parent has waited for it.
func (f *farm) cpu() (time.Duration, error) {
	total := time.Duration(0)
	for _, s := range f.servers {
		for range 500 {
			children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.Process.Pid, s.Process.Pid))
			if err != nil || len(strings.TrimSpace(string(children))) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		t, err := processCPU(s.Process.Pid)
		if err != nil {
			return 0, err
		}
		total += t
	}
	return total, nil
}

// processCPU is the processor time of a process and of its children that it has
// waited for.
func processCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
	}
	total := 0
	for _, v := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.Atoi(v)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		total += n
	}
	return time.Duration(total) * time.Second / 100, nil // Ticks of a hundredth: USER_HZ on Linux.
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.9.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
