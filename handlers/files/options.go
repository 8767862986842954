package files

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An option is one that a command takes besides --json and --help.
type option struct {
	name  string // With its dashes.
	value string // What its value is called; "" if it has none.
}

// A call is a command with its arguments.
type call struct {
	Std
	out      io.Writer // Std.Out, buffered.
	json     bool
	help     bool
	options  map[string]string // By name; those without a value have "".
	operands []string
}

// parse splits words into options and operands, which may stand in any order.
// After "--" everything is an operand.
func (c *Command) parse(words []string) (*call, error) {
	in := &call{options: map[string]string{}}
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		if w == "--" {
			in.operands = append(in.operands, words...)
			break
		}
		if w == "-" || !strings.HasPrefix(w, "-") {
			in.operands = append(in.operands, w)
			continue
		}
		name, value, given := strings.Cut(w, "=")
		switch {
		case w == "--json":
			in.json = true
			continue
		case w == "--help" || w == "-h":
			in.help = true
			continue
		}
		i := slices.IndexFunc(c.options, func(o option) bool { return o.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown option %s (a name that begins with a dash is written ./%s)", name, w)
		}
		o := c.options[i]
		switch {
		case o.value == "" && given:
			return nil, fmt.Errorf("option %s takes no value", name)
		case o.value != "" && !given:
			if len(words) == 0 || len(words[0]) > 1 && words[0][0] == '-' {
				return nil, fmt.Errorf("option %s lacks its %s", name, o.value)
			}
			value, words = words[0], words[1:]
		}
		if _, twice := in.options[name]; twice && o.value != "" {
			return nil, fmt.Errorf("option %s is given twice", name)
		}
		if o.value != "" && value == "" {
			return nil, fmt.Errorf("option %s lacks its %s", name, o.value)
		}
		in.options[name] = value
	}
	if in.help {
		return in, nil
	}
	return in, c.count(in.operands)
}

func (c *Command) count(operands []string) error {
	switch n := len(operands); {
	case slices.Contains(operands, ""):
		return errors.New("an empty name")
	case n < c.least:
		return fmt.Errorf("%d names given, at least %d needed", n, c.least)
	case c.most > 0 && n > c.most, c.most < 0 && n > 0:
		return fmt.Errorf("%d names given, %d wanted", n, max(c.most, 0))
	}
	return nil
}

// has tells whether an option was given.
func (c *call) has(name string) bool {
	_, ok := c.options[name]
	return ok
}
