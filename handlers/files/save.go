package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"aurorabot/runner/backup"
	"aurorabot/runner/durable"
)

// save writes a backup whole or not at all, reads it back, and reports it. It
// never overwrites: a file that is there must hold the same bytes, as one does
// that the same salvage wrote before.
func save(ctx context.Context, target string, s *backup.Snapshot, now time.Time) (backup.Report, error) {
	var none backup.Report
	if st, err := os.Stat(target); err == nil && st.IsDir() {
		return none, hinted(errors.New("it is a directory"), "name a file with -o")
	}
	temp, err := spill(target, s)
	if err != nil {
		return none, bare(err)
	}
	defer os.Remove(temp)
	r, err := inspect(ctx, temp, now)
	if err != nil {
		return none, err
	}
	r.File = target
	if !r.Valid {
		return none, fmt.Errorf("what was written does not decode: %s", r.Error)
	}
	// A link, as a rename would replace a file that came into being meanwhile.
	err = os.Link(temp, target)
	switch {
	case err == nil:
		if err := durable.SyncDir(filepath.Dir(target)); err != nil {
			return none, fmt.Errorf("sync its folder: %w", bare(err))
		}
		return r, nil
	case !errors.Is(err, fs.ErrExist):
		return none, bare(err)
	}
	sum, _, err := durable.Hash(target)
	if err != nil {
		return none, fmt.Errorf("it is there already: %w", bare(err))
	}
	if sum != r.SHA256 {
		return none, hinted(fmt.Errorf("it is there already with another content (SHA-256 %.12s, the salvage has %.12s)", sum, r.SHA256), "name another file with -o; nothing is overwritten")
	}
	return r, nil
}

// spill writes the backup to a new file beside target, and returns its name.
func spill(target string, s *backup.Snapshot) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(target), ".salvage-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if close := f.Close(); err == nil {
			err = close
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := backup.Write(w, s); err != nil {
		return "", err
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	if err := f.Chmod(0o640); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}
