package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// reach parses the smallest configuration with another ssh section and address.
func reach(t *testing.T, section, address string, env func(string) string) (SSH, error) {
	t.Helper()
	text := strings.NewReplacer("ssh: {key_files: [key], known_hosts: [/etc/ssh/known]}", "ssh: {known_hosts: [/etc/ssh/known], "+section+"}", "address: 192.0.2.1", fmt.Sprintf("address: %q", address)).Replace(least)
	c, err := Parse("/etc/aurorabot/config.yaml", []byte(text), env)
	if err != nil {
		return SSH{}, err
	}
	return c.SSH["dev"]["s1"], nil
}

// written makes a file with a mode.
func written(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const sshFile = `Host s1
  HostName s1.example.com
  Port 2222
  User dr
  IdentityFile /keys/s1
  CertificateFile /keys/s1-cert.pub
  ProxyJump inner
  StrictHostKeyChecking no
Host inner
  HostName 10.0.0.1
  IdentityFile /keys/inner
  ProxyJump ops@outer:2200
Host outer
  User nobody
  IdentityFile /keys/outer
Host circle
  IdentityFile /keys/x
  ProxyJump circle
Host bare
  User x
`

// What config_file says of a host applies where the configuration itself is silent, for
// the host and for each leap of the way.
func TestConfigFile(t *testing.T) {
	file := written(t, sshFile, 0o600)
	outer := SSH{Address: "outer:2200", User: "ops", KeyFiles: []string{"/keys/outer"}}
	inner := SSH{Address: "10.0.0.1:22", User: "aurorabot", KeyFiles: []string{"/keys/inner"}}
	host := SSH{
		Address: "s1.example.com:2222", User: "dr", KeyFiles: []string{"/keys/s1"}, CertFiles: []string{"/keys/s1-cert.pub"}, RunDir: "/home/dr/.aurorabot",
		Jump: []SSH{outer, inner}, Ignored: []string{file + ": StrictHostKeyChecking no for s1 does not apply: host keys are always checked"},
	}
	with := func(change func(*SSH)) SSH {
		s := host
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name, more, address string
		want                SSH
	}{
		{"all of it", "", "s1", host},
		{"a port", "", "s1:23", with(func(s *SSH) { s.Address = "s1.example.com:23" })},
		{"a user", ", user: root", "s1", with(func(s *SSH) {
			s.User, s.RunDir = "root", "/root/.aurorabot"
			as := inner
			as.User = "root"
			s.Jump = []SSH{outer, as}
		})},
		{"keys", ", key_files: [/k], cert_files: []", "s1", with(func(s *SSH) {
			s.KeyFiles, s.CertFiles = []string{"/k"}, nil
			one, two := outer, inner
			one.KeyFiles, two.KeyFiles = []string{"/k"}, []string{"/k"}
			s.Jump = []SSH{one, two}
		})},
		{"a way", ", jump: [outer]", "s1", with(func(s *SSH) {
			s.Jump = []SSH{{Address: "outer:22", User: "nobody", KeyFiles: []string{"/keys/outer"}}}
		})},
		{"no way", ", jump: []", "s1", with(func(s *SSH) { s.Jump = nil })},
	} {
		got, err := reach(t, "config_file: "+file+tt.more, tt.address, empty)
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(SSH{}, "KnownHosts", "Sudo", "ConnectTimeout", "Keepalive", "Ignored")); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
		if diff := cmp.Diff(host.Ignored, got.Ignored); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		for _, leap := range append(got.Jump, got) {
			if len(leap.KnownHosts) != 1 || leap.ConnectTimeout == 0 || leap.Keepalive == 0 {
				t.Errorf("%s: %+v has no host keys or limits", tt.name, leap)
			}
		}
	}
}

