package openssh

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes a file of ssh_config(5) in dir.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What applies is read as ssh(1) reads it: the first value of a key, all files, patterns
// with exceptions, includes, and tokens.
func TestHost(t *testing.T) {
	home := t.TempDir()
	write(t, home, "conf.d/one", "Host s3\n  HostName 10.0.0.3\n")
	path := write(t, home, "config", `# Ours.
Include `+home+`/conf.d/*
Host s1
  HostName %h.example.com
  Port 2222
  IdentityFile ~/.ssh/id_s1
  CertificateFile "%d/.ssh/id s1-cert.pub"
  StrictHostKeyChecking no
  ProxyCommand nc %h %p
Host bastion
  User jumper
  ProxyJump none
Host s* !s9
  User=dr
  IdentityFile /etc/keys/%n
  ProxyJump jumper@bastion:2200, inner
Host *
  ForwardAgent yes
`)
	f, err := Read(path, home)
	if err != nil {
		t.Fatal(err)
	}
	said := func(words ...string) (all []string) {
		for i := 0; i < len(words); i += 2 {
			for _, n := range never {
				if strings.HasPrefix(words[i], n.key+" ") {
					all = append(all, path+": "+words[i]+" for "+words[i+1]+" does not apply: "+n.why)
				}
			}
		}
		return all
	}
	jump := []string{"jumper@bastion:2200", "inner"}
	for alias, want := range map[string]Host{
		"s1": {Name: "s1.example.com", User: "dr", Port: "2222", Keys: []string{home + "/.ssh/id_s1", "/etc/keys/s1"}, Certs: []string{home + "/.ssh/id s1-cert.pub"},
			Jump: jump, Ignored: said("StrictHostKeyChecking no", "s1", "ForwardAgent yes", "s1", "ProxyCommand nc %h %p", "s1")},
		"s3":      {Name: "10.0.0.3", User: "dr", Keys: []string{"/etc/keys/s3"}, Jump: jump, Ignored: said("ForwardAgent yes", "s3")},
		"s9":      {Name: "s9", Ignored: said("ForwardAgent yes", "s9")},
		"bastion": {Name: "bastion", User: "jumper", Ignored: said("ForwardAgent yes", "bastion")},
	} {
		got, err := f.Host(alias)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", alias, err, diff)
		}
	}
}

// What cannot be read as ssh(1) reads it is refused with its line.
func TestRefused(t *testing.T) {
	home := t.TempDir()
	for _, tt := range []struct{ text, want string }{
		{"Host a\n  Port 22\nMatch host b\n  User x\n", "config:3: Match blocks cannot be read"},
		{"Port 22\nmatch all\n", "config:2: Match"},
		{"Host s?\n  User x\n", "config:1: a ? in a pattern"},
		{"\nInclude /nowhere/config\n", "config:2: Include /nowhere/config: there is no such file"},
		{"Host s1\n  Include " + home + "/config\n", "in a circle"},
		{"Include " + home + "/matching\n", "matching:1: Match"},
		{"Include " + home + "/open\n", "open: others than its owner can write it (mode 0666)"},
		{"Host s1\n  Port 0\n", "port \"0\" is none"},
		{"Host s1\n  IdentityFile %k/id\n", "%k in \"%k/id\" is not known here"},
		{"Host s1\n  IdentityFile id\n", "IdentityFile id: write the whole path"},
		{"Host s1\n  Port\n", "config:2: Port has no value"},
		{"Include conf.d/*\n", "config:1: Include conf.d/*: write the whole path"},
	} {
		write(t, home, "matching", "Match all\n")
		if err := os.Chmod(write(t, home, "open", ""), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Read(write(t, home, "config", tt.text), home)
		if err == nil {
			_, err = f.Host("s1")
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := Read(t.TempDir()+"/none", "/"); err == nil {
		t.Error("a file that is not there is read")
	}
}
