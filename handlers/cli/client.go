package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// Std is where a command reads and writes.
type Std struct {
	Out, Err io.Writer
}

// Ask sends words over conn and lays the answers out. It returns the exit status.
func Ask(conn io.ReadWriter, words []string, std Std) int {
	asJSON := slices.Contains(words, "--json")
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "--json" })
	b, err := json.Marshal(ask{Words: words, JSON: asJSON})
	if err != nil {
		return fail(std, err)
	}
	if _, err := conn.Write(append(b, '\n')); err != nil {
		return fail(std, err)
	}
	in := bufio.NewReader(conn)
	streamed := false
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return fail(std, fmt.Errorf("the bot went away before it answered: %w", err))
		}
		var t told
		if err := json.Unmarshal(line, &t); err != nil {
			return fail(std, fmt.Errorf("answer of the bot: %w", err))
		}
		switch {
		case t.Exit != nil:
			return finish(std, words, t, asJSON, streamed)
		case t.Event != nil && asJSON:
			streamed = true
			if err := json.NewEncoder(std.Out).Encode(t.Event); err != nil {
				return fail(std, err)
			}
		case t.Event != nil && t.Text != "":
			streamed = true
			fmt.Fprintln(std.Out, t.Text)
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

func finish(std Std, words []string, t told, asJSON, streamed bool) int {
	exit := *t.Exit
	if dir, files, ok := exported(words, t.Message); ok {
		if err := writeFiles(dir, files); err != nil {
			return fail(std, err)
		}
		fmt.Fprintf(std.Out, "%s: %d files in %s\n", t.Message.Head, len(files), dir)
		return exit
	}
	if file, png, ok := pictured(words, t.Message); ok {
		if err := os.WriteFile(file, png, 0o644); err != nil { //nolint:gosec // It is made to be shown, by a web server too.
			return fail(std, fmt.Errorf("write the picture: %w", err))
		}
	}
	failed := t.Message != nil && t.Message.Tone == view.Bad && exit != handlers.ExitDone && exit != handlers.ExitFindings && !streamed
	switch {
	case failed:
		fmt.Fprint(std.Err, ErrorText(*t.Message))
	case asJSON && streamed: // The stream is the document.
	case asJSON:
		fmt.Fprintln(std.Out, string(t.Data))
	case t.Message != nil:
		fmt.Fprint(std.Out, view.Text(*t.Message))
		for _, f := range t.Message.Files {
			fmt.Fprint(std.Out, f.Text) // A picture has none: it goes where --png says.
		}
	}
	return exit
}

// exported says where `export RUN -o DIR` wants its files.
func exported(words []string, m *view.Message) (string, []view.File, bool) {
	if len(words) == 0 || words[0] != "export" || m == nil || len(m.Files) == 0 {
		return "", nil, false
	}
	for i, w := range words {
		if w == "-o" && i+1 < len(words) {
			return words[i+1], m.Files, true
		}
		if dir, ok := strings.CutPrefix(w, "-o="); ok {
			return dir, m.Files, true
		}
	}
	return "", nil, false
}

// pictured is the picture of a report, and where `--png FILE` wants it.
func pictured(words []string, m *view.Message) (file string, png []byte, ok bool) {
	if m == nil {
		return "", nil, false
	}
	for i, w := range words {
		if w == "--png" && i+1 < len(words) {
			file = words[i+1]
		} else if f, is := strings.CutPrefix(w, "--png="); is {
			file = f
		}
	}
	at := slices.IndexFunc(m.Files, func(f view.File) bool { return f.Data != nil })
	if file == "" || at < 0 {
		return "", nil, false
	}
	return file, m.Files[at].Data, true
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
	fmt.Fprintf(std.Err, "aurorabot: %v\n", err)
	return handlers.ExitError
}