// Bastions without a file: each "[user@]host[:port]", IPv6 too.
func TestJump(t *testing.T) {
	got, err := reach(t, `key_files: [/k], jump: [outer, "ops@192.0.2.9:2222", "ops@[2001:db8::1]:23", "2001:db8::2"]`, "2001:db8::3", empty)
	if err != nil {
		t.Fatal(err)
	}
	var way []string
	for _, b := range got.Jump {
		way = append(way, b.User+" "+b.Address)
	}
	want := []string{"aurorabot outer:22", "ops 192.0.2.9:2222", "ops [2001:db8::1]:23", "aurorabot [2001:db8::2]:22"}
	if diff := cmp.Diff(want, way); diff != "" || got.Address != "[2001:db8::3]:22" {
		t.Errorf("%s: %s", got.Address, diff)
	}
}

// What cannot be right is said at its key.
func TestWaysThatAreRefused(t *testing.T) {
	file := written(t, sshFile, 0o600)
	for _, tt := range []struct{ section, address, path, why string }{
		{"key_files: [/k], jump: [a, b, c, d, e]", "s1", "ssh.jump", "5 bastions"},
		{"key_files: [/k], jump: [root!@a]", "s1", "ssh.jump[0]", "is no account"},
		{"key_files: [/k], jump: ['a:0']", "s1", "ssh.jump[0]", "is no port"},
		{"key_files: [/k], jump: ['ssh://a']", "s1", "ssh.jump[0]", "is no port"},
		{"key_files: [/k], jump: a", "s1", "ssh.jump", "not a list"},
		{"config_file: /nowhere/config", "s1", "ssh.config_file", "no such file"},
		{"config_file: " + written(t, "Host a\nMatch all\n", 0o600), "s1", "ssh.config_file", "file:2: Match blocks cannot be read"},
		{"config_file: " + file, "circle", "clusters.dev.schedulers[0].address", "or a circle"},
		{"config_file: " + file, "bare", "clusters.dev.schedulers[0].address", "names no key"},
		{"config_file: " + file + ", jump: [bare]", "s1", "ssh.jump[0]", "for the bastion bare there is nothing to log in with"},
		{"key_files: [/k], key_passphrase_file: " + written(t, "x\n", 0o640), "s1", "ssh.key_passphrase_file", "can be read by others"},
		{"key_files: [/k], key_passphrase_file: " + written(t, "x\ny\n", 0o600), "s1", "ssh.key_passphrase_file", "holds no passphrase"},
		{"key_files: [/k], key_passphrase_file: " + written(t, "", 0o600), "s1", "ssh.key_passphrase_file", "holds no passphrase"},
		{"key_files: [/k], key_passphrase_file: /nowhere", "s1", "ssh.key_passphrase_file", "no such file"},
		{"key_files: [/k], key_passphrase_file: $CREDENTIALS_DIRECTORY/key", "s1", "ssh.key_passphrase_file", "no credential \"key\""},
		{"config_file: none", "s1", "ssh.key_files", "nothing to log in with"},
	} {
		_, err := reach(t, tt.section, tt.address, empty)
		if err == nil || !strings.Contains(err.Error(), tt.path+": ") || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s at %s: %v, want %q at %s", tt.section, tt.address, err, tt.why, tt.path)
		}
	}
}

// A passphrase comes from a file, or from a credential of systemd, and nothing shows it.
func TestPassphrase(t *testing.T) {
	file := written(t, "open sesame\n", 0o600)
	credential := written(t, "open sesame", 0o440)
	env := func(name string) string {
		return map[string]string{"CREDENTIALS_DIRECTORY": filepath.Dir(credential)}[name]
	}
	for _, from := range []string{file, "$CREDENTIALS_DIRECTORY/file"} {
		got, err := reach(t, "key_files: [/k], key_passphrase_file: "+from, "s1", env)
		if err != nil || string(got.Passphrase) != "open sesame" {
			t.Errorf("%s: %q, %v", from, string(got.Passphrase), err)
		}
		if text := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(text, "sesame") {
			t.Errorf("%s", text)
		}
	}
}
