package flagfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aurorabot/runner/aurora"
)

// variables are those that the start script of Debian's packages reads. A flag with a
// variable of its own is changed there, all others within EXTRA_SCHEDULER_ARGS, which
// is added at the end where the file has none.
type variables struct{ sh *shell }

// rewrite returns nil where a variable is written in a way that is left to the common
// one, which changes less of it.
func (v *variables) rewrite(text []byte, changes []aurora.FlagChange) ([]byte, error) {
	values := map[string]string{}
	extra, plain := v.raw(extraArgs)
	if !plain {
		return nil, nil
	}
	words := strings.Fields(extra)
	for _, c := range changes {
		words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "-"+c.Flag+"=") })
		own := ""
		for _, o := range ownVariables {
			if o.flag == c.Flag && v.sh.vars[o.variable] != nil {
				own = o.variable
			}
		}
		switch {
		case own != "" && c.Unset:
			return nil, fmt.Errorf("-%s comes from %s: it can't be left out", c.Flag, own)
		case own != "":
			if _, plain := v.raw(own); !plain {
				return nil, nil
			}
			values[own] = c.Value
		case !c.Unset:
			words = append(words, "-"+c.Flag+"="+c.Value)
		}
	}
	if joined := strings.Join(words, " "); joined != strings.Join(strings.Fields(extra), " ") {
		values[extraArgs] = joined
	}
	edits := map[int]edit{}
	for name, value := range values {
		at, ok := v.at(name)
		switch {
		case ok:
			if at.from < len(text) && text[at.from] == '\'' && strings.Contains(value, "$") {
				return nil, nil
			}
			edits[at.from] = edit{at.from, at.to, `"` + value + `"`}
		case v.sh.vars[name] != nil:
			return nil, nil // It is empty, or put together.
		}
	}
	out := text
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(edits))) { // So that offsets before stay right.
		out = edits[at].in(out)
	}
	if value, changed := values[extraArgs]; changed && v.sh.vars[extraArgs] == nil {
		out = slices.Clone(out)
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = append(out, extraArgs+`="`+value+"\"\n"...)
	}
	return out, nil
}

// at is the one word that a variable's value is written as.
func (v *variables) at(name string) (p place, ok bool) {
	va := v.sh.vars[name]
	if va == nil || va.array {
		return p, false
	}
	if len(va.elems) == 1 && len(va.elems[0].chars) == 0 {
		return va.word, va.word.from > 0
	}
	return va.word, va.word.to > va.word.from
}

// raw is a variable's value as it is written, without its one pair of quotes and the
// ends of lines that a backslash joins; ok is false where it is written otherwise.
func (v *variables) raw(name string) (value string, ok bool) {
	if v.sh.vars[name] == nil {
		return "", true
	}
	at, ok := v.at(name)
	if !ok {
		return "", false
	}
	s := string(v.sh.text[at.from:at.to])
	switch {
	case onePair(s) && s[0] == '"':
		s = strings.ReplaceAll(s[1:len(s)-1], "\\\n", "")
	case onePair(s):
		s = s[1 : len(s)-1]
	case strings.ContainsAny(s, "\"'"):
		return "", false
	}
	return s, !strings.Contains(s, `\`)
}

// onePair reports whether a word stands in one pair of quotes.
func onePair(s string) bool {
	return len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] && !strings.ContainsRune(s[1:len(s)-1], rune(s[0]))
}
