package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"aurorabot/runner/backup"
)

// A FolderAsk asks about a folder of backups: every file of it, those named
// like backups decoded to their end where they lie.
type FolderAsk struct {
	Dir   string   `json:"dir"`
	Known []FileID `json:"known,omitempty"` // Files that need no decoding.

	// Within is how long decoding may be begun, in nanoseconds; the newest
	// files come first. Zero: as long as it takes.
	Within time.Duration `json:"within_ns,omitempty"`
}

// A FileID tells a file with its content from every other on one host.
type FileID struct {
	Device uint64 `json:"dev"`
	Inode  uint64 `json:"ino"`
	MTime  int64  `json:"mtime_ns"` // Since 1970.
	Size   int64  `json:"size"`
}

// A Folder is the answer.
type Folder struct {
	Dir    string       `json:"dir"`
	Link   string       `json:"link,omitempty"`  // Where Dir points, if it is a symbolic link.
	Error  string       `json:"error,omitempty"` // Why it can't be listed.
	Absent bool         `json:"absent,omitempty"`
	Free   int64        `json:"free"`           // Bytes free for an ordinary user.
	Room   int64        `json:"room"`           // Size of its file system in bytes.
	Inodes int64        `json:"free_inodes"`    // Files that can still be made. -1: this file system does not say.
	Bytes  int64        `json:"bytes"`          // Of all files in it.
	Files  []FolderFile `json:"files"`          // Those named like backups or begun ones, by name.
	Others int          `json:"others"`         // Entries of other names.
	Like   []string     `json:"like,omitempty"` // Those of them that begin like a backup: retention counts them, too.
}

// A FolderFile is one entry of a [Folder].
type FolderFile struct {
	Name  string `json:"name"`
	ID    FileID `json:"id"`
	Odd   string `json:"odd,omitempty"`    // What it is, if no regular file.
	Error string `json:"error,omitempty"`  // Why it could not be read.
	Known bool   `json:"known,omitempty"`  // It was asked not to be decoded.
	Later bool   `json:"later,omitempty"`  // Its turn did not come within the time.
	Gone  bool   `json:"gone,omitempty"`   // It went away while the folder was looked at.
	Moves bool   `json:"moves,omitempty"`  // It was written to while it was read, twice.
	Read  *Brief `json:"report,omitempty"` // Nil: not decoded now.
}

