// Package host gives the lab its scheduler hosts: an SSH server in this
// process with a folder, processes, a supervisor and tools of its own for each
// (embedded), or a network namespace with systemd and sshd in it (real).
//
// An embedded host needs no privileges and so has no root file system of its
// own: its paths are real ones below its Root, and the programs on it are told
// so by their flags. All accounts of an embedded host are one account of the
// operating system.
package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/tools"
)

// Options say what an embedded host is like.
type Options struct {
	Name           string
	IP             string          // Address to listen on, within 127.0.0.0/8. Empty: 127.0.0.1.
	Port           int             // Zero: a free one.
	Root           string          // Absolute folder; made if missing, never removed.
	Bin            string          // Multi-call binary that plays [tools.All] and the scheduler. Empty: no tools, no supervisor.
	Links          []string        // Further names of Bin in Root/bin, besides those of [tools.All].
	Users          []string        // Accounts that may log in. Empty: "root".
	Accounts       []string        // Further accounts, for example the scheduler's. root is always there.
	AuthorizedKeys []ssh.PublicKey // What opens every account.
	Env            []string        // More "NAME=value" for every process of the host.
	FailSudo       bool            // sudo asks for a password from the start.
	HostKey        ssh.Signer      // Nil: a new ed25519 key.
	Log            io.Writer       // What the host itself has to say. Nil: nowhere.
}

// A Host is an embedded host that runs. Its methods are safe for concurrent use.
type Host struct {
	opt   Options
	token string // Marks the environment of all processes of this host.
	env   []string

	super *tools.Supervisor // Nil without Bin.

	sessions atomic.Int32 // See MaxSessions. Zero: the default.
	greeting atomic.Value // See Greet.

	mu       sync.Mutex
	key      ssh.Signer
	listener net.Listener // Nil while down.
	address  string
	conns    map[net.Conn]bool
	silent   []func()      // Each ends what takes connections to the host and never answers.
	hang     chan struct{} // Non-nil while the host hangs; closed when it goes on.
	full     []string
	flood    flood
	closed   bool
	closing  sync.Once
	serving  sync.WaitGroup
}

// Start starts a host. It ends with ctx or [Host.Close], and leaves no process
// behind. Processes that an earlier host with the same Root left behind, for it
// was killed, are ended first.
func Start(ctx context.Context, opt Options) (*Host, error) {
	if opt.IP == "" {
		opt.IP = "127.0.0.1"
	}
	if ip := net.ParseIP(opt.IP); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("host %s: %q is not a loopback address", opt.Name, opt.IP)
	}
	if !filepath.IsAbs(opt.Root) {
		return nil, fmt.Errorf("host %s: root %q is not absolute", opt.Name, opt.Root)
	}
	if len(opt.Users) == 0 {
		opt.Users = []string{"root"}
	}
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	if opt.HostKey == nil {
		key, err := newKey()
		if err != nil {
			return nil, fmt.Errorf("host %s: %w", opt.Name, err)
		}
		opt.HostKey = key
	}
	h := &Host{opt: opt, key: opt.HostKey, token: rand.Text(), conns: map[net.Conn]bool{}}
	if err := h.furnish(); err != nil {
		return nil, fmt.Errorf("host %s: %w", opt.Name, err)
	}
	if err := h.startSupervisor(); err != nil {
		return nil, fmt.Errorf("host %s: %w", opt.Name, err)
	}
	if err := h.Up(); err != nil {
		h.stopSupervisor()
		return nil, err
	}
	context.AfterFunc(ctx, func() { h.Close() })
	return h, nil
}

func newKey() (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(private)
}

// furnish makes the folders and links of the host.
func (h *Host) furnish() error {
	root := h.opt.Root
	for _, dir := range []string{
		"bin", "etc/default", "etc/sudoers.d", "etc/systemd/system", "lib/systemd/system", "run", "tmp",
		"var/lib", "var/log/journal", "home",
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	var passwd strings.Builder
	for i, user := range h.accounts() {
		home := filepath.Join(root, "home", user)
		if err := os.MkdirAll(home, 0o755); err != nil {
			return err
		}
		id := 1000 + i
		if user == "root" {
			id = 0
		}
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:/bin/sh\n", user, id, id, home)
	}
	if err := os.WriteFile(filepath.Join(root, tools.AccountsFile), []byte(passwd.String()), 0o644); err != nil {
		return err
	}
	// The token of a host that was killed names the processes it left behind.
	tokenFile := filepath.Join(root, "var/lib/lab.token")
	if old, err := os.ReadFile(tokenFile); err == nil {
		killMarked(strings.TrimSpace(string(old)))
	}
	if err := os.WriteFile(tokenFile, []byte(h.token+"\n"), 0o600); err != nil {
		return err
	}
	if h.opt.Bin != "" {
		names := append([]string{}, h.opt.Links...)
		for name := range tools.All {
			names = append(names, name)
		}
		for _, name := range names {
			link := filepath.Join(root, "bin", name)
			if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			if err := os.Symlink(h.opt.Bin, link); err != nil {
				return err
			}
		}
	}
	h.env = append([]string{
		"PATH=" + filepath.Join(root, "bin") + ":/usr/bin:/bin:/usr/sbin:/sbin",
		"LANG=C.UTF-8",
		tools.RootVariable + "=" + root,
		markVariable + "=" + h.token,
	}, h.opt.Env...)
	return h.AskPassword(h.opt.FailSudo)
}

// accounts returns the names of all accounts, each once.
func (h *Host) accounts() []string {
	all := slices.Concat([]string{"root"}, h.opt.Users, h.opt.Accounts)
	slices.Sort(all)
	return slices.Compact(all)
}

// Name returns the host's name.
func (h *Host) Name() string { return h.opt.Name }

// Root returns the folder that the host's files lie below.
func (h *Host) Root() string { return h.opt.Root }

// Path returns the real path of a path on the host.
func (h *Host) Path(onHost string) string { return filepath.Join(h.opt.Root, onHost) }

// Address returns "ip:port" of the SSH server; it stays the same while the host is down.
func (h *Host) Address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.address
}

// HostKey returns the public host key as it is now.
func (h *Host) HostKey() ssh.PublicKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.key.PublicKey()
}

// KnownHosts returns the host's line of a known_hosts file.
func (h *Host) KnownHosts() string {
	host, port, _ := net.SplitHostPort(h.Address())
	return fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(h.HostKey()))
}

// Close ends the server, the supervisor and all processes of the host. Every
// call returns when that is done.
func (h *Host) Close() error {
	h.closing.Do(func() {
		h.mu.Lock()
		h.closed = true
		h.mu.Unlock()
		h.Down()
		h.Hang(false)
		h.speak() // Its addresses are the next host's.
		h.stopSupervisor()
		killMarked(h.token)
		h.serving.Wait()
		killMarked(h.token) // What a session started that was just served.
	})
	return nil
}

// environment returns the variables of a process of user.
func (h *Host) environment(user string) []string {
	return append([]string{
		"HOME=" + filepath.Join(h.opt.Root, "home", user), "USER=" + user, "LOGNAME=" + user, "SHELL=/bin/sh",
	}, h.env...)
}

func (h *Host) logf(format string, args ...any) {
	fmt.Fprintf(h.opt.Log, h.opt.Name+": "+format+"\n", args...)
}
