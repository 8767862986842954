package durable_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
	"aurorabot/runner/durable"
)

// What hosts send fills a folder up to its budget, other files in it counted, and
// the disk up to what the journals need; then the writer says so.
func TestRoomIsBounded(t *testing.T) {
	const piece = 1 << 20
	for name, tt := range map[string]struct {
		most, free, there int64
		written           int64
		says              string
	}{
		"the folder's budget":        {most: 10 * piece, free: 1 << 40, written: 10 * piece, says: "would hold over 10 MiB"},
		"with what is there":         {most: 10 * piece, free: 1 << 40, there: 4 * piece, written: 6 * piece, says: "would hold over 10 MiB"},
		"the disk, while it fills":   {most: 1 << 40, free: durable.Spare + 10*piece, written: 8*piece + piece/32, says: "kept for the journals"},
		"the disk, from the start":   {most: 1 << 40, free: durable.Spare, says: "kept for the journals"},
		"nothing left in the folder": {most: piece, free: 1 << 40, there: piece, says: "would hold over 1 MiB"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "there"), make([]byte, tt.there), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, "file"))
		if err != nil {
			t.Fatal(err)
		}
		room := durable.Room{Dir: dir, Most: tt.most, Free: func(string) (int64, error) {
			info, err := f.Stat()
			return tt.free - info.Size(), err
		}}
		w, err := room.Writer(t.Context(), f)
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{boundtest.Endless("", "x")}, make([]byte, piece/32))
		}
		info, serr := f.Stat()
		if err == nil || serr != nil || !strings.Contains(err.Error(), tt.says) || info.Size() != tt.written {
			t.Errorf("%s: %d bytes were written, want %d: %v", name, info.Size(), tt.written, err)
		}
		if errors.Is(err, bound.ErrTooMuch) != strings.Contains(tt.says, "hold") {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
}

// A copy ends with its context.
func TestRoomEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	w, err := durable.Room{Dir: t.TempDir(), Most: 1 << 20}.Writer(ctx, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	stop(errors.New("aborted"))
	if _, err := w.Write([]byte("x")); err == nil || err.Error() != "aborted" {
		t.Errorf("got %v", err)
	}
}
