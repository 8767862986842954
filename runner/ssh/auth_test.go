package ssh_test

import (
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

// signed writes a certificate of a user's key, by an authority of its own.
func signed(t *testing.T, key xssh.PublicKey, kind uint32, until time.Time) (file string, authority xssh.PublicKey) {
	t.Helper()
	by := ed25519Signer(t)
	cert := &xssh.Certificate{Key: key, CertType: kind, ValidPrincipals: []string{"dr"}, ValidBefore: uint64(until.Unix())}
	if err := cert.SignCert(rand.Reader, by); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "cert.pub")
	if err := os.WriteFile(file, xssh.MarshalAuthorizedKey(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, by.PublicKey()
}

// private reads what newKey wrote.
func private(t *testing.T, file string) any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := xssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// runs wants a command to run on the host of cfg.
func runs(t *testing.T, cfg ssh.Config) {
	t.Helper()
	if _, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
		t.Error(err)
	}
}

// OpenSSH's sshd, which trusts an authority and no key, takes the certificate of
// cert_files: of a key file, and of a key that only the agent has.
func TestUserCertificates(t *testing.T) {
	file, public := newKey(t)
	cert, authority := signed(t, public, xssh.UserCert, time.Now().Add(time.Hour))
	trusted := filepath.Join(t.TempDir(), "ca.pub")
	if err := os.WriteFile(trusted, xssh.MarshalAuthorizedKey(authority), 0o600); err != nil {
		t.Fatal(err)
	}
	principals := filepath.Join(t.TempDir(), "principals")
	if err := os.WriteFile(principals, []byte("dr\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, missing := startSSHD(t, "TrustedUserCAKeys "+trusted, "AuthorizedPrincipalsFile "+principals)
	if missing != "" {
		t.Skipf("SKIPPED: %s", missing)
	}
	cfg.KeyFiles = []string{file}
	refused(t, cfg, "takes none of the keys")
	cfg.CertFiles = []string{cert}
	runs(t, cfg)

	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private(t, file)}); err != nil {
		t.Fatal(err)
	}
	cfg.KeyFiles, cfg.Agent = nil, serveAgent(t, keyring)
	runs(t, cfg)
}

// A certificate that cannot help is said by its file.
func TestCertificatesThatDoNotFit(t *testing.T) {
	_, cfg := startHost(t)
	_, public := newKey(t)
	mine := private(t, cfg.KeyFiles[0])
	own := signerOf(t, mine).PublicKey()
	for _, tt := range []struct {
		key  xssh.PublicKey
		kind uint32
		left time.Duration
		want string
	}{
		{own, xssh.UserCert, -time.Second, "ended at "},
		{own, xssh.HostCert, time.Hour, "is one of a host"},
		{public, xssh.UserCert, time.Hour, "which neither key_files nor the agent has"},
	} {
		file, _ := signed(t, tt.key, tt.kind, time.Now().Add(tt.left))
		cfg.CertFiles = []string{file}
		refused(t, cfg, "certificate "+file, tt.want)
	}
	cfg.CertFiles = []string{write(t, string(xssh.MarshalAuthorizedKey(own)))}
	refused(t, cfg, "is a plain ssh-ed25519 key")
}

// A key with a passphrase is opened by it, and by no other.
func TestKeyWithPassphrase(t *testing.T) {
	_, cfg := startHost(t)
	block, err := xssh.MarshalPrivateKeyWithPassphrase(private(t, cfg.KeyFiles[0]), "", []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.KeyFiles = []string{write(t, string(pem.EncodeToMemory(block)))}
	refused(t, cfg, "has a passphrase", "key_passphrase_file")
	cfg.Passphrase = "another"
	_, err = open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
	if err == nil || !strings.Contains(err.Error(), "does not open it") || strings.Contains(err.Error(), "another\"") {
		t.Errorf("%v", err)
	}
	cfg.Passphrase = "open sesame"
	runs(t, cfg)
}

// Of an agent's many keys the one goes first that key_files name by its public half:
// sshd gives up before the others are through.
func TestAgentWithManyKeys(t *testing.T) {
	d := door{tries: 3}
	cfg := d.open(t)
	right := cfg.KeyFiles[0]
	keyring := agent.NewKeyring()
	for range 8 {
		file, _ := newKey(t)
		if err := keyring.Add(agent.AddedKey{PrivateKey: private(t, file)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := keyring.Add(agent.AddedKey{PrivateKey: private(t, right)}); err != nil {
		t.Fatal(err)
	}
	cfg.Agent = serveAgent(t, keyring)
	cfg.KeyFiles = nil
	refused(t, cfg, "MaxAuthTries")
	public := write(t, string(xssh.MarshalAuthorizedKey(signerOf(t, private(t, right)).PublicKey())))
	cfg.KeyFiles = []string{public}
	refused(t, cfg, "the login shell ends with exit status 1") // It was let in: the door goes no further.
	_, other := newKey(t)
	cfg.KeyFiles = []string{write(t, string(xssh.MarshalAuthorizedKey(other)))}
	refused(t, cfg, "it has no key ssh-ed25519 SHA256:", "ssh-add -l")
}
