package flagfile

import (
	"fmt"
	"strings"
)

// readArgs reads a list of arguments: one a line, or words. No shell reads it, so it
// has no quotes, and what takes them away, if anything, is not known: a file that has
// some is an error, as is a word without a dash, which may be a value that stands
// apart or a part of one with a blank.
func readArgs(name string, text []byte) (*start, error) {
	s := &start{}
	offset := 0
	for line := range strings.Lines(string(text)) {
		from := offset
		offset += len(line)
		at := lineOf(text, from)
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if i := strings.IndexAny(line, "\"'\\`$"); i >= 0 {
			return nil, fmt.Errorf("%s:%d: it has the character %q; whether who reads the file takes it for a quote or for itself can't be told; %s", name, at, line[i], OwnWay)
		}
		if i := strings.IndexByte(line, '\r'); i >= 0 {
			return nil, fmt.Errorf("%s:%d: it has a carriage return, which becomes a part of the argument: save the file with line feeds alone", name, at)
		}
		words := 0
		for i := 0; i < len(line); {
			if strings.IndexByte(" \t\n", line[i]) >= 0 {
				i++
				continue
			}
			j := i
			for j < len(line) && strings.IndexByte(" \t\n", line[j]) < 0 {
				j++
			}
			if line[i] == '#' {
				return nil, fmt.Errorf("%s:%d: a # behind an argument: whether it begins a comment can't be told; %s", name, at, OwnWay)
			}
			if words++; words > 1 && line[i] != '-' {
				return nil, fmt.Errorf("%s:%d: %q stands apart from the flag before it: whether it is a part of its value can't be told; write one -FLAG=VALUE a line", name, at, line[i:j])
			}
			s.args = append(s.args, arg{literal(text, from+i, from+j, from+i, from+j)})
			i = j
		}
	}
	return s, nil
}
