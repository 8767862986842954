package ssh_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"aurorabot/runner"
	"aurorabot/runner/runnertest"
	"aurorabot/runner/ssh"
)

// The adapter keeps the contract against the lab's server.
func TestContractInProcess(t *testing.T) {
	runnertest.TestHost(t, runnertest.Lab{Dir: t.TempDir()}, func(t *testing.T) runner.Host {
		_, cfg := startHost(t)
		return ssh.New(cfg)
	})
}

// The adapter keeps the contract against OpenSSH's server.
func TestContractSSHD(t *testing.T) {
	cfg, missing := startSSHD(t)
	if missing != "" {
		t.Skipf("SKIPPED: %s", missing)
	}
	lab := runnertest.Lab{Dir: t.TempDir()}
	if _, err := exec.LookPath("sudo"); err == nil && os.Getuid() == 0 {
		if _, err := user.Lookup("nobody"); err == nil {
			lab.User = "nobody"
		}
	}
	runnertest.TestHost(t, lab, func(t *testing.T) runner.Host { return ssh.New(cfg) })
}

// startSSHD starts OpenSSH's server as this account on a loopback port, until
// the test ends. Or it says why it cannot be had here.
func startSSHD(t *testing.T, more ...string) (ssh.Config, string) {
	t.Helper()
	const sshd = "/usr/sbin/sshd" // It wants to be called by its absolute path.
	if _, err := os.Stat(sshd); err != nil {
		return ssh.Config{}, fmt.Sprintf("no OpenSSH server here (apt-get install openssh-server): %v", err)
	}
	me, err := user.Current()
	if err != nil {
		return ssh.Config{}, fmt.Sprintf("who am I: %v", err)
	}
	if os.Getuid() == 0 {
		// Debian makes it when the service starts; sshd refuses to run without.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return ssh.Config{}, err.Error()
		}
	}
	dir := t.TempDir()
	hostFile, hostKey := newKey(t)
	keyFile, key := newKey(t)
	authorized := filepath.Join(dir, "authorized_keys")
	if err := os.WriteFile(authorized, xssh.MarshalAuthorizedKey(key), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	free.Close()
	if !strings.Contains(strings.Join(more, "\n"), "Subsystem ") {
		more = append(more, "Subsystem sftp internal-sftp")
	}
	config := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(config, fmt.Appendf(nil, `ListenAddress 127.0.0.1
Port %s
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
%s
`, port, hostFile, authorized, strings.Join(more, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(sshd, "-D", "-e", "-f", config)
	server.Stderr = log
	if err := server.Start(); err != nil {
		return ssh.Config{}, fmt.Sprintf("sshd: %v", err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("sshd said:\n%s", text)
		}
	})
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			cfg := ssh.Config{
				Name: "s1", Address: address, User: me.Username, KeyFiles: []string{keyFile},
				KnownHosts: []string{write(t, fmt.Sprintf("[127.0.0.1]:%s %s", port, xssh.MarshalAuthorizedKey(hostKey)))},
				RunDir:     filepath.Join(dir, "run"), ConnectTimeout: 10 * time.Second, Now: time.Now,
			}
			probe := ssh.New(cfg)
			defer probe.Close()
			if _, err := probe.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
				if os.Getuid() == 0 {
					t.Fatal(err)
				}
				return ssh.Config{}, fmt.Sprintf("sshd does not let this account log in: %v", err)
			}
			return cfg, ""
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	return ssh.Config{}, fmt.Sprintf("sshd does not listen: %s", text)
}