// A Brief is what a check needs of a decoded backup.
type Brief struct {
	Valid       bool     `json:"valid"`
	Error       string   `json:"error,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
	TimestampMs int64    `json:"timestamp_ms"`
	FrameworkID string   `json:"framework_id"`
	Version     string   `json:"version,omitempty"`
	Tasks       int      `json:"tasks"`
	Active      int      `json:"active"`
	Bytes       int64    `json:"bytes"`
	SHA256      string   `json:"sha256"`
}

// Time is when the leader took the snapshot.
func (b *Brief) Time() time.Time { return time.UnixMilli(b.TimestampMs).UTC() }

// prefix is what the scheduler's retention goes by.
const prefix = "scheduler-backup-"

// named is how the scheduler names its backups.
var named = regexp.MustCompile(`^scheduler-backup-\d{4}(-\d\d){4}$`)

// lookIn answers a [FolderAsk].
func lookIn(ctx context.Context, ask FolderAsk) *Folder {
	f := &Folder{Dir: ask.Dir, Free: free(ask.Dir), Inodes: -1}
	if link, err := os.Readlink(ask.Dir); err == nil {
		f.Link = link
	}
	var disk syscall.Statfs_t
	if syscall.Statfs(ask.Dir, &disk) == nil {
		f.Room = int64(disk.Blocks) * int64(disk.Bsize) // Not an int64 on every system.
		if disk.Files > 0 {
			f.Inodes = int64(disk.Ffree)
		}
	}
	entries, err := os.ReadDir(ask.Dir)
	if err != nil {
		f.Error, f.Absent = shortly(err), errors.Is(err, fs.ErrNotExist)
		if f.Absent && f.Link != "" {
			f.Error = "a link to " + f.Link + ", where nothing is"
		}
		return f
	}
	for _, e := range entries {
		x := stat(ask.Dir, e.Name())
		f.Bytes += x.ID.Size
		if !named.MatchString(x.Name) && !strings.HasPrefix(x.Name, "temp_") {
			f.Others++
			if strings.HasPrefix(x.Name, prefix) {
				f.Like = append(f.Like, x.Name)
			}
			continue
		}
		f.Files = append(f.Files, x)
	}
	f.decode(ctx, ask)
	f.Files = slices.DeleteFunc(f.Files, func(x FolderFile) bool { return x.Gone })
	return f
}

// stat looks at one entry; a link is followed, as the scheduler does.
func stat(dir, name string) FolderFile {
	x := FolderFile{Name: name}
	info, err := os.Stat(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if link, lerr := os.Readlink(filepath.Join(dir, name)); lerr == nil {
			x.Odd = "a link to " + link + ", where nothing is"
			return x
		}
		x.Gone = true
	case err != nil:
		x.Error = shortly(err)
	case info.IsDir():
		x.Odd = "a folder"
	case !info.Mode().IsRegular():
		x.Odd = "no regular file (" + info.Mode().Type().String() + ")"
	default:
		x.ID = idOf(info)
	}
	return x
}

func idOf(info fs.FileInfo) FileID {
	id := FileID{MTime: info.ModTime().UnixNano(), Size: info.Size()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode = uint64(st.Dev), st.Ino //nolint:unconvert // not the same type on every machine
	}
	return id
}

// decode reads the backups of a folder, the newest first: when the time is
// over, the old ones are left out.
func (f *Folder) decode(ctx context.Context, ask FolderAsk) {
	known := map[FileID]bool{}
	for _, id := range ask.Known {
		known[id] = true
	}
	order := make([]*FolderFile, 0, len(f.Files))
	for i := range f.Files {
		x := &f.Files[i]
		if x.Odd == "" && x.Error == "" && !x.Gone && named.MatchString(x.Name) {
			order = append(order, x)
		}
	}
	slices.SortStableFunc(order, func(a, b *FolderFile) int { return cmp.Compare(b.ID.MTime, a.ID.MTime) })
	turn := ctx
	if ask.Within > 0 {
		var cancel context.CancelFunc
		turn, cancel = context.WithTimeout(ctx, ask.Within)
		defer cancel()
	}
	for _, x := range order {
		switch {
		case known[x.ID]:
			// Whoever may read it can have changed since, and its time has not.
			if err := readable(filepath.Join(f.Dir, x.Name)); err != nil {
				x.Error = shortly(err)
				continue
			}
			x.Known = true
		case turn.Err() != nil:
			x.Later = true
		default:
			x.inspect(ctx, f.Dir)
		}
	}
}

func readable(path string) error {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// inspect decodes a backup. One that is written to meanwhile is read once more.
func (x *FolderFile) inspect(ctx context.Context, dir string) {
	for range 2 {
		before, after, brief, err := readBackup(ctx, filepath.Join(dir, x.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			x.Gone = true
			return
		case err != nil:
			x.Error = shortly(err)
			return
		case before == after:
			x.ID, x.Read, x.Moves = before, brief, false
			return
		}
		x.ID, x.Moves = after, true
	}
	x.Error = "it was written to while it was read"
}

// readBackup decodes a regular file, and says which it was before and after. It
// does not wait for the writer of what became a pipe.
func readBackup(ctx context.Context, path string) (before, after FileID, b *Brief, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return before, after, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return before, after, nil, err
	}
	if !info.Mode().IsRegular() {
		return before, after, nil, errors.New("it is no regular file")
	}
	before = idOf(info)
	// Without a clock: whether a time lies in the future is judged by the bot's.
	r, err := backup.Inspect(io.Reader(ended{ctx, file}), backup.Options{Name: path, Size: info.Size()})
	if err != nil {
		return before, after, nil, err
	}
	if info, err = file.Stat(); err != nil {
		return before, after, nil, err
	}
	return before, idOf(info), &Brief{
		Valid: r.Valid, Error: r.Error, Warnings: few(r.Warnings), TimestampMs: r.TimestampMs, FrameworkID: r.FrameworkID, Version: r.Metadata["version"],
		Tasks: r.Tasks.Total, Active: r.Tasks.Active, Bytes: r.Bytes, SHA256: r.SHA256,
	}, nil
}

// ended is a reader that stops when its context does.
type ended struct {
	ctx context.Context
	r   io.Reader
}

func (e ended) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
}

// few keeps the first warnings: one is enough not to trust a file.
func few(warnings []string) []string {
	if len(warnings) > 5 {
		return append(warnings[:5:5], fmt.Sprintf("%d more", len(warnings)-5))
	}
	return warnings
}

// shortly is an error without the path, which the reader knows.
func shortly(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return strings.TrimSpace(err.Error())
}
