// Package manual writes what comes with the program from its tables of commands:
// completion for bash, zsh and fish, and the manual page. What is not in a table
// is in none of them, and the other way round.
package manual

import (
	"regexp"
	"slices"
	"strings"
)

// A Command is one line of a table, as people type it.
type Command struct {
	Name  string // Its words: "recover", "backup inspect".
	Usage string // What follows: "CLUSTER [--severity info|warning|critical]".
	Help  string
}

// An Option is one that a Usage shows.
type Option struct {
	Name   string   // With its dashes.
	Value  string   // What stands for its value in the usage; "" if it takes none.
	Values []string // What the value may be, where the usage says so.
}

var (
	shown    = regexp.MustCompile(`(--?[a-z][a-z-]*)(?: ([A-Za-z][A-Za-z-]*(?:\|[A-Za-z-]+)*))?`)
	operands = regexp.MustCompile(`\b(FILE|DIR|OLD|NEW)\b`)
)

// Options are those of the usage, and --json, which every command takes.
func (c Command) Options() []Option {
	var list []Option
	for _, m := range shown.FindAllStringSubmatch(c.Usage, -1) {
		o := Option{Name: m[1], Value: m[2]}
		if strings.Contains(o.Value, "|") || o.Value != "" && o.Value == strings.ToLower(o.Value) {
			o.Values = strings.Split(o.Value, "|")
		}
		if !slices.ContainsFunc(list, func(p Option) bool { return p.Name == o.Name }) {
			list = append(list, o)
		}
	}
	if !slices.ContainsFunc(list, func(p Option) bool { return p.Name == "--json" }) {
		list = append(list, Option{Name: "--json"})
	}
	return list
}

// Files reports whether the command is given files or folders.
func (c Command) Files() bool { return operands.MatchString(c.Usage) }

// first are the first words of all commands, in order, without doubles.
func first(commands []Command) []string {
	var list []string
	for _, c := range commands {
		word, _, _ := strings.Cut(c.Name, " ")
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

// second are the second words of commands that begin with word.
func second(commands []Command, word string) []string {
	var list []string
	for _, c := range commands {
		if a, b, two := strings.Cut(c.Name, " "); two && a == word {
			list = append(list, b)
		}
	}
	return list
}

// summary is the first sentence of a help, without its full stop.
func summary(help string) string {
	line, _, _ := strings.Cut(help, "\n")
	if s, _, more := strings.Cut(line, ". "); more {
		line = s
	}
	return strings.TrimSuffix(line, ".")
}
