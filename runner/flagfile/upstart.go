package flagfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// readUpstart reads a job of /etc/init: `env` stanzas, and the `exec` or `script` of
// its main process, which upstart gives to a shell (init(5)). Everything else is
// blanked, so that what is left is a script whose places are those of the file.
func readUpstart(name string, text []byte) (*start, error) {
	if i := bytes.IndexByte(text, '\r'); i >= 0 {
		return nil, fmt.Errorf("%s:%d: it has a carriage return, which becomes a part of the value: save the file with line feeds alone", name, lineOf(text, i))
	}
	all, offsets := lines(text)
	env, body := blanked(text), blanked(text)
	main := 0 // Line of the stanza of the main process.
	for i := 0; i < len(all); i++ {
		line := strings.TrimSpace(all[i])
		if line == "" || line[0] == '#' {
			continue
		}
		word, _, _ := strings.Cut(line, " ")
		word, _, _ = strings.Cut(word, "\t")
		from := offsets[i]
		switch {
		case line == "script" || hook.MatchString(line):
			first := i + 1
			for i++; i < len(all) && strings.TrimSpace(all[i]) != "end script"; i++ {
			}
			if i == len(all) {
				return nil, fmt.Errorf("%s:%d: the script has no end", name, first)
			}
			if line != "script" {
				continue
			}
			if main > 0 {
				return nil, fmt.Errorf("%s:%d: it starts its process on line %d already; which one counts would be a guess", name, first, main)
			}
			main = first
			copy(body[offsets[first]:offsets[i]], text[offsets[first]:offsets[i]])
		case word == "exec" || word == "env":
			first := i
			for i < len(all)-1 && strings.HasSuffix(all[i], `\`) {
				i++
			}
			if i >= len(all) {
				i = len(all) - 1
			}
			to := offsets[i] + len(all[i])
			if word == "exec" {
				if main > 0 {
					return nil, fmt.Errorf("%s:%d: it starts its process on line %d already; which one counts would be a guess", name, first+1, main)
				}
				main = first + 1
				copy(body[from:to], text[from:to])
				continue
			}
			at := from + strings.Index(all[first], "env") + len("env")
			if !setting1.Match(text[at:to]) {
				continue // `env NAME` takes it from the job's environment.
			}
			if j := bytes.IndexAny(text[at:to], "$`\\"); j >= 0 {
				return nil, fmt.Errorf("%s:%d: what upstart makes of %q in an env stanza can't be told; %s", name, first+1, text[at+j], OwnWay)
			}
			copy(env[at:to], text[at:to])
		}
	}
	sh := newShell(name, text)
	for _, masked := range [][]byte{env, body} {
		file, err := parseShell(name, masked)
		if err != nil {
			return nil, err
		}
		if err := sh.run(file); err != nil {
			return nil, err
		}
	}
	if len(sh.launches) > 0 {
		args, err := sh.launched()
		return &start{args: args}, err
	}
	if main > 0 {
		return sh.sourced()
	}
	return &start{}, nil
}

// hook is a script that runs before or behind the main process.
var hook = regexp.MustCompile(`^(pre|post)-(start|stop)\s+script$`)

var setting1 = regexp.MustCompile(`^\s+[A-Za-z_][A-Za-z0-9_]*=`)

// blanked is a text of the same lines with blanks alone.
func blanked(text []byte) []byte {
	out := bytes.Repeat([]byte(" "), len(text))
	for i, b := range text {
		if b == '\n' {
			out[i] = b
		}
	}
	return out
}
