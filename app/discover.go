package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strings"

	"aurorabot/handlers"
	discovery "aurorabot/runner/discover"
	"aurorabot/runner/ssh"
)

// discover is `config discover HOST`: what the host of a running scheduler tells
// of its cluster, as the part of a configuration that a person then reads and
// completes. No configuration is needed for it.
func discover(ctx context.Context, in *input) int {
	w := in.World
	me, err := user.Current()
	if err != nil {
		return w.fail(fmt.Errorf("config discover: who logs in: %w", err))
	}
	known := cmp.Or(in.given["known-hosts"], filepath.Join(me.HomeDir, ".ssh", "known_hosts"))
	account, name, address := place(in.args[0])
	login := cmp.Or(in.given["user"], account, me.Username)
	c := ssh.Config{Name: name, Address: address, User: login, KnownHosts: []string{known}, Now: w.Now}
	if key := in.given["key"]; key != "" {
		c.KeyFiles = []string{key}
	} else {
		c.Agent, c.KeyFiles = w.Env("SSH_AUTH_SOCK"), usualKeys(me.HomeDir)
	}
	if len(c.KeyFiles) == 0 && c.Agent == "" {
		return w.misused("config discover: there is nothing to log in with: no key is named, none of ssh's usual ones lies in "+filepath.Join(me.HomeDir, ".ssh")+", and no agent runs", in.hint())
	}
	home := path.Join("/home", login)
	if login == "root" {
		home = "/root"
	}
	c.RunDir = path.Join(home, ".aurorabot")
	h := ssh.New(c)
	defer h.Close()
	d, err := discovery.Stranger{Host: h, Dir: c.RunDir, Helper: (&helper{}).of, ZooKeeper: openZooKeeper}.Discover(ctx)
	if err != nil {
		return interrupted(ctx, w.fail(err))
	}
	if in.json {
		return w.document(d)
	}
	fmt.Fprint(w.Out, fragment(d, address, login, c.KeyFiles, c.Agent != "", known))
	return handlers.ExitDone
}

// place reads "[user@]host[:port]", IPv6 in brackets or bare. name is the host alone.
func place(text string) (account, name, address string) {
	if at := strings.LastIndex(text, "@"); at >= 0 {
		account, text = text[:at], text[at+1:]
	}
	name, port, err := net.SplitHostPort(text)
	if err != nil {
		name, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), "22"
	}
	return account, name, net.JoinHostPort(name, port)
}

// usualKeys are the keys that ssh(1) offers where none is named, as far as they are there.
func usualKeys(home string) []string {
	var keys []string
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		file := filepath.Join(home, ".ssh", name)
		if _, err := os.Stat(file); err == nil {
			keys = append(keys, file)
		}
	}
	return keys
}

// fragment is a cluster as a configuration has it. What was not found out is
// left as a comment for a person, never guessed.
func fragment(d *discovery.Discovery, address, login string, keys []string, agent bool, known string) string {
	var b strings.Builder
	for _, u := range d.Unknown {
		fmt.Fprintf(&b, "# Could not be found out: %s\n", strings.ReplaceAll(u, "\n", " "))
	}
	for _, r := range d.Replicas {
		fmt.Fprintf(&b, "# A replica of the log listens at %s.\n", r)
	}
	b.WriteString("ssh:\n")
	fmt.Fprintf(&b, "  user: %s\n  known_hosts: [%s]\n", login, quote(known))
	if len(keys) > 0 {
		quotedKeys := make([]string, 0, len(keys))
		for _, k := range keys {
			quotedKeys = append(quotedKeys, quote(k))
		}
		fmt.Fprintf(&b, "  key_files: [%s]\n", strings.Join(quotedKeys, ", "))
	}
	if agent {
		b.WriteString("  agent: true\n")
	}
	name := cmp.Or(d.Cluster, "CLUSTER")
	fmt.Fprintf(&b, "clusters:\n  %s:\n", quote(name))
	line := func(key, value, missing string) {
		if value == "" {
			fmt.Fprintf(&b, "    # %s: %s\n", key, missing)
			return
		}
		fmt.Fprintf(&b, "    %s: %s\n", key, quote(value))
	}
	release, _, _ := strings.Cut(d.Version, "-")
	line("version", release, "the release of Aurora, such as 0.22.0")
	b.WriteString("    schedulers:\n")
	fmt.Fprintf(&b, "      - {name: %s, address: %s, http: %s}\n", quote(d.Hostname), quote(address), quote(d.HTTP))
	for _, p := range d.Peers {
		if p != d.Hostname {
			fmt.Fprintf(&b, "      - {name: %s, address: %s, http: %s}   # Seen in ZooKeeper; its address is taken from its name.\n", quote(p), quote(p), quote(d.HTTP))
		}
	}
	if d.Unit != "" {
		fmt.Fprintf(&b, "    supervisor: {kind: systemd, unit: %s}\n", quote(d.Unit))
	} else {
		b.WriteString("    # supervisor: what starts the scheduler again\n")
	}
	if d.ConfigFile != "" {
		fmt.Fprintf(&b, "    configuration: {path: %s}\n", quote(d.ConfigFile))
	} else {
		b.WriteString("    # configuration: where the scheduler's flags are written down\n")
	}
	line("firewall", d.Firewall, "nft, iptables or none")
	line("aurora_admin", d.AuroraAdmin, "it is not on this host")
	line("mesos_log", d.MesosLog, "it is not on this host")
	line("user", d.User, "whom the scheduler runs as")
	return b.String()
}

// quote writes a text as YAML reads it back: JSON's strings are YAML's too.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // No string fails to marshal.
	}
	return string(b)
}
