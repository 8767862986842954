package ssh

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OpenSSH's own way of hiding host names (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// An UnreadLine is a line of a known_hosts file that can't be read: a key of a
// type that is newer than this program, one of SSH-1, one that was cut.
type UnreadLine struct {
	File  string
	Line  int
	Why   string
	Hosts []string // As the line names them.

	revokes bool
}

func (u UnreadLine) String() string {
	return fmt.Sprintf("%s:%d: a line about %s cannot be read: %s", u.File, u.Line, strings.Join(u.Hosts, ","), u.Why)
}

// UnreadLines lists the lines of known_hosts files that can't be read. They stop
// nobody from logging in to hosts that they are not about.
func UnreadLines(files []string) ([]UnreadLine, error) {
	var all []UnreadLine
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("known_hosts: %w", err)
		}
		all = append(all, unreadIn(file, text)...)
	}
	return all, nil
}

func unreadIn(file string, text []byte) []UnreadLine {
	var bad []UnreadLine
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		_, _, _, _, _, err := ssh.ParseKnownHosts(append(slices.Clone(line), '\n'))
		if err == nil {
			continue
		}
		u := UnreadLine{File: file, Line: n, Why: err.Error()}
		fields := strings.Fields(string(line))
		if strings.HasPrefix(fields[0], "@") {
			u.revokes = fields[0] == "@revoked"
			fields = fields[1:]
		}
		if len(fields) > 0 {
			u.Hosts = strings.Split(fields[0], ",")
		}
		bad = append(bad, u)
	}
	return bad
}

// about reports whether the line may be about the host at an address: it names it,
// names hosts by a pattern, names none, or takes a key back, which may be any host's.
func (u UnreadLine) about(address string) bool {
	if u.revokes || len(u.Hosts) == 0 {
		return true
	}
	host := xknownhosts.Normalize(address)
	return slices.ContainsFunc(u.Hosts, func(h string) bool {
		if salt, hash, hidden := strings.Cut(strings.TrimPrefix(h, "|1|"), "|"); hidden && strings.HasPrefix(h, "|1|") {
			return hides(salt, hash, host)
		}
		return strings.ContainsAny(h, "*?!|") || xknownhosts.Normalize(h) == host
	})
}

// hides reports whether a hidden name is a host's, or can't be told.
func hides(salt, hash, host string) bool {
	key, err := base64.StdEncoding.DecodeString(salt)
	want, err2 := base64.StdEncoding.DecodeString(hash)
	if err != nil || err2 != nil {
		return true
	}
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(host))
	return hmac.Equal(mac.Sum(nil), want)
}

// readable returns known_hosts files without the lines about other hosts that
// can't be read: the library refuses a file for one of them. names tells the
// original of each file; done must be called when they are not needed any more.
func readable(files []string, address string) (paths []string, names map[string]string, done func(), err error) {
	var open []func()
	done = func() {
		for _, f := range open {
			f()
		}
	}
	names = map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			done()
			return nil, nil, nil, err
		}
		bad := unreadIn(file, text)
		for _, u := range bad {
			if u.about(address) {
				done()
				return nil, nil, nil, fmt.Errorf("%s; it may be about this host: mend the line or take it out", u)
			}
		}
		if len(bad) == 0 {
			paths = append(paths, file)
			continue
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		for _, u := range bad {
			lines[u.Line-1] = []byte("\n") // The numbers of the others stay.
		}
		path, end, err := unnamed(bytes.Join(lines, nil))
		if err != nil {
			done()
			return nil, nil, nil, err
		}
		open = append(open, end)
		paths, names[path] = append(paths, path), file
	}
	return paths, names, done, nil
}
