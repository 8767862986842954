package cli

import (
	"bytes"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"aurorabot/handlers/view"
)

// Width is how many columns a writer has: those of COLUMNS, else those of the
// terminal that it is; 0 where it is none. What goes into a pipe or a file is
// folded for nobody who did not ask for it: a row stays a line there.
func Width(w io.Writer, env func(string) string) int {
	if n, err := strconv.Atoi(env("COLUMNS")); err == nil && n > 0 {
		return max(n, narrowest)
	}
	if f, ok := w.(*os.File); ok {
		if n := columns(f); n > 0 {
			return max(n, narrowest)
		}
	}
	return 0
}

// columns are those of a terminal; 0 if it is none, or does not know.
func columns(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// narrowest is how many columns there are at least: less is no terminal that
// anybody reads at.
const narrowest = 40

// Folded is a writer that folds lines that are too wide; see [view.Fold].
type Folded struct {
	W     io.Writer
	Width int // 0: it folds nothing.

	rest []byte // The beginning of a line whose end was not written yet.
}

// Write writes the lines of p, but for the one that does not end in it: the next
// Write or Close has that.
func (f *Folded) Write(p []byte) (int, error) {
	if f.Width <= 0 {
		return f.W.Write(p)
	}
	f.rest = append(f.rest, p...)
	end := bytes.LastIndexByte(f.rest, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	if _, err := io.WriteString(f.W, view.Fold(string(f.rest[:end]), f.Width)); err != nil {
		return 0, err
	}
	f.rest = append(f.rest[:0], f.rest[end:]...)
	return len(p), nil
}

// Close writes what is left of a line that never ended. It closes nothing.
func (f *Folded) Close() error {
	if len(f.rest) == 0 {
		return nil
	}
	_, err := io.WriteString(f.W, view.Fold(string(f.rest), f.Width))
	f.rest = nil
	return err
}
