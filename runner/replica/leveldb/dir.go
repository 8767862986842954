package leveldb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Errors of [Open] that a caller branches on.
var (
	ErrMissing    = errors.New("no such folder")
	ErrNotFolder  = errors.New("not a folder")
	ErrNotLevelDB = errors.New("no LevelDB database")
	ErrDenied     = errors.New("permission denied")
)

// kind says what a file of the folder is, by its name.
type kind int

const (
	kindOther kind = iota
	kindTable
	kindLog
	kindManifest
	kindCurrent
	kindLock
	kindInfo // LOG and LOG.old: text for people.
	kindTemp
)

// file is what is read of an open file.
type file interface {
	io.ReaderAt
	io.Closer
}

// entry is one name in the folder.
type entry struct {
	name   string
	kind   kind
	number uint64
	size   int64
	mode   fs.FileMode
	link   string // Target, if it is a symbolic link.
}

func classify(name string) (kind, uint64) {
	switch name {
	case "CURRENT":
		return kindCurrent, 0
	case "LOCK":
		return kindLock, 0
	case "LOG", "LOG.old":
		return kindInfo, 0
	}
	if digits, ok := strings.CutPrefix(name, "MANIFEST-"); ok {
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return kindManifest, n
		}
		return kindOther, 0
	}
	digits, ext, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return kindOther, 0
	}
	switch ext {
	case "ldb", "sst":
		return kindTable, n
	case "log":
		return kindLog, n
	case "dbtmp":
		return kindTemp, n
	}
	return kindOther, 0
}

// folder is an open folder whose files are opened relative to it, so that
// renaming or replacing the path meanwhile changes nothing.
type folder struct {
	path    string
	dir     *os.File
	entries []entry
	numbers map[numbered]int // Indices of entries; nil before the first is asked for.

	ctx  context.Context //nolint:containedctx // Every read of a file asks it: the readers above have no other way.
	read int64           // Bytes of files so far.
}

// opened is a file whose reads end with the folder's context.
type opened struct {
	*os.File
	folder *folder
}

func (o opened) ReadAt(p []byte, at int64) (int, error) {
	if o.folder.ctx.Err() != nil {
		return 0, context.Cause(o.folder.ctx)
	}
	n, err := o.File.ReadAt(p, at)
	o.folder.read += int64(n)
	return n, err
}

// openFolder lists path. It follows a symbolic link given as path itself (and
// names its target in link), but none inside.
func openFolder(ctx context.Context, path string) (f *folder, link string, err error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("%s: %w", path, ErrMissing)
	case errors.Is(err, fs.ErrPermission):
		return nil, "", fmt.Errorf("%s: %w", path, ErrDenied)
	case err != nil:
		return nil, "", err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return nil, "", err
		}
		if info, err = os.Stat(path); err != nil {
			return nil, link, fmt.Errorf("%s: symbolic link to %s: %w", path, link, ErrMissing)
		}
	}
	if !info.IsDir() {
		return nil, link, fmt.Errorf("%s: %w", path, ErrNotFolder)
	}
	dir, err := openDir(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, link, fmt.Errorf("%s: %w", path, ErrDenied)
	} else if err != nil {
		return nil, link, err
	}
	f = &folder{path: path, dir: dir, ctx: ctx}
	if f.entries, err = f.list(); err != nil {
		_ = dir.Close()
		return nil, link, err
	}
	return f, link, nil
}

func (f *folder) list() ([]entry, error) {
	names, err := f.dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", f.path, err)
	}
	slices.Sort(names)
	out := make([]entry, 0, len(names))
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(f.path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // A live database deletes files at any time; the lock check says so.
		} else if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%s: its files cannot be looked at: %w", f.path, ErrDenied)
		} else if err != nil {
			return nil, err
		}
		e := entry{name: name, size: info.Size(), mode: info.Mode()}
		e.kind, e.number = classify(name)
		if e.mode&fs.ModeSymlink != 0 {
			e.link, _ = os.Readlink(filepath.Join(f.path, name))
		}
		out = append(out, e)
	}
	return out, nil
}

// find returns the file of a kind and number, the first by name if there are several.
func (f *folder) find(k kind, number uint64) (entry, bool) {
	if f.numbers == nil {
		f.numbers = make(map[numbered]int, len(f.entries))
		for i, e := range f.entries {
			if _, ok := f.numbers[numbered{e.kind, e.number}]; !ok {
				f.numbers[numbered{e.kind, e.number}] = i
			}
		}
	}
	i, ok := f.numbers[numbered{k, number}]
	if !ok {
		return entry{}, false
	}
	return f.entries[i], true
}

// numbered is what files are looked up by.
type numbered struct {
	kind   kind
	number uint64
}

func (f *folder) of(k kind) []entry {
	var out []entry
	for _, e := range f.entries {
		if e.kind == k {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entry) int {
		switch {
		case a.number < b.number:
			return -1
		case a.number > b.number:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return out
}

// open opens a regular file of the folder for reading, until the folder's context ends.
func (f *folder) open(e entry) (file, error) {
	file, err := f.regular(e)
	if err != nil {
		return nil, err
	}
	return opened{file, f}, nil
}

// regular opens a regular file of the folder.
func (f *folder) regular(e entry) (*os.File, error) {
	switch {
	case e.mode&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("symbolic link to %s: not followed", e.link)
	case !e.mode.IsRegular():
		return nil, fmt.Errorf("not a regular file (%s)", e.mode.Type())
	}
	file, err := openFile(f.dir, e.name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, fmt.Errorf("not a regular file any more")
	}
	return file, nil
}

// small reads a whole file of at most limit bytes.
func (f *folder) small(e entry, limit int64) ([]byte, error) {
	file, err := f.open(e)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := io.ReadAll(io.NewSectionReader(file, 0, limit+1))
	if err == nil && int64(len(p)) > limit {
		err = fmt.Errorf("longer than %d bytes", limit)
	}
	return p, err
}
