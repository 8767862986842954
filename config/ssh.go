package config

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/config/openssh"
)

// SSH says how to reach one scheduler's host, or a bastion before it.
type SSH struct {
	Address    string   // "host:port".
	User       string   // Login account.
	KeyFiles   []string // Absolute. Empty only with Agent.
	CertFiles  []string // Absolute: certificates of those keys, or of the agent's.
	Passphrase Secret   // Of the keys that have one. Empty: none is known.
	Agent      bool     // Also ask the agent of SSH_AUTH_SOCK. It is never forwarded.
	KnownHosts []string // Absolute; at least one. No trust on first use.

	Sudo   []string // What goes before "-u USER -- COMMAND". Default "sudo -n".
	RunDir string   // Absolute folder on the host for jobs and uploads. Default ".aurorabot" in /home/USER, or in /root.

	ConnectTimeout time.Duration // Default 10s.
	Keepalive      time.Duration // Default 15s.

	Jump    []SSH    // Bastions on the way, the nearest to the bot first; they have no Jump.
	Ignored []string // What config_file says of the host, and does not apply.
}

// A Secret is shown by nothing that formats a configuration.
type Secret string

// String leaves it out.
func (s Secret) String() string { return "(secret)" }

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var sshKeys = []string{
	"user", "key_files", "cert_files", "key_passphrase_file", "agent", "known_hosts", "config_file", "jump",
	"sudo", "run_dir", "connect_timeout", "keepalive",
}

// maxLeaps is how many bastions may stand one behind the other.
const maxLeaps = 4

func (n *node) sshFields() *mapping { return n.fields(sshKeys...) }

// A way is an ssh section, for all hosts that it is about.
type way struct {
	SSH  // What is the same for all of them.
	m    *mapping
	file *openssh.File // Nil: none is named.
	mute bool          // What the file cannot say was said with its error.
}

// ssh reads how hosts are reached.
func (m *mapping) ssh() *way {
	w := &way{m: m, SSH: SSH{
		User:           m.get("user").account("aurorabot"),
		KeyFiles:       m.get("key_files").files("write a list of private keys' files"),
		Agent:          m.get("agent").truth(false),
		Passphrase:     m.get("key_passphrase_file").passphrase(),
		ConnectTimeout: m.get("connect_timeout").duration(10*time.Second, time.Second, 5*time.Minute),
		Keepalive:      m.get("keepalive").duration(15*time.Second, time.Second, 5*time.Minute),
		Sudo:           []string{"sudo", "-n"},
	}}
	for _, i := range m.get("cert_files").items("write a list of certificates' files") {
		if f := i.file(); f != "" {
			w.CertFiles = append(w.CertFiles, f)
		}
	}
	w.readFile(m.get("config_file"))
	if !m.get("key_files").given() && !w.Agent && w.file == nil && !w.mute {
		m.get("key_files").fail("write key_files: [FILE], or agent: true", "there is nothing to log in with")
	}
	hosts := m.get("known_hosts")
	if hosts.required("write files in OpenSSH's format that hold the hosts' keys; `ssh-keyscan` prints them, and somebody compares them with the hosts: no key is trusted on first use") {
		w.KnownHosts = hosts.files("write a list of files in OpenSSH's format")
	}
	if v := m.get("sudo"); v.given() {
		w.Sudo = v.texts("write a list of arguments, such as [sudo, -n]")
		if len(w.Sudo) > 0 && strings.HasSuffix("/"+w.Sudo[0], "/sudo") && !slices.Contains(w.Sudo, "-n") {
			v.fail("write [sudo, -n]", "without -n sudo asks for a password, and nobody is there to type it")
		}
	}
	for _, i := range m.get("jump").items("write a list of bastions, such as jump: [ops@bastion.example.com]") {
		if b, err := w.leap(i.text("")); err != nil {
			i.fail("write it as bastion.example.com, ops@bastion.example.com or ops@192.0.2.9:2222", "%v", err)
		} else {
			w.Jump = append(w.Jump, b)
		}
	}
	if len(w.Jump) > maxLeaps {
		m.get("jump").fail("name the bastions that are needed", "%d bastions one behind the other are more than %d", len(w.Jump), maxLeaps)
	}
	w.RunDir = m.get("run_dir").remote(homeOf(w.User))
	return w
}

func homeOf(account string) string {
	if account == "root" {
		return "/root/.aurorabot"
	}
	return "/home/" + account + "/.aurorabot"
}

// readFile reads a file of ssh_config(5), where one is named.
func (w *way) readFile(n *node) {
	if !n.given() || n.text("") == "none" {
		return
	}
	w.mute = true
	path := n.file()
	me, err := user.Current()
	if path == "" {
		return
	}
	if err == nil {
		w.file, err = openssh.Read(path, me.HomeDir)
	}
	if err != nil {
		n.fail("mend the file, or leave config_file out and write jump, user and key_files here", "%v", err)
	}
}

