package durable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"aurorabot/runner/bound"
)

// Spare is what stays free on the bot's disk, in bytes, whatever a host sends: the
// journals must have room.
const Spare = 256 << 20

// look is how many bytes are written between two looks at what is free.
const look = 4 << 20

// A Room is a folder of the bot's into which hosts may fill files.
type Room struct {
	Dir  string
	Most int64 // Bytes of all files in Dir together.

	Free func(dir string) (int64, error) // Bytes that are free on its file system. Nil: the kernel is asked.
}

// Writer returns a writer to w, a file in r.Dir. It fails before more is in the folder
// than r.Most, with an error that wraps [bound.ErrTooMuch], before less than [Spare]
// is free, and when ctx ends. That there is no room at all is an error at once.
func (r Room) Writer(ctx context.Context, w io.Writer) (io.Writer, error) {
	have, err := size(r.Dir)
	if err != nil {
		return nil, err
	}
	t := &taking{ctx: ctx, room: r, w: w, left: r.Most - have}
	return t, t.enough()
}

type taking struct {
	ctx  context.Context //nolint:containedctx // A writer has no other way to be told.
	room Room
	w    io.Writer
	left int64
	next int64 // Bytes until the next look.
}

func (t *taking) Write(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, context.Cause(t.ctx)
	}
	if int64(len(p)) > t.left {
		return 0, fmt.Errorf("%w: %s would hold over %d MiB, which is all that one run or cluster may put there", bound.ErrTooMuch, t.room.Dir, t.room.Most>>20)
	}
	if t.next -= int64(len(p)); t.next < 0 {
		if err := t.enough(); err != nil {
			return 0, err
		}
	}
	n, err := t.w.Write(p)
	t.left -= int64(n)
	return n, err
}

func (t *taking) enough() error {
	ask := t.room.Free
	if ask == nil {
		ask = free
	}
	n, err := ask(t.room.Dir)
	if err != nil {
		return fmt.Errorf("how much is free in %s: %w", t.room.Dir, err)
	}
	if t.next = look; n < Spare+look {
		return fmt.Errorf("%d MiB are free in %s, and %d are kept for the journals: make room, or move state_dir to a larger disk", n>>20, t.room.Dir, Spare>>20)
	}
	return nil
}

// size is how many bytes the files of a folder hold.
func size(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				n += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // It went away meanwhile.
		}
		return err
	})
	return n, err
}

func free(dir string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil //nolint:unconvert // Not the same types on every machine.
}
