package flagfile

import (
	"fmt"
	"slices"
	"strings"
)

// readSystemd reads a unit or a drop-in: the arguments of its ExecStart= with what
// Environment= gives them, else the flags that Environment= sets for a start script.
// As systemd.service(5), "Command lines", and systemd.syntax(7) have it: lines that a
// backslash joins, quotes, escapes, $VAR as a word that is split and ${VAR} that is
// not; specifiers are not known.
func readSystemd(name string, text []byte) (*start, error) {
	entries, err := unitEntries(name, text)
	if err != nil {
		return nil, err
	}
	u := &unit{name: name, env: map[string][]char{}}
	var commands []entry
	for _, e := range entries {
		if e.section != "Service" {
			continue
		}
		switch e.key {
		case "Environment":
			if len(e.value) == 0 {
				u.env, u.order = map[string][]char{}, nil
			}
			if err := u.environment(e); err != nil {
				return nil, err
			}
		case "EnvironmentFile":
			u.files = len(e.value) > 0
		case "PassEnvironment", "UnsetEnvironment":
			u.files = true
		case "ExecStart":
			if len(e.value) == 0 {
				commands = nil
			} else {
				commands = append(commands, e)
			}
		}
	}
	if len(commands) > 1 {
		return nil, fmt.Errorf("%s:%d: it has more than one ExecStart=: which one starts the scheduler can't be told; %s", name, commands[1].line, OwnWay)
	}
	if len(commands) == 1 {
		args, err := u.command(commands[0])
		if err != nil {
			return nil, err
		}
		for _, a := range args {
			if s := a.shown(); strings.ContainsAny(s, " \n") && inString.MatchString(s) && !a.schedulers() {
				return nil, fmt.Errorf("%s:%d: the scheduler is started by a string that a shell reads (%.60s…): what becomes of its quotes can't be told; %s", name, commands[0].line, s, OwnWay)
			}
		}
		if slices.ContainsFunc(args, arg.schedulers) {
			return &start{args: args}, nil
		}
	}
	return u.passed()
}

// A unit is what a file of systemd sets for its command.
type unit struct {
	name  string
	env   map[string][]char
	order []string
	files bool // Other files set variables, too, and win.
}

