// Package cli is the command line's surface. While `serve` runs, a command goes
// to it over a Unix socket; else the same conversation takes place within the
// process. Either way the service answers, and this package lays it out.
package cli

import (
	"encoding/json"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// ask is what a command says first: one JSON line.
type ask struct {
	Words []string `json:"words"`
	JSON  bool     `json:"json"`

	// Names asks for names of that kind instead, of the cluster Of.
	Names string `json:"names,omitempty"`
	Of    string `json:"of,omitempty"`
}

// told is what the service says back: JSON lines, the last one with Exit.
type told struct {
	Event   *runner.Event   `json:"event,omitempty"` // What happens to the run.
	Text    string          `json:"text,omitempty"`  // The event in words.
	Message *view.Message   `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Names   []string        `json:"names,omitempty"`
	Exit    *int            `json:"exit,omitempty"`
}

// maxAsk bounds what a command may say, in bytes.
const maxAsk = 1 << 20
