// Package openssh reads what a file of ssh_config(5) says of a host, as far as it
// applies to the bot: where a host is, who logs in with which keys, and through which
// bastions. What weakens the proof of who a host is, or runs a program, never applies.
package openssh

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// A File is one of ssh_config(5), with what it includes.
type File struct {
	path, home string
	config     *ssh_config.Config
}

// A Host is what a file says of one. Empty: it says nothing of that.
type Host struct {
	Name  string // Where it is: HostName, or what it is called.
	User  string
	Port  string
	Keys  []string // Absolute: IdentityFile.
	Certs []string // Absolute: CertificateFile.
	Jump  []string // ProxyJump, the first leap first: "[user@]host[:port]".

	Ignored []string // Lines about it that never apply, and why.
}

// never apply to the bot, each for its reason.
var never = []struct{ key, why string }{
	{"StrictHostKeyChecking", "host keys are always checked"},
	{"UserKnownHostsFile", "host keys are those of known_hosts in the bot's configuration"},
	{"GlobalKnownHostsFile", "host keys are those of known_hosts in the bot's configuration"},
	{"KnownHostsCommand", "host keys are those of known_hosts in the bot's configuration"},
	{"HostKeyAlias", "a host's key is looked up by its address"},
	{"ForwardAgent", "the agent is never forwarded"},
	{"ProxyCommand", "no program is run to reach a host: name bastions with ProxyJump, or with jump in the bot's configuration"},
}

// Read reads a file. home is the folder that ~ means. What the library cannot read as ssh(1) does is an error with its line.
func Read(path, home string) (*File, error) {
	if err := scan(path, 0); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := ssh_config.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &File{path, home, c}, nil
}

// deepest is how deep includes may lie in one another; ssh(1) reads 16, the library 5.
const deepest = 4

// scan looks for what the library reads otherwise than ssh(1), or not at all.
func scan(path string, depth int) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: others than its owner can write it (mode %04o): chmod go-w", path, info.Mode().Perm())
	case depth > deepest:
		return fmt.Errorf("%s: includes lie more than %d deep in one another, or in a circle", path, deepest)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r=", r) })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		at := fmt.Sprintf("%s:%d", path, i+1)
		switch key := strings.ToLower(words[0]); {
		case len(words) == 1:
			return fmt.Errorf("%s: %s has no value", at, words[0])
		case key == "match":
			return fmt.Errorf("%s: Match blocks cannot be read: write a Host block, or the keys into the bot's configuration", at)
		case key == "host":
			if strings.Contains(line, "?") {
				return fmt.Errorf("%s: a ? in a pattern cannot be read as ssh reads it: name the hosts, or use *", at)
			}
		case key == "include":
			if err := scanIncluded(at, words[1:], depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func scanIncluded(at string, patterns []string, depth int) error {
	for _, p := range patterns {
		p = strings.Trim(p, `"`)
		if !filepath.IsAbs(p) {
			return fmt.Errorf("%s: Include %s: write the whole path; ssh reads another from the ~/.ssh of whoever calls it", at, p)
		}
		files, err := filepath.Glob(p)
		if err == nil && len(files) == 0 {
			err = errors.New("there is no such file")
		}
		if err != nil {
			return fmt.Errorf("%s: Include %s: %w", at, p, err)
		}
		for _, f := range files {
			if err := scan(f, depth+1); err != nil {
				return fmt.Errorf("%s: Include: %w", at, err)
			}
		}
	}
	return nil
}

// Host returns what the file says of the host that is called alias.
func (f *File) Host(alias string) (Host, error) {
	var errs []error
	one := func(key string) string {
		v, err := f.config.Get(alias, key)
		errs = append(errs, err)
		return v
	}
	h := Host{Name: alias, User: one("User"), Port: one("Port")}
	fill := func(value string, tokens ...string) string {
		v, err := expand(value, append(tokens, "%%", "%")...)
		errs = append(errs, err)
		return v
	}
	if v := one("HostName"); v != "" {
		h.Name = fill(v, "%h", alias)
	}
	if p, err := strconv.ParseUint(h.Port, 10, 16); h.Port != "" && (err != nil || p == 0) {
		errs = append(errs, fmt.Errorf("port %q is none", h.Port))
	}
	files := func(key string) (paths []string) {
		all, err := f.config.GetAll(alias, key)
		errs = append(errs, err)
		for _, v := range all {
			if v == "none" {
				continue
			}
			p := fill(v, "%d", f.home, "%h", h.Name, "%n", alias, "%r", h.User)
			if rest, ok := strings.CutPrefix(p, "~/"); ok {
				p = filepath.Join(f.home, rest)
			}
			if !filepath.IsAbs(p) {
				errs = append(errs, fmt.Errorf("%s %s: write the whole path, or one from ~/ on", key, v))
			}
			paths = append(paths, p)
		}
		return paths
	}
	h.Keys, h.Certs = files("IdentityFile"), files("CertificateFile")
	if v := one("ProxyJump"); v != "" && v != "none" {
		for leap := range strings.SplitSeq(v, ",") {
			h.Jump = append(h.Jump, strings.TrimSpace(leap))
		}
	}
	for _, n := range never {
		if v := one(n.key); v != "" {
			h.Ignored = append(h.Ignored, fmt.Sprintf("%s: %s %s for %s does not apply: %s", f.path, n.key, v, alias, n.why))
		}
	}
	if err := errors.Join(slices.DeleteFunc(errs, func(err error) bool { return err == nil })...); err != nil {
		return Host{}, fmt.Errorf("%s: host %s: %w", f.path, alias, err)
	}
	return h, nil
}

// expand fills in tokens of ssh_config(5), given as pairs of a token and its value.
func expand(s string, tokens ...string) (string, error) {
	known := map[string]string{}
	for i := 0; i+1 < len(tokens); i += 2 {
		known[tokens[i]] = tokens[i+1]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		token := s[i:min(i+2, len(s))]
		v, ok := known[token]
		if !ok || v == "" {
			return "", fmt.Errorf("%s in %q is not known here: write the value out", token, s)
		}
		b.WriteString(v)
		i++
	}
	return b.String(), nil
}
