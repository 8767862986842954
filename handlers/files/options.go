package files

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"aurorabot/handlers/syntax"
)

// JSON is the option that all commands take.
var JSON = syntax.Option{Name: "json", Help: "one JSON document on standard output"}

// A call is a command with its arguments.
type call struct {
	Std
	out      io.Writer // Std.Out, buffered.
	json     bool
	options  map[string]string // By name.
	operands []string
}

// parse splits words into options and operands, which may stand in any order.
func (c *Command) parse(words []string) (*call, error) {
	in := &call{}
	var err error
	in.operands, in.options, err = syntax.Parse(append(slices.Clone(c.Options), JSON), words)
	if err != nil {
		return nil, err
	}
	for _, o := range c.Options {
		if text, given := in.options[o.Name]; given && text == "" {
			return nil, fmt.Errorf("%s: the value is empty", o)
		}
	}
	in.json = in.has(JSON.Name)
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
