package host_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/ssh"
)

// A real host that lacks a tool either works all the same, or pre-flight stops at it and
// names the tool, before anything rests on it. So it is with login shells that print or
// are no POSIX shell, and with a sudo that warns.
func TestRealWays(t *testing.T) {
	needReal(t)
	if os.Getenv("AURORABOT_REAL") != "" {
		if err := host.Prepare(t.Context(), "fish", "tcsh"); err != nil {
			t.Fatal(err)
		}
	}
	l, err := host.StartReal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	key, public := newKey(t)
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Host(t.Context(), host.RealOptions{
		Name: "s1", Users: []string{"dr"}, Accounts: []string{"aurora"}, AuthorizedKeys: []xssh.PublicKey{public}, Bin: bin, Links: []string{"mesos-log", "aurora_admin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	must := func(argv ...string) {
		t.Helper()
		if out, err := h.Exec(argv...); err != nil {
			t.Fatalf("%q: %v: %s", argv, err, out)
		}
	}
	fine := func(t *testing.T) {
		t.Helper()
		if err := preflight(t, h, key); err != nil {
			t.Fatalf("pre-flight: %v", err)
		}
		works(t, h, key)
	}
	t.Run("all tools", fine)
	for _, tt := range []struct {
		tool, path string
		named      bool // Pre-flight stops there; else it works.
	}{
		{"nft", "/usr/sbin/nft", true}, {"sha256sum", "/usr/bin/sha256sum", true}, {"timeout", "/usr/bin/timeout", true}, {"setsid", "/usr/bin/setsid", true},
		{"mesos-log", "/usr/bin/mesos-log", true}, {"sftp-server", "/usr/lib/openssh/sftp-server", false},
	} {
		t.Run("without "+tt.tool, func(t *testing.T) {
			must("mv", tt.path, tt.path+".away")
			defer must("mv", tt.path+".away", tt.path)
			if !tt.named {
				fine(t)
				return
			}
			err := preflight(t, h, key)
			if err == nil || !strings.Contains(err.Error(), tt.tool) || !strings.Contains(err.Error(), "not on the host") {
				t.Errorf("%v, want %s named", err, tt.tool)
			}
		})
	}
	for _, shell := range []string{"fish", "tcsh"} {
		t.Run("login shell "+shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				fmt.Printf("REAL HOSTS: SKIPPED (%s is not installed)\n", shell)
				t.Skip(err)
			}
			must("usermod", "-s", path, "dr")
			defer must("usermod", "-s", "/bin/bash", "dr")
			fine(t)
		})
	}
	t.Run("a login shell that prints", func(t *testing.T) {
		must("usermod", "-s", "/bin/bash", "dr")
		put(t, h, "/home/dr/.bashrc", []byte("echo Welcome to s1; echo On call: see the wiki >&2\n"), 0o644)
		defer must("rm", "/home/dr/.bashrc")
		// Its words could be taken for those of programs: it is said, and what to do.
		err := preflight(t, h, key)
		if err == nil || !strings.Contains(err.Error(), "the login shell of dr writes to standard output") || !strings.Contains(err.Error(), "Welcome to s1") {
			t.Errorf("%v", err)
		}
		put(t, h, "/home/dr/.bashrc", []byte("echo On call: see the wiki >&2\n"), 0o644)
		fine(t)
	})
	t.Run("sudo that warns", func(t *testing.T) {
		must("cp", "/etc/hosts", "/etc/hosts.away")
		defer must("mv", "/etc/hosts.away", "/etc/hosts")
		put(t, h, "/etc/hosts", []byte("127.0.0.1 localhost\n"), 0o644)
		fine(t)
	})
}

// owned is the host as a bot has it, which looks first for what an earlier one left.
func owned(t *testing.T, h *host.Real, key string) *ssh.Host {
	t.Helper()
	c := ssh.New(ssh.Config{
		Name: "s1", Address: h.Address(), User: "dr", KeyFiles: []string{key}, KnownHosts: []string{write(t, h.KnownHosts())},
		RunDir: "/home/dr/.aurorabot", Owner: "bot", Now: time.Now,
	})
	t.Cleanup(func() { c.Close() })
	return c
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// preflight asks the host what a recovery asks first.
func preflight(t *testing.T, h *host.Real, key string) error {
	t.Helper()
	k := &aurora.Cluster{
		Name: "dev", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler", Firewall: "nft", User: "aurora", Group: "aurora",
		Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log",
		Schedulers: []aurora.Scheduler{{Name: "s1", ConfigFile: "/etc/default/aurora-scheduler", RunDir: runDir, RuntimeDir: "/run/systemd/system"}},
	}
	nodes := &node.Nodes{Cluster: k, Hosts: map[string]runner.Host{"s1": owned(t, h, key)}}
	return new(node.Look).AtAccess(t.Context(), nodes.Node("s1"))
}

// works does everything that a recovery does over SSH: commands, also as others, jobs,
// and files there and back.
func works(t *testing.T, h *host.Real, key string) {
	t.Helper()
	c := owned(t, h, key)
	odd := `a\b \' !x "$HOME" ~`
	for _, cmd := range []runner.Command{
		{Argv: []string{"printf", "%s", odd}}, {Argv: []string{"printf", "%s", odd}, User: "root"}, {Argv: []string{"printf", "%s", odd}, User: "aurora", Job: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))},
	} {
		if out, err := c.Run(t.Context(), cmd); err != nil || out.Exit != 0 || string(out.Stdout) != odd {
			t.Errorf("%q as %q: %q, %q, %d, %v", cmd.Argv, cmd.User, out.Stdout, out.Stderr, out.Exit, err)
		}
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	for _, f := range []runner.File{
		{Path: "/home/dr/file", Content: content, Mode: 0o600}, {Path: "/etc/default/file", Content: content, Mode: 0o640, User: "root"},
	} {
		var got bytes.Buffer
		if err := c.Put(t.Context(), f); err != nil {
			t.Error(err)
		} else if _, err := c.Get(t.Context(), f.Path, f.User, &got); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("get %s: %d bytes, %v", f.Path, got.Len(), err)
		}
	}
}
