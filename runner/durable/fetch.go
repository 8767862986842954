package durable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"aurorabot/runner/bound"
)

// A Content is what a file that is fetched must be.
type Content struct {
	SHA256 string // In hex. Empty: nobody said before.
	Bytes  int64  // More is not taken. Zero: as much as there is room for.
}

// Fetch writes a file that get sends, whole or not at all, and takes no more room
// than r has. proved, if it is not nil, reads what lies on the disk then, before the
// file has its name: what came is not yet what is there.
func (r Room) Fetch(ctx context.Context, file string, want Content, get func(io.Writer) error, proved func(*os.File) error) error {
	if err := r.fetch(ctx, file, want, get, proved); err != nil {
		return fmt.Errorf("copy to %s: %w", file, err)
	}
	return nil
}

func (r Room) fetch(ctx context.Context, file string, want Content, get func(io.Writer) error, proved func(*os.File) error) error {
	part := file + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(part) // It is not there when all went well.
	defer f.Close()
	sum := sha256.New()
	to := io.MultiWriter(f, sum)
	if want.Bytes > 0 {
		to = bound.NewWriter(to, want.Bytes)
	}
	w, err := r.Writer(ctx, to)
	if err != nil {
		return err
	}
	if err := get(w); err != nil {
		return err
	}
	if have := hex.EncodeToString(sum.Sum(nil)); want.SHA256 != "" && have != want.SHA256 {
		return fmt.Errorf("its SHA-256 is %.12s, at the source it was %.12s", have, want.SHA256)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if proved != nil {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := proved(f); err != nil {
			return err
		}
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(file))
}