// unitEntries are all KEY=VALUE of a unit. Lines that end with a backslash go on with
// a blank in the next one, comments between them are left out.
func unitEntries(name string, text []byte) ([]entry, error) {
	all, offsets := lines(text)
	var entries []entry
	section := ""
	for i := 0; i < len(all); i++ {
		line := strings.TrimSpace(all[i])
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			if !strings.HasSuffix(line, "]") {
				return nil, fmt.Errorf("%s:%d: %q is no section", name, i+1, line)
			}
			section = line[1 : len(line)-1]
			continue
		}
		key, _, ok := strings.Cut(all[i], "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: %q is no assignment of a unit", name, i+1, line)
		}
		e := entry{section: section, key: strings.TrimSpace(key), line: i + 1}
		from := offsets[i] + len(key) + 1
		rest := all[i][len(key)+1:]
		for {
			more := strings.HasSuffix(rest, `\`)
			body := strings.TrimSuffix(rest, `\`)
			for j := range len(body) {
				e.value = append(e.value, ordinary(body[j:j+1], from+j, from+j+1))
			}
			if !more {
				break
			}
			e.value = append(e.value, ordinary(" ", from+len(body), from+len(body)+1))
			i++
			for i < len(all) && (strings.HasPrefix(strings.TrimSpace(all[i]), "#") || strings.HasPrefix(strings.TrimSpace(all[i]), ";")) {
				i++
			}
			if i >= len(all) {
				break
			}
			from, rest = offsets[i], all[i]
		}
		if len(e.value) > maxChars {
			return nil, fmt.Errorf("%s:%d: %s is longer than %d characters", name, e.line, e.key, maxChars)
		}
		e.value = trimmed(e.value)
		for _, c := range e.value {
			if c.s == "\r" {
				return nil, fmt.Errorf("%s:%d: it has a carriage return, which becomes a part of the value: save the file with line feeds alone", name, e.line)
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func blank(c char) bool { return !c.opaque && (c.s == " " || c.s == "\t" || c.s == "\n") }

func trimmed(chars []char) []char {
	for len(chars) > 0 && blank(chars[0]) {
		chars = chars[1:]
	}
	for len(chars) > 0 && blank(chars[len(chars)-1]) {
		chars = chars[:len(chars)-1]
	}
	return chars
}

// A token is one word of a value. bare are the positions in it without any quote.
type token struct {
	chars []char
	place place
}

// unitWords splits a value as systemd does: quotes may open anywhere in a word, a
// backslash has C's meaning.
func unitWords(e entry, name string) ([]token, error) {
	var tokens []token
	var now []char
	in, some := "", false
	var from, to int
	end := func() {
		if some {
			tokens = append(tokens, token{worded(now, from, to), place{from, to, from, to}})
		}
		now, some = nil, false
	}
	for i := 0; i < len(e.value); i++ {
		c := e.value[i]
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
		case in == "" && (c.s == `"` || c.s == "'"):
			in = c.s
		case in == c.s && in != "":
			in = ""
		case c.s == `\`:
			if i+1 >= len(e.value) {
				return nil, fmt.Errorf("%s:%d: %s ends with a backslash", name, e.line, e.key)
			}
			next := e.value[i+1]
			means, ok := map[string]string{`\`: `\`, `"`: `"`, "'": "'", "s": " ", "n": "\n", "t": "\t"}[next.s]
			if !ok {
				return nil, fmt.Errorf("%s:%d: what %s makes of \\%s depends on its version: write it without", name, e.line, "systemd", next.s)
			}
			now = append(now, char{s: means, at: []place{{at.from, next.at[0].to, 0, 0}}})
			to = next.at[0].to
			i++
		default:
			c.at = []place{at}
			now = append(now, c)
		}
	}
	if in != "" {
		return nil, fmt.Errorf("%s:%d: a quote in %s is not closed", name, e.line, e.key)
	}
	end()
	return tokens, nil
}

// specified makes specifiers (%H) parts that are not known, and %% a percent sign.
func specified(chars []char) []char {
	var out []char
	for i := 0; i < len(chars); i++ {
		c := chars[i]
		if c.s != "%" || c.opaque || i+1 >= len(chars) {
			out = append(out, c)
			continue
		}
		next := chars[i+1]
		at := c.at[0]
		at.to = next.at[0].to
		if next.s == "%" {
			out = append(out, char{s: "%", at: []place{at}})
		} else {
			out = append(out, char{s: "specifier %" + next.s, shown: "%" + next.s, opaque: true, at: []place{at}})
		}
		i++
	}
	return out
}

func (u *unit) environment(e entry) error {
	tokens, err := unitWords(e, u.name)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		a := arg{specified(t.chars)}
		n := a.equals()
		if n == len(a.chars) || n == 0 || !(arg{a.chars[:n]}).known() {
			return fmt.Errorf("%s:%d: %q in Environment= is no NAME=VALUE", u.name, e.line, a.shown())
		}
		v := arg{a.chars[:n]}.shown()
		if u.env[v] == nil {
			u.order = append(u.order, v)
		}
		u.env[v] = append([]char{}, a.chars[n+1:]...)
	}
	return nil
}

// command are the arguments of ExecStart=.
func (u *unit) command(e entry) ([]arg, error) {
	tokens, err := unitWords(e, u.name)
	if err != nil {
		return nil, err
	}
	var args []arg
	plain := false
	for i, t := range tokens {
		if i == 0 {
			word := arg{t.chars}.shown()
			plain = strings.Contains(word[:len(word)-len(strings.TrimLeft(word, "@-:+!|"))], ":")
		}
		if (arg{t.chars}).shown() == ";" {
			return nil, fmt.Errorf("%s:%d: ExecStart= has more than one command; %s", u.name, e.line, OwnWay)
		}
		chars := specified(t.chars)
		if plain {
			args = append(args, arg{chars})
			continue
		}
		more, err := u.expanded(chars, t, e.line)
		if err != nil {
			return nil, err
		}
		args = append(args, more...)
		if size(args) > maxChars {
			return nil, fmt.Errorf("%s:%d: ExecStart= becomes longer than %d characters; %s", u.name, e.line, maxChars, OwnWay)
		}
	}
	return args, nil
}

// expanded puts variables into a word: $NAME as the whole word gives as many words as
// its value has, ${NAME} anywhere a part of one, $$ a dollar sign.
func (u *unit) expanded(chars []char, t token, line int) ([]arg, error) {
	word := arg{chars}.shown()
	if name, ok := strings.CutPrefix(word, "$"); ok && variableName(name) {
		value := u.value(name, place{t.place.from, t.place.to, t.place.from, t.place.to}, true)
		if slices.ContainsFunc(value, func(c char) bool { return c.s == `"` || c.s == "'" || c.s == `\` }) {
			return nil, fmt.Errorf("%s:%d: $%s holds quotes, which systemd reads once more: write it as ${%s} or without", u.name, line, name, name)
		}
		return split(value, true), nil
	}
	var out []char
	for i := 0; i < len(chars); i++ {
		c := chars[i]
		if c.s != "$" || c.opaque || i+1 >= len(chars) {
			out = append(out, c)
			continue
		}
		at := c.at[0]
		if chars[i+1].s == "$" {
			at.to = chars[i+1].at[0].to
			out = append(out, char{s: "$", at: []place{at}})
			i++
			continue
		}
		if chars[i+1].s != "{" {
			out = append(out, c)
			continue
		}
		end := i + 2
		for end < len(chars) && chars[end].s != "}" {
			end++
		}
		if end == len(chars) {
			out = append(out, c)
			continue
		}
		at.to = chars[end].at[0].to
		out = append(out, u.value(arg{chars[i+2 : end]}.shown(), at, false)...)
		i = end
	}
	return []arg{{out}}, nil
}

