package script

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// An Event is one line of the bot's journal, as far as the lab reads it.
type Event struct {
	Seq    int             `json:"seq"`
	At     time.Time       `json:"at"`
	Run    string          `json:"run"`
	Kind   string          `json:"kind"`
	Phase  string          `json:"phase"`
	Step   string          `json:"step"`
	Host   string          `json:"host"`
	Who    string          `json:"who"`
	Gate   string          `json:"gate"`
	Digest string          `json:"digest"`
	Why    string          `json:"why"`
	Data   json.RawMessage `json:"data"`

	raw json.RawMessage // All of it.
}

// Line is the event as one line of JSON: what the journal holds, with the
// fields that scripts rely on also where they are empty.
func (e *Event) Line() ([]byte, error) {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(e.raw, &all); err != nil {
		return nil, err
	}
	for _, field := range []string{"phase", "step", "host", "who"} {
		if all[field] == nil {
			all[field] = json.RawMessage(`""`)
		}
	}
	return json.Marshal(all)
}

// A tail follows the journals in a folder, as other programs may: it only reads.
type tail struct {
	dir string
	at  map[string]int64 // By file: where the next line begins.

	files []string
	calls int
}

// listEvery is at how many calls the folder is listed: a look at files that are
// known costs a tenth of that.
const listEvery = 10

// next returns the lines that came since the last call, file by file.
func (t *tail) next() ([]Event, error) {
	if t.calls++; len(t.files) == 0 || t.calls%listEvery == 0 {
		files, err := filepath.Glob(filepath.Join(t.dir, "*.jsonl"))
		if err != nil {
			return nil, err
		}
		t.files = files
	}
	var events []Event
	for _, file := range t.files {
		more, err := t.read(file)
		if err != nil {
			return events, err
		}
		events = append(events, more...)
	}
	return events, nil
}

func (t *tail) read(file string) ([]Event, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == t.at[file] {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(t.at[file], io.SeekStart); err != nil {
		return nil, err
	}
	var events []Event
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, nil // A torn line is read when it is whole.
		}
		if err != nil {
			return events, err
		}
		t.at[file] += int64(len(line))
		var outer struct {
			Event json.RawMessage `json:"event"`
		}
		var e Event
		if err := json.Unmarshal(bytes.TrimSpace(line), &outer); err != nil {
			return events, fmt.Errorf("journal %s: %w", file, err)
		}
		if err := json.Unmarshal(outer.Event, &e); err != nil {
			return events, fmt.Errorf("journal %s: %w", file, err)
		}
		e.raw = outer.Event
		events = append(events, e)
	}
}

// poll is how often the journal is looked at: the lab acts on an event before
// the bot has got far beyond it.
const poll = 10 * time.Millisecond

// follow calls each with every event, in order, until it says stop, ctx ends or
// the journal cannot be read.
func (t *tail) follow(ctx context.Context, each func(Event) (stop bool, err error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		events, err := t.next()
		if err != nil {
			return err
		}
		for _, e := range events {
			if stop, err := each(e); stop || err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
