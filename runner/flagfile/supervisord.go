package flagfile

import (
	"fmt"
	"slices"
	"strings"
)

// readSupervisord reads the command= of the program that is the scheduler: an ini
// file whose values go on in indented lines and end before a blank and a semicolon,
// %(…)s that are not known, and words with a shell's quotes but nothing that is put
// in (supervisord's documentation, "[program:x] Section Values"; Python's shlex).
func readSupervisord(name string, text []byte) (*start, error) {
	entries, err := iniEntries(name, text)
	if err != nil {
		return nil, err
	}
	var found []arg
	at := 0
	for _, e := range entries {
		if !strings.HasPrefix(e.section, "program:") || e.key != "command" {
			continue
		}
		args, err := iniWords(name, e)
		if err != nil {
			return nil, err
		}
		for _, a := range args {
			if s := a.shown(); strings.ContainsAny(s, " \n") && inString.MatchString(s) && !a.schedulers() {
				return nil, fmt.Errorf("%s:%d: the scheduler is started by a string that a shell reads (%.60s…): what becomes of its quotes can't be told; %s", name, e.line, s, OwnWay)
			}
		}
		if !slices.ContainsFunc(args, arg.schedulers) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s:%d: it starts a scheduler on line %d already; which one counts would be a guess", name, e.line, at)
		}
		found, at = args, e.line
	}
	return &start{args: found}, nil
}

func iniEntries(name string, text []byte) ([]entry, error) {
	all, offsets := lines(text)
	var entries []entry
	section := ""
	var open *entry // Indented lines belong to it.
	gap := false
	add := func(line string, from int) {
		body := line
		for i := range len(line) {
			if line[i] == ';' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
				body = line[:i]
				break
			}
		}
		for j := range len(body) {
			open.value = append(open.value, ordinary(body[j:j+1], from+j, from+j+1))
		}
	}
	for i, line := range all {
		t := strings.TrimSpace(line)
		switch {
		case t == "":
			gap = true
			continue
		case t[0] == '#' || t[0] == ';':
			continue
		case strings.ContainsRune(line, '\r'):
			return nil, fmt.Errorf("%s:%d: it has a carriage return, which becomes a part of the value: save the file with line feeds alone", name, i+1)
		case line[0] == ' ' || line[0] == '\t':
			if open == nil {
				return nil, fmt.Errorf("%s:%d: the line is indented, and nothing stands before it", name, i+1)
			}
			if gap {
				return nil, fmt.Errorf("%s:%d: whether the line belongs to %s, behind an empty one, depends on the version of Python: leave the empty line out", name, i+1, open.key)
			}
			open.value = append(open.value, ordinary("\n", offsets[i], offsets[i]))
			add(line, offsets[i])
			continue
		case t[0] == '[':
			open, gap = nil, false
			end := strings.IndexByte(t, ']')
			if end < 0 {
				return nil, fmt.Errorf("%s:%d: %q is no section", name, i+1, t)
			}
			section = t[1:end]
			continue
		}
		gap = false
		n := strings.IndexAny(line, "=:")
		if n < 0 {
			return nil, fmt.Errorf("%s:%d: %q is neither a section nor KEY=VALUE", name, i+1, t)
		}
		key := strings.ToLower(strings.TrimSpace(line[:n]))
		if slices.ContainsFunc(entries, func(e entry) bool { return e.section == section && e.key == key }) {
			return nil, fmt.Errorf("%s:%d: %s stands twice in [%s]", name, i+1, key, section)
		}
		entries = append(entries, entry{section: section, key: key, line: i + 1})
		open = &entries[len(entries)-1]
		add(line[n+1:], offsets[i]+n+1)
	}
	for i := range entries {
		if entries[i].value = trimmed(entries[i].value); len(entries[i].value) > maxChars {
			return nil, fmt.Errorf("%s:%d: %s is longer than %d characters", name, entries[i].line, entries[i].key, maxChars)
		}
	}
	return entries, nil
}

// iniWords puts in what is not known for %(…)s and splits as shlex does.
func iniWords(name string, e entry) ([]arg, error) {
	var value []char
	for i := 0; i < len(e.value); i++ {
		c := e.value[i]
		if c.s != "%" {
			value = append(value, c)
			continue
		}
		at := c.at[0]
		if i+1 < len(e.value) && e.value[i+1].s == "%" {
			at.to = e.value[i+1].at[0].to
			value = append(value, char{s: "%", at: []place{at}})
			i++
			continue
		}
		end := i
		for end < len(e.value) && e.value[end].s != ")" {
			end++
		}
		if i+1 >= len(e.value) || e.value[i+1].s != "(" || end+1 >= len(e.value) || !strings.Contains("sd", e.value[end+1].s) {
			return nil, fmt.Errorf("%s:%d: a percent sign in command= that is neither %%%% nor %%(name)s: supervisord refuses the file", name, e.line)
		}
		shown := arg{e.value[i : end+2]}.shown()
		at.to = e.value[end+1].at[0].to
		value = append(value, char{s: shown, shown: shown, opaque: true, at: []place{at}})
		i = end + 1
	}
	var args []arg
	var now []char
	in, some := "", false
	from, to := 0, 0
	end := func() {
		if some {
			args = append(args, arg{worded(now, from, to)})
		}
		now, some = nil, false
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		at := c.at[0]
		if in == "" && blank(c) {
			end()
			continue
		}
		if !some {
			from, some = at.from, true
		}
		to = at.to
		switch {
		case c.opaque:
			now = append(now, c)
		case in == "" && (c.s == `"` || c.s == "'"):
			in = c.s
		case in != "" && c.s == in:
			in = ""
		case c.s == `\` && in != "'":
			if i+1 >= len(value) {
				return nil, fmt.Errorf("%s:%d: command= ends with a backslash", name, e.line)
			}
			next := value[i+1]
			if in == `"` && next.s != `"` && next.s != `\` {
				now = append(now, char{s: c.s, at: []place{at}})
				continue
			}
			now = append(now, char{s: next.s, opaque: next.opaque, shown: next.shown, at: []place{{at.from, next.at[0].to, 0, 0}}})
			to = next.at[0].to
			i++
		default:
			now = append(now, char{s: c.s, at: []place{at}})
		}
	}
	if in != "" {
		return nil, fmt.Errorf("%s:%d: a quote in command= is not closed", name, e.line)
	}
	end()
	return args, nil
}
