package ssh_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"aurorabot/runner"
	"aurorabot/runner/runnertest"
	"aurorabot/runner/ssh"
)

// A door is a host that goes no further than its door: it takes one key or none, and
// answers each command with the same words and status 1.
type door struct {
	key    xssh.PublicKey
	closes string // Said to whoever has the key, before the connection is closed.
	more   bool   // A key is not enough.
	says   string // By its login shell, on standard error.
	tries  int
}

// open starts the door and returns how to reach it.
func (d door) open(t *testing.T) ssh.Config {
	t.Helper()
	file, public := newKey(t)
	if d.key == nil {
		d.key = public
	}
	host := ed25519Signer(t)
	address := runnertest.Listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) { d.serve(conn, host) })
	return ssh.Config{
		Name: "s1", Address: address, User: "dr", KeyFiles: []string{file}, RunDir: "/var/lib/aurorabot", ConnectTimeout: 5 * time.Second, Now: time.Now,
		KnownHosts: []string{write(t, fmt.Sprintf("[127.0.0.1]:%s %s", port(address), xssh.MarshalAuthorizedKey(host.PublicKey())))},
	}
}

func (d door) serve(conn net.Conn, host xssh.Signer) {
	var before xssh.ServerPreAuthConn
	config := &xssh.ServerConfig{
		MaxAuthTries:        d.tries,
		PreAuthConnCallback: func(c xssh.ServerPreAuthConn) { before = c },
		PublicKeyCallback: func(_ xssh.ConnMetadata, key xssh.PublicKey) (*xssh.Permissions, error) {
			if string(key.Marshal()) != string(d.key.Marshal()) {
				return nil, errors.New("another key")
			}
			return &xssh.Permissions{}, nil
		},
		VerifiedPublicKeyCallback: func(_ xssh.ConnMetadata, _ xssh.PublicKey, p *xssh.Permissions, _ string) (*xssh.Permissions, error) {
			switch {
			case d.closes != "":
				_ = before.SendAuthBanner(d.closes)
				conn.Close()
			case d.more:
				return nil, &xssh.PartialSuccessError{Next: xssh.ServerAuthCallbacks{PasswordCallback: func(xssh.ConnMetadata, []byte) (*xssh.Permissions, error) {
					return nil, errors.New("no")
				}}}
			}
			return p, nil
		},
	}
	config.AddHostKey(host)
	c, channels, requests, err := xssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer c.Close()
	go xssh.DiscardRequests(requests)
	for ch := range channels {
		session, asked, err := ch.Accept()
		if err != nil {
			return
		}
		for r := range asked {
			_ = r.Reply(true, nil)
			if r.Type == "exec" {
				_, _ = io.WriteString(session.Stderr(), d.says)
				_, _ = session.SendRequest("exit-status", false, xssh.Marshal(struct{ Status uint32 }{1}))
				session.Close()
			}
		}
	}
}

// refused runs a command, and wants it not started for all these words.
func refused(t *testing.T, cfg ssh.Config, want ...string) {
	t.Helper()
	_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
	if !errors.Is(err, runner.ErrNotStarted) {
		t.Fatalf("%v, want it not started", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in: %v", w, err)
		}
	}
}

