package ssh_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	xssh "golang.org/x/crypto/ssh"

	"aurorabot/lab/host"
	"aurorabot/runner/ssh"
)

// No connection, session or timer outlives its test.
func TestMain(m *testing.M) {
	keepInstead()
	goleak.VerifyTestMain(m)
}

// newKey writes a private key to a file and returns its public half.
func newKey(t *testing.T) (file string, public xssh.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if public, err = xssh.NewPublicKey(pub); err != nil {
		t.Fatal(err)
	}
	return file, public
}

// startHost starts a host in this process and returns how to reach it.
func startHost(t *testing.T) (*host.Host, ssh.Config) {
	t.Helper()
	file, public := newKey(t)
	h, err := host.Start(t.Context(), host.Options{
		Name: "s1", Root: t.TempDir(), Users: []string{"dr"}, AuthorizedKeys: []xssh.PublicKey{public},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, ssh.Config{
		Name: "s1", Address: h.Address(), User: "dr", KeyFiles: []string{file},
		KnownHosts: []string{write(t, h.KnownHosts())}, RunDir: h.Path("/var/lib/aurorabot"),
		ConnectTimeout: 5 * time.Second, Now: time.Now,
	}
}

// write makes a file with a name of its own.
func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// open returns a host of cfg that is closed when the test ends.
func open(t *testing.T, cfg ssh.Config) *ssh.Host {
	t.Helper()
	h := ssh.New(cfg)
	t.Cleanup(func() { h.Close() })
	return h
}
