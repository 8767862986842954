package view

import (
	"regexp"
	"slices"
	"strings"
)

// Commands are the words by which messages name commands: `abort RUN`.
var Commands = []string{
	"abort", "acknowledge", "approve", "assess", "audit", "backups", "clean", "deny", "doctor", "drill", "drop", "export", "help", "history",
	"plan", "policy", "recover", "report", "resume", "salvage", "settle", "slack", "status", "sudoers", "tasks", "undo", "version",
}

var command = regexp.MustCompile("`((?:" + strings.Join(Commands, "|") + ")(?: [^`\n]*)?)`")

// Typed returns m with each command in our own words as it is typed where
// prefix begins it: of "/aurora", `abort RUN` becomes `/aurora abort RUN`. Text
// of others has no such marks: see quote.
func Typed(m Message, prefix string) Message {
	with := "`" + strings.ReplaceAll(prefix, "$", "$$") + " ${1}`"
	in := func(s string) string { return command.ReplaceAllString(s, with) }
	m.Head, m.Foot = in(m.Head), in(m.Foot)
	m.Lines = slices.Clone(m.Lines)
	for i := range m.Lines {
		m.Lines[i] = in(m.Lines[i])
	}
	m.Fields = slices.Clone(m.Fields)
	for i := range m.Fields {
		m.Fields[i].Value = in(m.Fields[i].Value)
	}
	return m
}
