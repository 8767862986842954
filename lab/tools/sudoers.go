package tools

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// SudoersFile holds what the login account may do, below the host's root, as
// sudoers(5) has it. Without it everything is allowed. Of its grammar only
// lines of this form are read: user, ALL, one account and perhaps a group,
// NOPASSWD, hashes, a command, and a regular expression of its arguments or "".
const SudoersFile = "etc/sudoers.d/aurorabot"

// hashesFile remembers which files have which hash: the real sudo reads the
// command each time, and the lab's program is large.
const hashesFile = "var/lib/lab.hashes"

// A grant is one line of a sudoers file.
type grant struct {
	login, as, in, path string
	args                *regexp.Regexp
	sums                []string
	line                string
}

var (
	grantLine = regexp.MustCompile(`^(\S+) ALL=\((\S+)\) NOPASSWD: ((?:sha256:[0-9a-f]{64},? )*)((?:[^\\ ]|\\.)+) (""|\^.*\$)$`)
	sumOf     = regexp.MustCompile(`[0-9a-f]{64}`)
	unescape  = regexp.MustCompile(`\\(.)`)
)

// plainName is a name that stands in a sudoers file as it is.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// grants reads the sudoers file; nil: there is none. If about is not empty, lines
// that cannot be about a command of that name are passed over unread: hundreds of
// commands go through sudo in one rehearsal, and most of the file's patterns have
// nothing to do with any one of them.
func grants(root, about string) ([]grant, error) {
	if !plainName.MatchString(about) {
		about = ""
	}
	f, err := os.Open(filepath.Join(root, SudoersFile))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list := []grant{}
	in := bufio.NewScanner(f)
	for in.Scan() {
		line := in.Text()
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "Defaults") {
			continue
		}
		if !strings.Contains(line, about) {
			continue
		}
		m := grantLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("syntax error: %s", line)
		}
		as, in, _ := strings.Cut(m[2], ":")
		g := grant{login: m[1], as: as, in: in, sums: sumOf.FindAllString(m[3], -1), path: unescape.ReplaceAllString(m[4], "$1"), line: strings.TrimPrefix(line, m[1]+" ALL=")}
		pattern := "^$"
		if m[5] != `""` {
			pattern = strings.ReplaceAll(m[5], `\#`, "#")
		}
		if g.args, err = regexp.CompilePOSIX(pattern); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		list = append(list, g)
	}
	return list, in.Err()
}

// granted reports whether login may run argv, found at path, as another account,
// with a group besides if one is named.
func granted(root string, list []grant, login, as, in, path string, argv []string) bool {
	args := strings.Join(argv[1:], " ")
	return slices.ContainsFunc(list, func(g grant) bool {
		return g.login == login && g.as == as && (in == "" || g.in == in) && samePath(g.path, path) && g.args.MatchString(args) &&
			(len(g.sums) == 0 || slices.Contains(g.sums, hashed(root, path)))
	})
}

// samePath is how sudo compares: the same name, and the same file.
func samePath(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && filepath.Base(a) == filepath.Base(b) && os.SameFile(x, y)
}

// hashed is the SHA-256 of a file, "" if it can't be read.
func hashed(root, path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	key := fmt.Sprintf("%s %d %d %d %d ", path, st.Ino, st.Size, st.Ctim.Sec, st.Ctim.Nsec)
	known := filepath.Join(root, hashesFile)
	if text, err := os.ReadFile(known); err == nil {
		for line := range strings.Lines(string(text)) {
			if sum, ok := strings.CutPrefix(strings.TrimSpace(line), key); ok {
				return sum
			}
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if f, err := os.OpenFile(known, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		fmt.Fprintln(f, key+sum)
		f.Close()
	}
	return sum
}
