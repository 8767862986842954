// Package sudoers lists what the bot does on a scheduler host as somebody else,
// and writes it as a file for sudo.
package sudoers

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/rooted"
)

// maxRegex is the longest regular expression that sudo reads, in bytes:
// sudoers(5), "Regular expressions" (read 2026-11-23).
const maxRegex = 1024

// File writes privileges as a file of sudoers(5) for the login account. It
// needs sudo 1.9.10 or later, which knows regular expressions: a pattern of
// older ones lets spaces and slashes through.
func File(login string, list []Privilege) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `# What aurorabot may do on this host as somebody else, and nothing else.
# Written by "aurorabot sudoers". To be installed as /etc/sudoers.d/aurorabot,
# owned by root, mode 0440, after "visudo -c -f FILE". sudo 1.9.10 or later.
# Print it again whenever the bot or its configuration changes: the program that
# it uploads is named by its hash.
Defaults:%[1]s !requiretty, env_reset, !setenv
`, login)
	why := ""
	for _, p := range list {
		if p.Why != why {
			why = p.Why
			fmt.Fprintf(&b, "\n# %s\n", why)
		}
		line, err := p.line(login)
		if err != nil {
			return "", err
		}
		b.WriteString(line + "\n")
	}
	return b.String(), nil
}

func (p *Privilege) line(login string) (string, error) {
	switch {
	case !path.IsAbs(p.Path):
		return "", fmt.Errorf("sudoers: where %s lies on the host is not known", p.Path)
	case len(p.Args) > maxRegex-2:
		return "", fmt.Errorf("sudoers: the pattern of %s is longer than sudo reads", p.Path)
	case strings.ContainsAny(p.Args+p.Path, "\n\x00"):
		return "", fmt.Errorf("sudoers: a command of %s has a line break", p.Path)
	}
	args := `""`
	if p.Args != "" {
		args = "^" + strings.ReplaceAll(p.Args, "#", `\#`) + "$"
	}
	sum := ""
	for i, s := range p.Sums {
		if i > 0 {
			sum += ", "
		}
		sum += "sha256:" + s + " "
	}
	as := p.As
	if p.In != "" {
		as += ":" + p.In
	}
	return fmt.Sprintf("%s ALL=(%s) NOPASSWD: %s%s %s", login, as, sum, escaped(p.Path), args), nil
}

// escaped is a path as sudoers wants it: its special characters, and those of
// a file name pattern, by a backslash.
func escaped(p string) string {
	var b strings.Builder
	for _, c := range p {
		if strings.ContainsRune(`,:=\ "#*?[]!`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// paths are where sudo looks, besides the login account's PATH: secure_path of
// Debian's sudoers file.
const findScript = `PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for name; do
	found=$name IFS=:
	for dir in $PATH; do [ -f "$dir/$name" ] && [ -x "$dir/$name" ] && { found=$dir/$name; break; }; done
	printf '%s\n' "$found"
done`

// Ask asks a host for what its sudoers file rests on, as the login account:
// nothing of it needs sudo. Where another account could put something in the place
// of what root is to run, read or write there is no file to write: the error is a
// [node.OpenError].
func Ask(ctx context.Context, n *node.Node, helpers []string) (Grounds, error) {
	s, g := n.Scheduler, Grounds{Helpers: helpers}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, file, err := n.Config(ctx)
	if err != nil {
		return g, err
	}
	for flag, to := range map[string]*string{"native_log_file_path": &g.Log, "backup_dir": &g.Backups} {
		var ok bool
		if *to, ok = file.Resolved(flag); !ok || !path.IsAbs(*to) {
			return g, fmt.Errorf("-%s is not set by %s on %s", flag, s.ConfigFile, n.Name)
		}
	}
	at, err := node.FootingOn(ctx, n)
	if err != nil { // There is no file yet, or one of another version: root is who root is everywhere.
		at.Root = rooted.Owner{}
	}
	var names []string
	g.Path = func(command string) string { names = append(names, command); return command }
	Privileges(n.Nodes, s, g) // Once, to learn which commands there are.
	slices.Sort(names)
	names = slices.Compact(names)
	out, err := n.Host.Run(ctx, runner.Command{Argv: append([]string{"sh", "-c", findScript, "sh"}, names...)})
	if err != nil {
		return g, err
	}
	found := strings.Split(strings.TrimSuffix(string(out.Stdout), "\n"), "\n")
	if out.Exit != 0 || len(found) != len(names) {
		return g, fmt.Errorf("where the commands lie on %s: exit status %d: %s", n.Name, out.Exit, node.Tail(out))
	}
	places := map[string]string{}
	var missing []string
	for i, command := range names {
		places[command] = found[i]
		if !path.IsAbs(found[i]) {
			missing = append(missing, command)
		}
	}
	if len(missing) > 0 {
		return g, errors.New(n.Name + " has no " + strings.Join(missing, ", no "))
	}
	g.Path = func(command string) string { return places[command] }
	var programs []string
	for _, p := range Privileges(n.Nodes, s, g) {
		if p.As == "root" && len(p.Sums) == 0 { // The one with a hash is not there yet.
			programs = append(programs, p.Path)
		}
	}
	if at, err = node.FootingOf(ctx, n, at.Root, programs...); err == nil {
		err = at.Open()
	}
	if err != nil {
		return g, fmt.Errorf("on %s: %w", n.Name, err)
	}
	return g, nil
}

// UsualPath is where Debian and its kin keep a command: for a sudoers file that
// is made without asking the host.
func UsualPath(command string) string {
	if slices.Contains([]string{"nft", "iptables", "ip6tables"}, command) {
		return "/usr/sbin/" + command
	}
	return "/usr/bin/" + command
}
