// Package view turns facts into messages: Event, Plan, State and Finding in,
// [Message] out. Every word that people read is here or in handlers; how it is
// laid out is a matter of the surface (bot/blocks, handlers/cli).
//
// It is pure: no clock, no network, no files.
package view

import (
	"fmt"
	"slices"
	"strings"
)

// A Tone is how a message is meant; surfaces show it by colour or symbol, never
// by that alone.
type Tone string

// The tones.
const (
	Plain Tone = "plain"
	Good  Tone = "good"
	Warn  Tone = "warn"
	Bad   Tone = "bad"
	Wait  Tone = "wait" // People are waited for.
)

// A Message is what to say, without markup and without a platform. Parts that
// are empty are left out; they are shown in the order of the fields here.
type Message struct {
	Tone    Tone     `json:"tone"`
	Head    string   `json:"head"`             // One line: the state.
	Lines   []string `json:"lines,omitempty"`  // Paragraphs: evidence, then what to do.
	Fields  []Field  `json:"fields,omitempty"` // Short facts, name and value.
	Links   []Link   `json:"links,omitempty"`  // Where there is more.
	Tasks   []Task   `json:"tasks,omitempty"`  // Progress.
	Charts  []Chart  `json:"charts,omitempty"` // What the tables hold, to be seen at a glance; a surface may leave them out.
	Tables  []Table  `json:"tables,omitempty"`
	Output  []Output `json:"output,omitempty"` // What programs printed; never interpreted.
	Actions []Action `json:"actions,omitempty"`
	Foot    string   `json:"foot,omitempty"`  // Small print.
	Files   []File   `json:"files,omitempty"` // What is too long for a message.
}

// A Field is a short fact.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Link leads to where there is more.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// A Task is one line of progress.
type Task struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	State  string `json:"state"` // "pending", "running", "done", "skipped", "failed", "undone", "waiting"
	Detail string `json:"detail,omitempty"`
}

// A Chart shows numbers by category: every series has one for each.
type Chart struct {
	Title      string   `json:"title"` // With the unit.
	Bars       bool     `json:"bars"`  // Else a line: the categories follow each other in time.
	Categories []string `json:"categories"`
	Series     []Series `json:"series"`
}

// A Series is one row of numbers in a [Chart].
type Series struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// A Table has rows of equal length; the first row is the head.
type Table struct {
	Title string     `json:"title,omitempty"`
	Rows  [][]string `json:"rows"`
	Right []int      `json:"right,omitempty"` // Columns aligned right, from 0.
}

// Output is what programs printed, gathered: hosts with the same text stand together.
type Output struct {
	Title string `json:"title"` // For example "3 of 3 hosts: same".
	Text  string `json:"text"`
}

// An Action is a button. Value comes back with the press; it names the run,
// the gate and the digest, so that a press on an old message is recognised.
type Action struct {
	ID    string `json:"id"`              // "approve", "deny", "abort", "resume", "undo"
	Label string `json:"label"`           // What stands on it.
	Style string `json:"style,omitempty"` // "", "primary", "danger"
	Value string `json:"value"`

	// Type is what must be typed before it counts (the cluster's name);
	// Ask is the question for a text that goes with it ("Why?"). Empty: neither.
	Type string `json:"type,omitempty"`
	Ask  string `json:"ask,omitempty"`
}

// Words are what one types instead of pressing the button: typed and reason are what
// it asks for, "" where it does not.
func (a Action) Words(typed, reason string) []string {
	run, rest, _ := strings.Cut(a.Value, "|")
	gate, digest, _ := strings.Cut(rest, "|")
	words := []string{a.ID}
	if run != "" {
		words = append(words, run)
	}
	for _, o := range []struct{ option, value string }{
		{"--gate", gate}, {"--digest", digest}, {"--typed", typed}, {"--reason", reason},
	} {
		if o.value != "" {
			words = append(words, o.option, o.value)
		}
	}
	return words
}

// Typing is the button's command, for people to type: of the digest so much as tells
// it from others.
func (a Action) Typing() string {
	reason := ""
	if a.Ask != "" {
		reason = "TEXT"
	}
	words := a.Words(a.Type, reason)
	if i := slices.Index(words, "--digest"); i >= 0 {
		words[i+1] = fmt.Sprintf("%.12s", words[i+1])
	}
	return strings.Join(words, " ")
}

// A File goes along with a message when its text is too long for one.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Data []byte `json:"data,omitempty"` // Instead of Text, for what is none: a picture.
}
