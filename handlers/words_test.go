package handlers

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// byHand is the parser that pflag replaced; options that end in "!" have no value.
func byHand(options []string, rest []string) (args []string, flags map[string]string, ok bool) {
	flags = map[string]string{}
	for n := 0; n < len(rest); n++ {
		w := rest[n]
		if w == "--" {
			return append(args, rest[n+1:]...), flags, true
		}
		if !strings.HasPrefix(w, "-") || len(w) < 2 {
			args = append(args, w)
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case slices.Contains(options, name+"!") && !given:
			flags[name] = "true"
		case slices.Contains(options, name) && given:
			flags[name] = value
		case slices.Contains(options, name) && n+1 < len(rest):
			n++
			flags[name] = rest[n]
		default:
			return nil, nil, false
		}
	}
	return args, flags, true
}

// different reports whether words are read in another way on purpose: help is
// answered, an option counts once, and is no value of another one.
func different(c *Command, options, words []string) bool {
	seen := map[string]bool{}
	for i, w := range words {
		valued := i > 0 && slices.Contains(options, strings.TrimLeft(words[i-1], "-"))
		if w == "--" && !valued {
			return false
		}
		bare := strings.TrimLeft(w, "-")
		name, value, given := strings.Cut(bare, "=")
		if bare == w {
			continue
		}
		bares := slices.Contains(options, name+"!")
		known := bares || slices.Contains(options, name)
		if name == "h" || name == "help" || bares && given && value == "true" || known && (seen[name] || valued) {
			return true
		}
		seen[name] = true
	}
	return false
}

// Any words are read without a panic, and as the parser by hand read them, but
// where a difference is meant.
func FuzzParseCommand(f *testing.F) {
	for name, about := range probes {
		f.Add(name + " " + about)
	}
	for _, line := range []string{
		"recover dev good --reason a", "approve -- --x", "recover -reason a dev good --dry-run", "resume RUN --without s2 --reason=", "report --png x --nagios a b", "export RUN -o DIR",
		"export --o=DIR RUN", "drop RUN --x", "undo RUN --confirm=true", "undo RUN --confirm=no", "status --severity --severity", "abort RUN --reason --reason=x", "plan a b --recipe x --recipe y",
		"help --help", "deny RUN ---reason x", "deny RUN --=x", "deny - RUN", "deny RUN -", "deny RUN --reason -", "deny RUN --reason -5", "tasks -test.v RUN", "deny RUN --reason -- RUN", "deny RUN -r", "x",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, " ")
		c, err := parse(Table(), Request{Words: words})
		if again, e := parse(Table(), Request{Words: words}); (e == nil) != (err == nil) || !slices.Equal(again.args, c.args) {
			t.Errorf("%q is read differently twice", words)
		}
		if c.cmd == nil || c.Words[0] != words[0] {
			return // There is no such command, or help is asked for.
		}
		var options []string
		for _, o := range c.cmd.Options {
			if o.Value == "" {
				o.Name += "!"
			}
			options = append(options, o.Name)
		}
		args, flags, ok := byHand(options, words[1:])
		if ok && (len(args) < c.cmd.Args[0] || c.cmd.Args[1] >= 0 && len(args) > c.cmd.Args[1]) {
			ok = false
		}
		if same := ok == (err == nil) && (!ok || slices.Equal(args, c.args) && maps.Equal(flags, c.flags)); !same && !different(c.cmd, options, words[1:]) {
			t.Errorf("%q: by hand %q %v %v, now %q %v %v", words, args, flags, ok, c.args, c.flags, err)
		}
	})
}
