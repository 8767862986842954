package ssh

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

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
// while the bot runs.
func (c *Config) auth() (auth, error) {
	var a auth
	for _, path := range c.KeyFiles {
		s, err := signer(path)
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
		a.signers = append(a.signers, held...)
	}
	if len(a.signers) == 0 {
		return a, errors.New("no key to log in with: neither key files nor keys in an agent")
	}
	return a, nil
}

// signer reads a private key, and its certificate if one lies beside it. The
// certificate goes first.
func signer(path string) ([]ssh.Signer, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s: others than its owner can read it (mode %04o): chmod 0600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	block, _ := pem.Decode(text)
	switch {
	case errors.As(err, &locked), err != nil && block != nil && block.Type == "ENCRYPTED PRIVATE KEY": // The latter is PKCS#8, which the library does not know.
		return nil, fmt.Errorf("key file %s: has a passphrase; load it into an agent instead", path)
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
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("certificate %s-cert.pub: %w", path, err)
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("certificate %s-cert.pub: is a plain %s key", path, public.Type())
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
