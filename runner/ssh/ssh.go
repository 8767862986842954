// Package ssh is [runner.Host] over SSH: strict host keys, one connection per
// host, no pseudo terminal, quoting in one place, and limits on everything.
//
// On the host it needs Linux's /proc, a POSIX sh, coreutils, grep, sed and
// util-linux; sudo for commands of other accounts. Nothing is installed there:
// scripts go along with the command.
//
// Besides the commands that it is asked to run, it runs these through sudo, and
// a sudoers file of exact commands has to allow them: "kill -s SIGNAL PID…" as
// any account that commands run as, and as root for what an earlier process
// left (without it an abort says "could not confirm that it was killed"); as the
// account that [Host.Put] writes as "install", "dd", "sha256sum", "mv -T", "rm -f"; and for [Host.Get] of what
// the login account may not read "stat" and "cat" as root.
package ssh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aurorabot/runner"
)

// A Config says how to reach a host. Zero values are usable where that is said.
type Config struct {
	Name       string   // What people call the host; see [runner.Host].
	Address    string   // "host:port".
	User       string   // Login account.
	KeyFiles   []string // Private keys; a certificate beside it ("KEY-cert.pub") is used. With Agent also public keys: those of the agent's that go first.
	CertFiles  []string // Certificates of those keys, or of the agent's.
	Passphrase string   // Of the private keys that have one. Empty: none is known.
	Agent      string   // Path of an agent's socket. Empty: none. The agent is never forwarded.
	KnownHosts []string // Files in OpenSSH's format. A host that is in none of them is refused.

	// Owner names whoever the commands belong to: letters and digits, the same
	// for all processes of one bot, of which one lives at a time, and for no
	// other Host. What an earlier process left at work is ended before anything
	// else is done. Empty: only what this Host itself left.
	Owner string

	Sudo   []string // What goes before "-u USER -- COMMAND". Nil: "sudo -n".
	RunDir string   // Absolute folder on the host for jobs and uploads; User must be able to make it or write to it.

	ConnectTimeout time.Duration // For TCP, handshake and login together. Zero: 10 s.
	Keepalive      time.Duration // How often the peer is asked whether it is there, and how long it may take. Zero: 15 s.

	Now func() time.Time // The bot's clock; needed.

	Pool *Pool // Bounds the connections of all hosts that share it. Nil: no bound.

	Via *Host // The bastion before it, of [NewBastion]; it may have a Via itself. Nil: none.
}

// MaxSessions is how many sessions a Host has open at once. sshd's default
// limit is 10 (MaxSessions), shared with whoever else multiplexes.
const MaxSessions = 4

// A Host is a machine reached over SSH. See [runner.Host].
type Host struct {
	cfg   Config
	slots chan struct{} // Taken while a session is open.
	turn  chan struct{} // Held by whoever looks at or replaces link.
	link  *link         // Nil before the first call.
	links int           // How many there were.
	mine  string        // What the names of all of them begin with.

	outputs share // Of the commands that run.

	swept sync.Map // What the newest connection ended, by process.

	bastion bool // See [NewBastion].

	left atomic.Bool // Something of an earlier connection may be at work still.

	few     atomic.Bool  // sshd refused a session: none is kept for looks any more.
	noSFTP  atomic.Bool  // Files go through commands.
	through atomic.Int32 // Commands that run through a kept one.

	count stats
	up    atomic.Bool // Whether link is there and has not ended.
}

var _ runner.Host = (*Host)(nil)

// New returns the host of cfg. It connects when the first call needs it.
func New(cfg Config) *Host {
	if cfg.Sudo == nil {
		cfg.Sudo = []string{"sudo", "-n"}
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	if cfg.Keepalive == 0 {
		cfg.Keepalive = 15 * time.Second
	}
	h := &Host{
		cfg: cfg, slots: make(chan struct{}, MaxSessions), turn: make(chan struct{}, 1),
		mine: cfg.Owner + "/" + strings.ToLower(rand.Text()[:16]) + "/",
	}
	h.left.Store(cfg.Owner != "")
	return h
}

// Name is part of [runner.Host].
func (h *Host) Name() string { return h.cfg.Name }

// Close is part of [runner.Host]. Commands that run end with an error.
func (h *Host) Close() error {
	h.drop(errClosed)
	return nil
}

// drop closes the connection, because of why.
func (h *Host) drop(why error) {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	if h.link != nil {
		h.link.end(why)
		h.link = nil
	}
}

// slot waits for a free session and returns what gives it back.
func (h *Host) slot(ctx context.Context) (func(), error) {
	select {
	case h.slots <- struct{}{}:
		unused := h.cfg.Pool.use(h)
		return func() { <-h.slots; unused() }, nil
	case <-ctx.Done():
		return nil, notStarted(fmt.Errorf("waiting for one of %d sessions: %w", MaxSessions, context.Cause(ctx)))
	}
}

// sudo returns what goes before an argv to run it as user: nothing for the login account.
func (c *Config) sudo(user string) []string { return c.sudoIn(user, "") }

// sudoIn is sudo with a group besides; empty: the user's own.
func (c *Config) sudoIn(user, group string) []string {
	if user == "" || user == c.User {
		return nil
	}
	as := append(append([]string{}, c.Sudo...), "-u", user)
	if group != "" {
		as = append(as, "-g", group)
	}
	return append(as, "--")
}

// notStarted marks err as certain not to have changed anything.
func notStarted(err error) error {
	if errors.Is(err, runner.ErrNotStarted) {
		return err
	}
	return fmt.Errorf("%w: %w", runner.ErrNotStarted, err)
}
