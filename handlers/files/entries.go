package files

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"aurorabot/runner/replica"
)

// logEntries lists while it reads, so that a log of any size fits: with --json
// one array, an entry on each line.
func logEntries(ctx context.Context, c *call) (int, error) {
	dir := c.operands[0]
	r, err := replica.Inspect(ctx, dir)
	if err != nil {
		return exitError, fmt.Errorf("read log %s: %w", dir, err)
	}
	if r.Status == "" {
		return exitError, hinted(fmt.Errorf("read log %s: %s: %s", dir, r.State, why(&r)), "`aurorabot log inspect %s` says more", dir)
	}
	l := entryLines
	if c.json {
		l = entryArray
	}
	if err := l(c.out, func(each func(replica.Entry) error) error { return replica.Entries(ctx, dir, each) }); err != nil {
		return exitError, fmt.Errorf("list log %s: %w", dir, err)
	}
	if !r.State.Whole() {
		return exitError, hinted(fmt.Errorf("list log %s: %s, so entries may be missing from the list: %s", dir, r.State, why(&r)), "`aurorabot log inspect %s` lists the damage", dir)
	}
	return exitDone, nil
}

type eachEntry func(func(replica.Entry) error) error

// entryArray closes the array whatever happens: what was read is a document.
func entryArray(out io.Writer, walk eachEntry) error {
	sep := "["
	err := walk(func(e replica.Entry) error {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("position %d: %w", e.Position, err)
		}
		_, err = fmt.Fprintf(out, "%s\n%s", sep, b)
		sep = ","
		return err
	})
	if sep == "[" {
		fmt.Fprint(out, sep)
	} else {
		fmt.Fprintln(out)
	}
	if _, end := fmt.Fprintln(out, "]"); err == nil {
		err = end
	}
	return err
}

// entryLines are columns of fixed width: a table that fits its contents would
// have to be held whole.
func entryLines(out io.Writer, walk eachEntry) error {
	if _, err := fmt.Fprintf(out, "%12s  %-8s  %-9s  %10s  %s\n", "POSITION", "TYPE", "LEARNED", "BYTES", "WHAT"); err != nil {
		return err
	}
	return walk(func(e replica.Entry) error {
		learned, size := "learned", ""
		if !e.Learned {
			learned = "unlearned"
		}
		if e.Bytes > 0 {
			size = fmt.Sprint(e.Bytes)
		}
		line := fmt.Sprintf("%12d  %-8s  %-9s  %10s  %s", e.Position, e.Type, learned, size, clean(entryWords(&e)))
		_, err := io.WriteString(out, strings.TrimRight(line, " ")+"\n")
		return err
	})
}

// entryWords says what an entry holds.
func entryWords(e *replica.Entry) string {
	var words []string
	switch {
	case e.Type == "TRUNCATE":
		words = append(words, fmt.Sprintf("cuts off everything below %d", e.To))
	case e.Tombstone:
		words = append(words, "tombstone: everything up to here is cut off")
	case e.Type == "PROMISE":
		words = append(words, fmt.Sprintf("promised to %d, nothing written", e.Promised))
	case e.Frame != "" && len(e.Aurora) == 0:
		words = append(words, "frame "+e.Frame)
	}
	for i := range e.Aurora {
		words = append(words, contentWords(&e.Aurora[i]))
	}
	return strings.Join(words, "; ")
}

func contentWords(a *replica.EntryContent) string {
	s := string(a.Kind)
	if a.First != a.Last {
		s += fmt.Sprintf(" (%d to %d)", a.First, a.Last)
	}
	if len(a.Ops) > 0 {
		s += ": " + tally(a.Ops)
	}
	if a.Kind == replica.KindSnapshot {
		s += fmt.Sprintf(" taken %s, %s", orNone(a.Timestamp.String()), counted(a.Tasks, "task"))
	}
	if a.Error != "" {
		s += ": " + a.Error
	}
	return s
}
