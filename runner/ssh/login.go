package ssh

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// errLogin is a host that lets none of our keys in: asking again does not help.
var errLogin = errors.New("login refused")

// A login is what is known of one attempt to log in, to say why it failed.
type login struct {
	user string

	mu     sync.Mutex
	banner string // What the host said last before it let anybody in.
	taken  string // The key that it takes, "" as long as it took none.
}

func (l *login) heard(message string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.TrimSpace(message) != "" {
		l.banner = firstLines([]byte(message)[:min(len(message), 150)]) // What is to be done stands behind it.
	}
	return nil
}

// watched are the signers, which note that they were asked to sign: a host asks only
// the key that it takes to.
func (l *login) watched(signers []ssh.Signer) []ssh.Signer {
	out := make([]ssh.Signer, len(signers))
	for i, s := range signers {
		switch s := s.(type) {
		case ssh.MultiAlgorithmSigner:
			out[i] = watchedMulti{watchedAny{s, l}, s}
		case ssh.AlgorithmSigner:
			out[i] = watchedAny{s, l}
		default:
			out[i] = watchedOne{s, l}
		}
	}
	return out
}

func (l *login) takes(key ssh.PublicKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = describe(key)
}

type (
	watchedOne struct {
		ssh.Signer
		login *login
	}
	watchedAny struct {
		ssh.AlgorithmSigner
		login *login
	}
	watchedMulti struct {
		watchedAny
		multi ssh.MultiAlgorithmSigner
	}
)

func (w watchedOne) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	w.login.takes(w.PublicKey())
	return w.Signer.Sign(random, data)
}

func (w watchedAny) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	w.login.takes(w.PublicKey())
	return w.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
}

func (w watchedMulti) Algorithms() []string { return w.multi.Algorithms() }

// explain turns the library's errors about a login into what they mean, and what to do.
func (c *Config) explain(l *login, offered int, err error) error {
	var refusal *HostKeyError
	if errors.As(err, &refusal) {
		return refusal
	}
	var none *ssh.AlgorithmNegotiationError
	if errors.As(err, &none) {
		if strings.Contains(none.What, "host key") {
			return c.noHostKey(none)
		}
		return fmt.Errorf("the host's sshd knows no way to talk (%s) that is safe and known here: it is too old, or its sshd_config leaves too little: %w", none.What, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	said := ""
	if l.banner != "" {
		said = fmt.Sprintf("; it says: %q", l.banner)
	}
	unable := strings.Contains(err.Error(), "unable to authenticate")
	switch {
	case strings.Contains(strings.ToLower(err.Error()), "too many authentication"):
		return fmt.Errorf("%w: the host gave up before it was offered all of %d keys, for each one that it does not take is a failure, and sshd allows 6 (MaxAuthTries): name the one key in key_files, which are offered first, and take others out of the agent (`ssh-add -l`, `ssh-add -d`): %w", errLogin, offered, err)
	case unable && l.taken != "":
		return fmt.Errorf("%w: the host takes the key %s, and wants more than a key (AuthenticationMethods in sshd_config, a second factor): except the account %s from it%s: %w", errLogin, l.taken, l.user, said, err)
	case unable:
		return fmt.Errorf("%w: the host takes none of the keys offered; put the public key into ~%[2]s/.ssh/authorized_keys there. If it is there, the account may be missing, locked or expired (as root there: `passwd -S %[2]s`, `chage -l %[2]s`), or not be among AllowUsers: sshd tells it to nobody but its own log: %[3]w", errLogin, l.user, err)
	case l.taken != "":
		return fmt.Errorf("the host takes the key %[1]s, and then does not let the account %[2]s in%[3]s. The account may be expired or locked (as root there: `chage -l %[2]s`, `chage -E -1 %[2]s`), the host may be on its way up or down (/run/nologin), or PAM may refuse it; sshd's log on the host tells: %[4]w", l.taken, l.user, said, err)
	}
	return err
}

// noHostKey is the refusal of a host that has no host key of a kind that is taken.
func (c *Config) noHostKey(none *ssh.AlgorithmNegotiationError) error {
	refusal := &HostKeyError{
		Address: c.Address, Files: c.KnownHosts, Why: "another kind of key than the known one",
		Presented: "keys of the kinds " + strings.Join(none.RequestedAlgorithms, ", "),
	}
	rsa := false // Whether it may be the known host that shows them.
	if db, _, err := c.knownKeys(); err == nil {
		refusal.Known = c.known(db)
		rsa = slices.ContainsFunc(db.HostKeys(c.Address), func(k knownhosts.PublicKey) bool { return k.Cert || k.Type() == ssh.KeyAlgoRSA })
	}
	old := !slices.ContainsFunc(none.RequestedAlgorithms, func(kind string) bool { return !slices.Contains(withSHA1, kind) })
	switch {
	case old && (rsa || len(refusal.Known) == 0):
		refusal.SHA1, refusal.Why = true, "it can prove who it is with SHA-1 only, which can be forged and is not taken"
	case len(refusal.Known) == 0:
		refusal.Why = "no kind of key that is taken"
	}
	return refusal
}

// withSHA1 are the kinds of host key whose signatures rest on SHA-1.
var withSHA1 = []string{ssh.KeyAlgoRSA, ssh.CertAlgoRSAv01, "ssh-dss", "ssh-dss-cert-v01@openssh.com"}

// noScript says why a login shell did not run our script, by what it left, and what
// to do. Where the words are none that are known they are all that is said.
func noScript(user string, status int, said []byte) error {
	text := string(said)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	todo := ""
	switch {
	case has("Unmatched '", "Unmatched \"", "Event not found", "Badly placed ("):
		todo = fmt.Sprintf("; it is csh or tcsh, which cannot read scripts that other shells read: give the account another one, as root there: `usermod -s /bin/sh %s`", user)
	case has("account is currently not available"):
		todo = fmt.Sprintf("; it is nologin, which lets nobody in: give the account a shell, as root there: `usermod -s /bin/sh %s`", user)
	case strings.TrimSpace(text) == "" && status == 1:
		todo = fmt.Sprintf("; a shell that says nothing may be /bin/false (`getent passwd %s` there tells): give the account another one, as root there: `usermod -s /bin/sh %[1]s`", user)
	case has("password has expired", "required to change your password", "Password change required", "password is expired"):
		todo = fmt.Sprintf("; the account's password has expired, and nobody can change it without a terminal: as root there, `chage -M -1 -d \"$(date +%%F)\" %s`", user)
	case has("account has expired"):
		todo = fmt.Sprintf("; the account has expired: as root there, `chage -E -1 %s`", user)
	}
	return fmt.Errorf("the login shell ends with exit status %d: %s%s", status, firstLines(said), todo)
}
