package ssh

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

type auth struct {
	methods []ssh.AuthMethod
	agent   io.Closer
}

func (a auth) close() {
	if a.agent != nil {
		a.agent.Close()
	}
}

// auth reads the keys anew for each connection, so that a key can be replaced
// while the bot runs. All keys are offered in one method: the client tries each
// method once only.
func (c *Config) auth() (auth, error) {
	var a auth
	var signers []ssh.Signer
	for _, path := range c.KeyFiles {
		s, err := signer(path)
		if err != nil {
			return a, err
		}
		signers = append(signers, s...)
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
		signers = append(signers, held...)
	}
	if len(signers) == 0 {
		return a, errors.New("no key to log in with: neither key files nor keys in an agent")
	}
	a.methods = []ssh.AuthMethod{ssh.PublicKeys(signers...)}
	return a, nil
}

// signer reads a private key, and its certificate if one lies beside it. The
// certificate goes first.
func signer(path string) ([]ssh.Signer, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s: others than its owner can read it (mode %04o): chmod 0600", path, info.Mode().Perm())
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("key file %s: has a passphrase; load it into an agent instead", path)
	case err != nil:
		// The library's text may quote the file: it is not passed on.
		return nil, fmt.Errorf("key file %s: not a private key that can be read", path)
	}
	text, err := os.ReadFile(path + "-cert.pub")
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
