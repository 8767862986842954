package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// Std is where a command reads and writes.
type Std struct {
	Out, Err        io.Writer
	Width, ErrWidth int // Columns that each has; 0: nothing is folded.
}

// A Question is a command, and where the client puts what belongs into files.
type Question struct {
	Words   []string
	JSON    bool
	Dir     string // Of what `export` gathers. "": nowhere.
	Picture string // The file for a report's chart. "": nowhere.
}

// Ask sends a question over conn and lays the answers out. It returns the exit
// status.
func Ask(conn io.ReadWriter, q Question, std Std) int {
	b, err := json.Marshal(ask{Words: q.Words, JSON: q.JSON})
	if err != nil {
		return fail(std, err)
	}
	if _, err := conn.Write(append(b, '\n')); err != nil {
		return fail(std, err)
	}
	l := begin(std.Err, std.ErrWidth, q.Words)
	defer l.end()
	in := bufio.NewReader(conn)
	streamed := false
	for {
		line, err := in.ReadBytes('\n')
		l.clear()
		if err != nil {
			return fail(std, fmt.Errorf("the bot went away before it answered: %w", err))
		}
		var t told
		if err := json.Unmarshal(line, &t); err != nil {
			return fail(std, fmt.Errorf("answer of the bot: %w", err))
		}
		if t.Event != nil {
			l.event(*t.Event)
		}
		switch {
		case t.Exit != nil:
			l.end()
			return finish(std, q, t, streamed)
		case t.Event != nil && q.JSON:
			streamed = true
			if err := json.NewEncoder(std.Out).Encode(t.Event); err != nil {
				return fail(std, err)
			}
		case t.Event != nil && t.Text != "":
			streamed = true
			fmt.Fprintln(std.Out, view.Fold(t.Text, std.Width))
		}
	}
}

// Alive asks a server for anything at all. That it answers is what counts: who
// asks may be nobody to policy.
func Alive(conn io.ReadWriter) error {
	if _, err := conn.Write([]byte(`{"words":["version"]}` + "\n")); err != nil {
		return fmt.Errorf("ask the bot: %w", err)
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxAsk)).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the bot does not answer: %w", err)
	}
	var t told
	if err := json.Unmarshal(line, &t); err != nil || t.Exit == nil {
		return fmt.Errorf("that is no answer of a bot: %.60q", line)
	}
	return nil
}

// Names asks for names that the server knows already; see [handlers.Service.Names].
func Names(conn io.ReadWriter, kind, cluster string) ([]string, error) {
	if err := json.NewEncoder(conn).Encode(ask{Names: kind, Of: cluster}); err != nil {
		return nil, fmt.Errorf("ask the bot: %w", err)
	}
	var t told
	if err := json.NewDecoder(io.LimitReader(conn, maxAsk)).Decode(&t); err != nil {
		return nil, fmt.Errorf("answer of the bot: %w", err)
	}
	return t.Names, nil
}

// Show lays one answer out, as [Ask] does, and returns the exit status.
func Show(r handlers.Response, asJSON bool, std Std) int {
	data, err := json.Marshal(r.Data)
	if err != nil {
		return fail(std, fmt.Errorf("encode the answer: %w", err))
	}
	return finish(std, Question{JSON: asJSON}, told{Message: &r.Message, Data: data, Exit: &r.Exit}, false)
}

func finish(std Std, q Question, t told, streamed bool) int {
	exit := *t.Exit
	if q.Dir != "" && t.Message != nil && len(t.Message.Files) > 0 {
		files := t.Message.Files
		if err := writeFiles(q.Dir, files); err != nil {
			return fail(std, err)
		}
		fmt.Fprintf(std.Out, "%s: %d files in %s\n", t.Message.Head, len(files), q.Dir)
		return exit
	}
	if q.Picture != "" && t.Message != nil {
		if at := slices.IndexFunc(t.Message.Files, func(f view.File) bool { return f.Data != nil }); at >= 0 {
			if err := os.WriteFile(q.Picture, t.Message.Files[at].Data, 0o644); err != nil { //nolint:gosec // It is made to be shown, by a web server too.
				return fail(std, fmt.Errorf("write the picture: %w", err))
			}
		}
	}
	failed := t.Message != nil && t.Message.Tone == view.Bad && exit != handlers.ExitDone && exit != handlers.ExitFindings && !streamed
	switch {
	case failed:
		fmt.Fprint(std.Err, view.Fold(ErrorText(*t.Message), std.ErrWidth))
	case q.JSON && streamed: // The stream is the document.
	case q.JSON:
		fmt.Fprintln(std.Out, string(t.Data))
	case t.Message != nil:
		fmt.Fprint(std.Out, view.TextWithin(*t.Message, std.Width))
		for _, f := range t.Message.Files {
			fmt.Fprint(std.Out, view.Fold(f.Text, std.Width)) // A picture has none: it goes where --png says.
		}
	}
	return exit
}

func writeFiles(dir string, files []view.File) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("incident pack: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), []byte(f.Text), 0o600); err != nil {
			return fmt.Errorf("incident pack: %w", err)
		}
	}
	return nil
}

func fail(std Std, err error) int {
	fmt.Fprint(std.Err, view.Fold(fmt.Sprintf("aurorabot: %v\n", err), std.ErrWidth))
	return handlers.ExitError
}
