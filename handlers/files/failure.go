package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// A hint is an error with what to type about it.
type hint struct {
	error
	hint string
}

func (h *hint) Unwrap() error { return h.error }

func hinted(err error, format string, args ...any) error {
	return &hint{err, fmt.Sprintf(format, args...)}
}

// report writes an error as every command does.
func report(w io.Writer, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(w, "aurorabot: %s\n", clean(err.Error()))
	var h *hint
	if errors.As(err, &h) {
		fmt.Fprintf(w, "hint: %s\n", clean(h.hint))
	}
}

// open opens a regular file, or a pipe, to read. what says what the file is to
// be. It does not wait for the writer of a named pipe: one that nobody writes to is empty.
func open(what, path string) (*os.File, int64, error) { return openWith(what, path, 0) }

// openWith is open with flags more of open(2).
func openWith(what, path string, flags int) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s %s: %w", what, path, bare(err))
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		f.Close()
		err := fmt.Errorf("read %s %s: it is a directory, not a file", what, path)
		if what == "backup" {
			return nil, 0, hinted(err, "name one file in it; a replica's directory is read by `aurorabot log inspect %s`", path)
		}
		return nil, 0, hinted(err, "name the files in it")
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("read %s %s: %w", what, path, bare(err))
	}
	if st.Mode()&fs.ModeDevice != 0 {
		f.Close()
		return nil, 0, fmt.Errorf("read %s %s: it is a device, not a file", what, path) // Some never end.
	}
	if !st.Mode().IsRegular() {
		return f, 0, nil
	}
	return f, st.Size(), nil
}

// bare is an error of the file system without the operation and the path, which
// the caller says.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// writeJSON prints the one document of a command.
func (c *call) writeJSON(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// A reader that ends with its context, so that Ctrl-C ends the walk over a big file.
type reader struct {
	ctx context.Context
	in  io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.in.Read(p)
}
