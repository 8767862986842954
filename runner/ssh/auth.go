package ssh

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

type auth struct {
	signers []ssh.Signer
	agent   io.Closer
}

func (a auth) close() {
	if a.agent != nil {
		a.agent.Close()
	}
}

// auth reads the keys anew for each connection, so that a key can be replaced
// while the bot runs. What is named goes first, the rest of an agent last: sshd counts
// each key that it does not take.
func (c *Config) auth() (auth, error) {
	var a auth
	var named []ssh.PublicKey // Whose private halves the agent has.
	for _, path := range c.KeyFiles {
		if key := publicHalf(path); key != nil && c.Agent != "" {
			named = append(named, key)
			continue
		}
		s, err := c.signer(path)
		if err != nil {
			return a, err
		}
		a.signers = append(a.signers, s...)
	}
	if c.Agent != "" {
		conn, err := net.Dial("unix", c.Agent)
		if err != nil {
			return a, fmt.Errorf("ssh agent: %w", err)
		}
		a.agent = conn
		held, err := agent.NewClient(conn).Signers()
		if err != nil {
			conn.Close()
			return a, fmt.Errorf("ssh agent at %s: %w", c.Agent, err)
		}
		rest, err := pick(held, named)
		if err != nil {
			conn.Close()
			return a, fmt.Errorf("ssh agent at %s: %w", c.Agent, err)
		}
		a.signers = append(a.signers, rest...)
	}
	if err := c.certify(&a); err != nil {
		a.close()
		return a, err
	}
	if len(a.signers) == 0 {
		return a, errors.New("no key to log in with: neither key files nor keys in an agent")
	}
	return a, nil
}

// signer reads a private key, and its certificate if one lies beside it. The
// certificate goes first.
func (c *Config) signer(path string) ([]ssh.Signer, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s: others than its owner can read it (mode %04o): chmod 0600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) && c.Passphrase != "" {
		if key, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(c.Passphrase)); errors.Is(err, x509.IncorrectPasswordError) {
			return nil, fmt.Errorf("key file %s: the passphrase of key_passphrase_file does not open it", path)
		}
	}
	var locked *ssh.PassphraseMissingError
	block, _ := pem.Decode(text)
	switch {
	case err != nil && block != nil && block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("key file %s: has a passphrase; load it into an agent, or write it as OpenSSH's own form with `ssh-keygen -p -f %[1]s`: this one is PKCS#8, which is not read", path)
	case errors.As(err, &locked):
		return nil, fmt.Errorf("key file %s: has a passphrase; load it into an agent, or name a file that holds the passphrase (key_passphrase_file)", path)
	case err != nil && bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")):
		return nil, fmt.Errorf("key file %s: is one of PuTTY's; write it as OpenSSH's: `puttygen %s -O private-openssh -o NEW`", path, path)
	case err != nil && publicKey(text):
		return nil, fmt.Errorf("key file %s: is a public key; name the private one, mostly the file without .pub", path)
	case err != nil:
		// The library's text may quote the file: it is not passed on.
		return nil, fmt.Errorf("key file %s: not a private key that can be read", path)
	}
	text, err = os.ReadFile(path + "-cert.pub")
	if errors.Is(err, os.ErrNotExist) {
		return []ssh.Signer{key}, nil
	} else if err != nil {
		return nil, fmt.Errorf("certificate of key file: %w", err)
	}
	cert, err := certificate(path+"-cert.pub", text)
	if err != nil {
		return nil, err
	}
	certified, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s-cert.pub: %w", path, err)
	}
	return []ssh.Signer{certified, key}, nil
}

func publicKey(text []byte) bool {
	_, _, _, _, err := ssh.ParseAuthorizedKey(text)
	return err == nil
}

// publicHalf is the key of a file that holds a public one; nil: it holds another thing.
func publicHalf(path string) ssh.PublicKey {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil // Whoever reads it as a private key says so.
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if _, cert := key.(*ssh.Certificate); err != nil || cert {
		return nil
	}
	return key
}

// pick puts the named ones of an agent's keys first.
func pick(held []ssh.Signer, named []ssh.PublicKey) ([]ssh.Signer, error) {
	first := make([]ssh.Signer, 0, len(held))
	for _, key := range named {
		at := slices.IndexFunc(held, func(s ssh.Signer) bool { return same(s.PublicKey(), key) })
		if at < 0 {
			return nil, fmt.Errorf("it has no key %s, which key_files names: `ssh-add -l` lists what it has", describe(key))
		}
		first = append(first, held[at])
		held = slices.Delete(slices.Clone(held), at, at+1)
	}
	return append(first, held...), nil
}

// certify puts a signer with its certificate before each key that CertFiles have one of.
func (c *Config) certify(a *auth) error {
	for _, path := range c.CertFiles {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		cert, err := certificate(path, text)
		if err != nil {
			return err
		}
		if now := c.Now().Unix(); cert.ValidBefore != ssh.CertTimeInfinity && now >= 0 && uint64(now) >= cert.ValidBefore {
			return fmt.Errorf("certificate %s: ended at %s: have the authority sign a new one", path, time.Unix(int64(min(cert.ValidBefore, 1<<62)), 0).UTC().Format(time.RFC3339))
		}
		at := slices.IndexFunc(a.signers, func(s ssh.Signer) bool { return same(s.PublicKey(), cert.Key) })
		if at < 0 {
			return fmt.Errorf("certificate %s: is of the key %s, which neither key_files nor the agent has", path, describe(cert.Key))
		}
		signer, err := ssh.NewCertSigner(cert, a.signers[at])
		if err != nil {
			return fmt.Errorf("certificate %s: %w", path, err)
		}
		a.signers = slices.Insert(a.signers, at, signer)
	}
	return nil
}

// certificate reads one of a user, as ssh-keygen writes it.
func certificate(path string, text []byte) (*ssh.Certificate, error) {
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", path, err)
	}
	cert, ok := public.(*ssh.Certificate)
	switch {
	case !ok:
		return nil, fmt.Errorf("certificate %s: is a plain %s key", path, public.Type())
	case cert.CertType != ssh.UserCert:
		return nil, fmt.Errorf("certificate %s: is one of a host, not of somebody who logs in", path)
	}
	return cert, nil
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