func variableName(s string) bool {
	for i, c := range s {
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// value is what a variable holds; it is not known where another file may set it.
func (u *unit) value(name string, at place, split bool) []char {
	v, set := u.env[name]
	if !set || u.files {
		shown := "${" + name + "}"
		if split {
			shown = "$" + name
		}
		return []char{{s: "variable " + name + "=" + (arg{v}).id(), shown: shown, opaque: true, split: split, at: []place{at}}}
	}
	return seenFrom(at, v, split)
}

// passed are the flags that Environment= sets for a start script that reads them as
// variables.
func (u *unit) passed() (*start, error) {
	s := &start{}
	from := ""
	for _, name := range u.order {
		v := u.env[name]
		if name == extraArgs || !slices.ContainsFunc(split(v, true), arg.schedulers) {
			continue
		}
		if from != "" {
			return nil, fmt.Errorf("%s: flags are in the variables %s and %s: which of them the start takes is a guess; %s", u.name, from, name, OwnWay)
		}
		from = name
		s.args = split(v, true)
	}
	if from == "" {
		for _, o := range ownVariables {
			if v, ok := u.env[o.variable]; ok {
				s.args = append(s.args, arg{append(nowhere("-"+o.flag+"="), v...)})
			}
		}
		s.elsewhere = true
	} else if u.env[extraArgs] != nil {
		return nil, fmt.Errorf("%s: flags are in the variables %s and %s: which of them the start takes is a guess; %s", u.name, from, extraArgs, OwnWay)
	}
	s.args = append(s.args, split(u.env[extraArgs], true)...)
	if len(s.args) > 0 && u.files {
		return nil, fmt.Errorf("%s: EnvironmentFile= and the like win over its Environment=: what the scheduler is given can't be told; name that file as configuration.path, or write -FLAG=VALUE behind ExecStart=", u.name)
	}
	return s, nil
}