// passphrase reads a file that holds the passphrase of a key and nothing else.
func (n *node) passphrase() Secret {
	const credentials = "$CREDENTIALS_DIRECTORY/"
	if !n.given() || n.text("") == "none" {
		return ""
	}
	file, ours := n.text(""), true
	if rest, ok := strings.CutPrefix(file, credentials); ok {
		dir := n.d.env("CREDENTIALS_DIRECTORY")
		if dir == "" || strings.Contains(rest, "/") {
			n.fail("write LoadCredential="+rest+":FILE into the unit of the bot (systemd.exec(5)), or name a file with mode 0600", "systemd gave this process no credential %s", quoted(rest))
			return ""
		}
		file, ours = filepath.Join(dir, rest), false // systemd opens it to nobody but the bot; its mode shows the access list's mask.
	} else if file = n.file(); file == "" {
		return ""
	}
	st, err := os.Stat(file)
	switch {
	case err != nil:
		n.fail("write the passphrase into it with mode 0600", "%s: %v", file, bare(err))
		return ""
	case !st.Mode().IsRegular() || st.Size() > 4096:
		n.fail("name a file that holds the passphrase and nothing else", "%s is no file with one passphrase", file)
		return ""
	case ours && st.Mode().Perm()&0o077 != 0:
		n.fail("chmod 0600 "+file, "%s can be read by others than its owner (mode %04o)", file, st.Mode().Perm())
		return ""
	}
	text, err := os.ReadFile(file)
	words := strings.TrimRight(string(text), "\r\n")
	switch {
	case err != nil:
		n.fail("it must belong to the bot's account", "%s: %v", file, bare(err))
	case words == "" || strings.ContainsAny(words, "\r\n\x00"):
		n.fail("name a file that holds the passphrase in one line", "%s holds no passphrase", file)
	default:
		return Secret(words)
	}
	return ""
}

// to is how the host at an address is reached, with what config_file says of it.
func (w *way) to(n *node) SSH {
	s, address := w.SSH, n.address("22")
	s.Address = address
	if address == "" || w.file == nil {
		return s
	}
	host, _, _ := net.SplitHostPort(address)
	_, port, _ := net.SplitHostPort(n.text(""))
	err := w.apply(&s, host, port, w.m.get("user").given())
	if err == nil && !w.m.get("jump").given() {
		s.Jump, err = w.chain(host, 0)
	}
	switch {
	case err != nil:
		n.fail("mend "+w.m.get("config_file").text("")+", or write the key into this configuration, which wins", "%v", err)
	case len(s.KeyFiles) == 0 && !s.Agent:
		n.fail("write IdentityFile for it there, or key_files or agent: true here", "config_file names no key for %s: there is nothing to log in with", quoted(host))
	}
	if !w.m.get("run_dir").given() {
		s.RunDir = homeOf(s.User)
	}
	return s
}

// apply takes what config_file says of a host that is called alias; what the
// configuration says itself wins, and so do a port and a user that stand with the alias.
func (w *way) apply(s *SSH, alias, port string, hasUser bool) error {
	if w.file == nil {
		s.Address = net.JoinHostPort(alias, cmp.Or(port, "22"))
		return nil
	}
	h, err := w.file.Host(alias)
	if err != nil {
		return err
	}
	s.Address, s.Ignored = net.JoinHostPort(h.Name, cmp.Or(port, h.Port, "22")), h.Ignored
	if net.ParseIP(h.Name) == nil && !hostName.MatchString(h.Name) {
		return fmt.Errorf("%s is no host", quoted(h.Name))
	}
	if !hasUser && h.User != "" {
		if s.User = h.User; !accountForm.MatchString(s.User) {
			return fmt.Errorf("%s is no account", quoted(s.User))
		}
	}
	if !w.m.get("key_files").given() {
		s.KeyFiles = h.Keys
	}
	if !w.m.get("cert_files").given() {
		s.CertFiles = h.Certs
	}
	return nil
}

// chain is the way that config_file describes to a host: its bastions, and those
// before the first of them.
func (w *way) chain(alias string, depth int) ([]SSH, error) {
	h, err := w.file.Host(alias)
	if err != nil || len(h.Jump) == 0 {
		return nil, err
	}
	if depth+len(h.Jump) > maxLeaps {
		return nil, fmt.Errorf("ProxyJump of %s: more than %d bastions one behind the other, or a circle", alias, maxLeaps)
	}
	_, first, _, err := split(h.Jump[0])
	if err != nil {
		return nil, fmt.Errorf("ProxyJump of %s: %w", alias, err)
	}
	all, err := w.chain(first, depth+len(h.Jump))
	if err != nil {
		return nil, err
	}
	for _, text := range h.Jump {
		b, err := w.leap(text)
		if err != nil {
			return nil, fmt.Errorf("ProxyJump of %s: %w", alias, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// leap is one bastion: "[user@]host[:port]". It is logged in to as the hosts are, where
// neither the text nor config_file says something else.
func (w *way) leap(text string) (SSH, error) {
	account, host, port, err := split(text)
	if err != nil {
		return SSH{}, err
	}
	s := w.SSH
	s.Jump, s.Sudo, s.RunDir = nil, nil, ""
	if err := w.apply(&s, host, port, account != ""); err != nil {
		return SSH{}, err
	}
	s.User = cmp.Or(account, s.User)
	if len(s.KeyFiles) == 0 && !s.Agent {
		return SSH{}, fmt.Errorf("for the bastion %s there is nothing to log in with: write IdentityFile for it in config_file, or key_files here", host)
	}
	return s, nil
}

// split reads "[user@]host[:port]", IPv6 in brackets or bare.
func split(text string) (account, host, port string, err error) {
	host = text
	if at := strings.LastIndex(text, "@"); at >= 0 {
		if account, host = text[:at], text[at+1:]; !accountForm.MatchString(account) {
			return "", "", "", fmt.Errorf("%s is no account", quoted(account))
		}
	}
	if net.ParseIP(host) == nil {
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
			if v, err := strconv.ParseUint(p, 10, 16); err != nil || v == 0 {
				return "", "", "", fmt.Errorf("%s is no port", quoted(p))
			}
		} else {
			host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		}
	}
	if net.ParseIP(host) == nil && !hostName.MatchString(host) {
		return "", "", "", fmt.Errorf("%s is no host", quoted(text))
	}
	return account, host, port, nil
}
