// Package syntax reads the words of one command: its options, by a pflag set of
// its own, and what is no option. Slack, the command line and the commands on
// files read theirs here, so that a word means the same everywhere.
package syntax

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// ErrHelp means that the words ask for help: -h or --help.
var ErrHelp = pflag.ErrHelp

var (
	errTwice = errors.New("is given twice")
	errValue = errors.New("takes no value")
)

// An Option is one that a command takes.
type Option struct {
	Name  string `json:"name"`  // Without dashes. One letter is also a short form: "o" is -o.
	Value string `json:"value"` // What its value is called, "FILE", or the values it may have, "auto|always|never"; "" if it has none.
	Help  string `json:"help"`  // One line.
}

func (o Option) String() string { return strings.TrimSpace(dashed(o.Name) + " " + o.Value) }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// A value is an option's, once it was given.
type value struct {
	text  string
	given bool
	bare  bool // It has none.
	lax   bool // It may be given again.
}

// Set is part of pflag's Value.
func (v *value) Set(text string) error {
	switch {
	case v.given && !v.lax:
		return errTwice
	case v.bare && text != "true":
		return errValue
	}
	v.text, v.given = text, true
	return nil
}

func (v *value) String() string { return v.text }

// Type is part of pflag's Value.
func (v *value) Type() string {
	if v.bare {
		return "bool"
	}
	return "string"
}

// FlagSet returns a new set of options. Options may stand before, between and
// behind arguments; none may be given twice.
func FlagSet(options []Option) *pflag.FlagSet {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.SortFlags = false
	for _, o := range options {
		short := ""
		if len(o.Name) == 1 {
			short = o.Name
		}
		flag := f.VarPF(&value{bare: o.Value == ""}, o.Name, short, o.Help)
		if o.Value == "" {
			flag.NoOptDefVal = "true"
		}
	}
	return f
}

// Lax lets the options of a set be given again, for a set that reads the same
// words more than once.
func Lax(f *pflag.FlagSet) {
	f.VisitAll(func(flag *pflag.Flag) {
		if v, ok := flag.Value.(*value); ok {
			v.lax = true
		}
	})
}

// Normal returns words as pflag reads them: it takes -word for letters, and here
// that is --word. A word that is an option of the set is nobody's value, unless
// it is written --option=--word.
func Normal(f *pflag.FlagSet, words []string) ([]string, error) {
	words = slices.Clone(words)
	option := func(word string) (*pflag.Flag, string, bool) {
		bare := strings.TrimLeft(word, "-")
		name, _, given := strings.Cut(bare, "=")
		if bare == word || name == "" {
			return nil, "", false
		}
		return f.Lookup(name), bare, given
	}
	for i := 0; i < len(words) && words[i] != "--"; i++ {
		flag, bare, given := option(words[i])
		if bare == "" {
			continue
		}
		if words[i] = "--" + bare; len(bare) == 1 {
			words[i] = "-" + bare
		}
		if flag == nil || given || flag.NoOptDefVal != "" {
			continue
		}
		if i++; i < len(words) {
			if next, _, _ := option(words[i]); next != nil {
				return nil, fmt.Errorf("%s needs a value", dashed(flag.Name))
			}
		}
	}
	return words, nil
}

// Parse reads the words behind a command's name. Options without a value are
// "true" where they were given.
func Parse(options []Option, words []string) (args []string, given map[string]string, err error) {
	f := FlagSet(options)
	words, err = Normal(f, words)
	if err == nil {
		err = Explain(f.Parse(words))
	}
	if err != nil {
		return nil, nil, err
	}
	return f.Args(), Given(f), nil
}

// Counted says how many arguments there were, where they are too few or too many.
func Counted(n int) string {
	if n == 1 {
		return "1 argument was given"
	}
	return fmt.Sprintf("%d arguments were given", n)
}

// Given returns the options that were given to a set, by name.
func Given(f *pflag.FlagSet) map[string]string {
	given := map[string]string{}
	f.Visit(func(flag *pflag.Flag) { given[flag.Name] = flag.Value.String() })
	return given
}

// An UnknownError is an option that a command does not have.
type UnknownError struct{ Option string } // With its dashes.

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no option %.40q", e.Option) }

// Words returns options as words that [Parse] reads the same.
func Words(options []Option, given map[string]string) []string {
	var words []string
	for _, o := range options {
		switch text, ok := given[o.Name]; {
		case ok && o.Value == "":
			words = append(words, "--"+o.Name)
		case ok:
			words = append(words, "--"+o.Name+"="+text)
		}
	}
	return words
}

// Explain says what is wrong with an option in our words; nil and [ErrHelp] stay.
func Explain(err error) error {
	var unknown *pflag.NotExistError
	var lacks *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		return &UnknownError{dashed(unknown.GetSpecifiedName())}
	case errors.As(err, &lacks):
		return fmt.Errorf("%s needs a value", dashed(lacks.GetFlag().Name))
	case errors.As(err, &bad):
		return fmt.Errorf("%s %w", dashed(bad.GetFlag().Name), errors.Unwrap(bad))
	case errors.As(err, &syntax):
		return &UnknownError{syntax.GetSpecifiedFlag()}
	}
	return err
}
