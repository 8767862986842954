package view

import (
	"bytes"
	"encoding/json"

	"aurorabot/runner"
)

// foreign returns events whose texts name nobody: what hosts printed, jobs are
// called and people wrote is told, and whoever it names is not called by it.
// People are in Who.
func foreign(events []runner.Event) []runner.Event {
	out := make([]runner.Event, len(events))
	for i, e := range events {
		e.Why, e.Data = unnamed(e.Why), nobody(e.Data)
		out[i] = e
	}
	return out
}

// nobody is data without identities. An escape may hide one: such data is
// written anew first.
func nobody(data json.RawMessage) json.RawMessage {
	if bytes.Contains(data, []byte(`\u`)) || bytes.Contains(data, []byte(`\/`)) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			if js, err := json.Marshal(v); err == nil {
				data = js
			}
		}
	}
	if !mayName(string(data)) || !person.Match(data) {
		return data
	}
	return person.ReplaceAll(data, []byte("$1 / $2"))
}
