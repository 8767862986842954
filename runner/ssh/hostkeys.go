package ssh

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// A HostKeyError is a host that did not prove who it is. Nothing was sent to
// it, no key and no command.
type HostKeyError struct {
	Address   string   // "host:port", as configured.
	Files     []string // The known_hosts files that were read.
	Known     []string // What they have for Address: "FILE:LINE ssh-ed25519 SHA256:…".
	Presented string   // What the host showed, or which kinds of key it offered.
	Why       string   // In a few words.
	SHA1      bool     // It may be the right host, but proves that with SHA-1 only.
}

func (e *HostKeyError) Error() string {
	files := "known_hosts (" + strings.Join(e.Files, ", ") + ") has no entry for it"
	if len(e.Known) > 0 {
		files = "known_hosts has " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("host key of %s: %s: %s; the host presented %s; %s", e.Address, e.Why, files, e.Presented, e.Hint())
}

// Hint says what to type.
func (e *HostKeyError) Hint() string {
	host, port, err := net.SplitHostPort(e.Address)
	if err != nil {
		host, port = e.Address, "22"
	}
	file := "known_hosts"
	if len(e.Files) > 0 {
		file = e.Files[0]
	}
	if e.SHA1 {
		return fmt.Sprintf("hint: its sshd is older than OpenSSH 7.2, or its configuration allows nothing else (HostKeyAlgorithms in sshd_config): update it, or give it an Ed25519 key, as root there with `ssh-keygen -A` and a restart of sshd; then add that key with `ssh-keyscan -t ed25519 -p %s %s >> %s`, once it equals what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` says on the host's own console", port, host, file)
	}
	add := fmt.Sprintf("compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` typed on the host's own console; only if equal: `ssh-keyscan -p %s %s >> %s`", port, host, file)
	if len(e.Known) == 0 {
		return "hint: " + add
	}
	return fmt.Sprintf("hint: somebody may be in between, or the host was reinstalled; %s after `ssh-keygen -f %s -R '%s'`", add, file, knownhosts.Normalize(e.Address))
}

// everyCertificate lists all kinds of host certificate: a line with
// @cert-authority says what the authority's key is, not what the host's is.
var everyCertificate = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

// knownKeys reads the known_hosts files, without lines about other hosts that
// can't be read. names tells the original of each file that was read without some.
func (c *Config) knownKeys() (db *knownhosts.HostKeyDB, names map[string]string, err error) {
	files, names, done, err := readable(c.KnownHosts, c.Address)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	db, err = knownhosts.NewDB(files...)
	return db, names, err
}

// hostKeys makes config accept the keys of the known_hosts files and no other.
// The files are read anew for each connection. HostKeyAlgorithms are those that
// the files have for this host: else a host with several keys shows another one
// than the known one, and looks like an impostor.
func (c *Config) hostKeys(config *ssh.ClientConfig) error {
	db, names, err := c.knownKeys()
	if err != nil {
		return fmt.Errorf("known_hosts: %w", err)
	}
	for _, key := range db.HostKeys(c.Address) {
		algorithms := []string{key.Type()}
		switch {
		case key.Cert:
			algorithms = everyCertificate
		case key.Type() == ssh.KeyAlgoRSA:
			algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, a := range algorithms {
			if !slices.Contains(config.HostKeyAlgorithms, a) {
				config.HostKeyAlgorithms = append(config.HostKeyAlgorithms, a)
			}
		}
	}
	if len(config.HostKeyAlgorithms) == 0 {
		// It is refused whatever it shows, and by its true reason if that is SHA-1.
		config.HostKeyAlgorithms = ssh.SupportedAlgorithms().HostKeys
	}
	check := db.HostKeyCallback()
	config.HostKeyCallback = func(address string, remote net.Addr, key ssh.PublicKey) error {
		err := check(address, remote, key)
		if err == nil {
			return nil
		}
		refusal := &HostKeyError{
			Address: c.Address, Files: c.KnownHosts, Presented: describe(key),
			Known: c.known(db), Why: "not known",
		}
		var revoked *xknownhosts.RevokedError
		var other *xknownhosts.KeyError
		switch {
		case errors.As(err, &revoked):
			refusal.Why = fmt.Sprintf("revoked by %s:%d", cmp.Or(names[revoked.Revoked.Filename], revoked.Revoked.Filename), revoked.Revoked.Line)
		case errors.As(err, &other) && len(other.Want) > 0:
			refusal.Why = "another key than the known one"
		case !errors.As(err, &other):
			refusal.Why = err.Error() // About a certificate: expired, other principal, unknown authority.
		}
		return refusal
	}
	return nil
}

// known lists what the files have for the host.
func (c *Config) known(db *knownhosts.HostKeyDB) []string {
	var known []string
	for _, key := range db.HostKeys(c.Address) {
		text := describe(key.PublicKey)
		if key.Cert {
			text = "@cert-authority " + text
		}
		known = append(known, text)
	}
	return known
}

func describe(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		return fmt.Sprintf("a certificate of %s for %s signed by %s", describe(cert.Key), strings.Join(cert.ValidPrincipals, ", "), describe(cert.SignatureKey))
	}
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}
