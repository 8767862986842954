package ssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// foreign are lines as OpenSSH's own files have them, of hosts that are none of ours.
const foreign = `new.example.com ssh-mldsa44-ed25519@openssh.com AAAAH3NzaC1tbGRzYTQ0LWVkMjU1MTlAb3BlbnNzaC5jb20AAAAEAAAAAA==
# a comment
build.example.com ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC=broken
old.example.com,192.0.2.53 1024 37 159310209512317821
trunc.example.com ssh-ed25519
`

func hostKey(t *testing.T) (ssh.PublicKey, string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// A line about another host that can't be read stops nobody; one that may be about
// this host, or takes a key back, does, with its file and line.
func TestLinesAboutOthers(t *testing.T) {
	const address = "127.0.0.1:2299"
	key, text := hostKey(t)
	other, otherText := hostKey(t)
	own := "[127.0.0.1]:2299 " + text + "\n"
	broken := " ssh-ed25519 AAAA=broken\n"
	for _, tt := range []struct{ name, file, stops string }{
		{"others alone", foreign + own, ""},
		{"none", own, ""},
		{"hidden, of another", own + xknownhosts.HashHostname("build.example.com") + broken, ""},
		{"hidden, of this host", own + xknownhosts.HashHostname("[127.0.0.1]:2299") + broken, ":2: "},
		{"this host by name", own + "[127.0.0.1]:2299" + broken, ":2: "},
		{"this host among others", own + "build.example.com,[127.0.0.1]:2299" + broken, ":2: "},
		{"a pattern", own + "*.example.com" + broken, ":2: "},
		{"a key that is taken back", own + "@revoked build.example.com" + broken, ":2: "},
		{"an authority for others", own + "@cert-authority build.example.com" + broken, ""},
		{"no host", own + "@revoked\n", ":2: "},
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &Config{KnownHosts: []string{file}, Address: address}
		config := &ssh.ClientConfig{}
		err := c.hostKeys(config)
		if tt.stops != "" {
			if err == nil || !strings.Contains(err.Error(), file+tt.stops) {
				t.Errorf("%s: %v, want a stop that names %s%s", tt.name, err, file, tt.stops)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		remote := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2299}
		if err := config.HostKeyCallback(address, remote, key); err != nil || !slices.Contains(config.HostKeyAlgorithms, key.Type()) {
			t.Errorf("%s: the known key: %v, algorithms %v", tt.name, err, config.HostKeyAlgorithms)
		}
		if err := config.HostKeyCallback(address, remote, other); err == nil {
			t.Errorf("%s: another key is accepted (%s)", tt.name, otherText)
		}
	}
}

// A key that is taken back elsewhere in the file is refused by the file's own name.
func TestRevokedBesideUnreadLines(t *testing.T) {
	key, text := hostKey(t)
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(foreign+"[127.0.0.1]:2299 "+text+"\n@revoked * "+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Config{KnownHosts: []string{file}, Address: "127.0.0.1:2299"}
	config := &ssh.ClientConfig{}
	if err := c.hostKeys(config); err != nil {
		t.Fatal(err)
	}
	err := config.HostKeyCallback("127.0.0.1:2299", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2299}, key)
	if err == nil || !strings.Contains(err.Error(), "revoked by "+file+":7") {
		t.Errorf("%v, want revoked by line 7 of %s", err, file)
	}
	bad, err := UnreadLines([]string{file})
	if err != nil || len(bad) != 4 || bad[0].Line != 1 || bad[1].Line != 3 || !strings.Contains(bad[2].String(), "old.example.com,192.0.2.53") {
		t.Errorf("unread lines: %v, %v", bad, err)
	}
}