// What keeps the bot out is said by its own name, with what to do about it.
func TestLoginReasons(t *testing.T) {
	_, other := newKey(t)
	t.Run("no key", func(t *testing.T) {
		refused(t, door{key: other}.open(t), "login refused", "~dr/.ssh/authorized_keys", "locked or expired", "passwd -S dr")
	})
	t.Run("account expired", func(t *testing.T) {
		refused(t, door{closes: "Your account has expired; please contact your system administrator.\n"}.open(t),
			"takes the key ssh-ed25519 SHA256:", "does not let the account dr in", "Your account has expired", "chage -E -1 dr")
	})
	t.Run("booting", func(t *testing.T) {
		refused(t, door{closes: "System is booting up. Unprivileged users are not permitted to log in yet.\n"}.open(t), "System is booting up", "/run/nologin")
	})
	t.Run("second factor", func(t *testing.T) {
		refused(t, door{more: true}.open(t), "wants more than a key", "AuthenticationMethods")
	})
	t.Run("many keys", func(t *testing.T) {
		cfg := door{tries: 3}.open(t)
		keyring := agent.NewKeyring()
		for range 8 {
			file, _ := newKey(t)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			key, err := xssh.ParseRawPrivateKey(text)
			if err == nil {
				err = keyring.Add(agent.AddedKey{PrivateKey: key})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		cfg.KeyFiles, cfg.Agent = nil, serveAgent(t, keyring)
		refused(t, cfg, "login refused", "all of 8 keys", "MaxAuthTries", "key_files")
	})
}

// serveAgent serves an agent at a socket until the test ends.
func serveAgent(t *testing.T, a agent.Agent) string {
	t.Helper()
	return runnertest.Listen(t, "unix", filepath.Join(t.TempDir(), "agent"), func(conn net.Conn) { _ = agent.ServeAgent(a, conn) })
}

// OpenSSH says that there were too many keys in words of its own.
func TestTooManyKeysForSSHD(t *testing.T) {
	cfg, missing := startSSHD(t)
	if missing != "" {
		t.Skipf("SKIPPED: %s", missing)
	}
	var many []string
	for range 8 {
		file, _ := newKey(t)
		many = append(many, file)
	}
	cfg.KeyFiles = append(many, cfg.KeyFiles...)
	refused(t, cfg, "login refused", "all of 9 keys", "MaxAuthTries")
}

// A login shell that does not run scripts is named, whatever is asked of it first.
// The words are tcsh 6.24's, nologin's of shadow 4.13, and sshd's of OpenSSH 9.2.
func TestLoginShells(t *testing.T) {
	for _, tt := range []struct {
		says string
		want []string
	}{
		{"Unmatched '''.\n", []string{"csh or tcsh", "usermod -s /bin/sh dr", "Unmatched"}},
		{"b: Event not found.\n", []string{"csh or tcsh"}},
		{"This account is currently not available.\n", []string{"nologin", "usermod -s /bin/sh dr"}},
		{"", []string{"/bin/false", "no output"}},
		{"WARNING: Your password has expired.\nPassword change required but no TTY available.\n", []string{"password has expired", "chage -M -1 -d \"$(date +%F)\" dr"}},
		{"something else\n", []string{"ends with exit status 1: something else"}},
	} {
		cfg := door{says: tt.says}.open(t)
		refused(t, cfg, append(tt.want, "the login shell ends with exit status 1: ")...)
		cfg.Owner = "bot" // What an earlier process left is asked for first.
		refused(t, cfg, append(tt.want, "the login shell ends with exit status 1: ")...)
	}
}

// A host whose RSA key signs with SHA-1 only is no impostor; it is said what it is.
// Where another kind of key is known of the host it may be one, and that is said.
func TestHostKeyWithSHA1(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	old, err := xssh.NewSignerWithAlgorithms(signerOf(t, private).(xssh.AlgorithmSigner), []string{xssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	lab, cfg := startHost(t)
	lab.SetHostKey(old)
	line := func(key xssh.PublicKey) string {
		return "[127.0.0.1]:" + port(cfg.Address) + " " + string(xssh.MarshalAuthorizedKey(key))
	}
	for _, tt := range []struct {
		name, known string
		sha1        bool
	}{
		{"known", line(old.PublicKey()), true},
		{"nothing known", "", true},
		{"another kind known", line(ed25519Signer(t).PublicKey()), false},
	} {
		cfg.KnownHosts = []string{write(t, tt.known)}
		_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
		var refusal *ssh.HostKeyError
		if !errors.As(err, &refusal) || !errors.Is(err, runner.ErrNotStarted) {
			t.Fatalf("%s: %v, want a HostKeyError", tt.name, err)
		}
		if refusal.SHA1 != tt.sha1 || strings.Contains(err.Error(), "SHA-1 only") != tt.sha1 || strings.Contains(err.Error(), "ssh-keygen -A") != tt.sha1 || strings.Contains(err.Error(), "somebody may be in between") == tt.sha1 {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A file that holds no usable private key is called what it is.
func TestKeyFiles(t *testing.T) {
	_, cfg := startHost(t)
	_, public := newKey(t)
	for _, tt := range []struct{ content, want string }{
		{string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte(rand.Text())})), "has a passphrase; load it into an agent"},
		{"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "puttygen"},
		{string(xssh.MarshalAuthorizedKey(public)), "is a public key"},
		{"nothing\n", "not a private key"},
	} {
		cfg.KeyFiles = []string{write(t, tt.content)}
		refused(t, cfg, "key file "+cfg.KeyFiles[0], tt.want)
	}
}
