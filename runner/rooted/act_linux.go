package rooted

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Root is the account that this runs as.
func Root() Owner { return Owner{os.Geteuid(), os.Getegid()} }

// Rename renames an entry of a folder that only root can write. What lies at to
// is never overwritten: it is an error.
func Rename(from, to string) error {
	if path.Dir(from) != path.Dir(to) || path.Clean(from) != from || path.Clean(to) != to {
		return fmt.Errorf("rename %s to %s: not within one folder", from, to)
	}
	dir, err := openDir(path.Dir(from))
	if err != nil {
		return err
	}
	defer dir.Close()
	old, name := path.Base(from), path.Base(to)
	err = unix.Renameat2(dir.no(), old, dir.no(), name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) { // An older kernel or file system.
		err = dir.renameByLook(old, name)
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, err)
	}
	return nil
}

// renameByLook looks first. Nobody but root puts anything there in between.
func (d *folder) renameByLook(old, name string) error {
	var st unix.Stat_t
	switch err := unix.Fstatat(d.no(), name, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case err == nil:
		return unix.EEXIST
	case !errors.Is(err, unix.ENOENT):
		return err
	}
	return unix.Renameat(d.no(), old, d.no(), name)
}

// MakeFolder makes the folder p, of an owner and with a mode, in a folder that
// only root can write. One that is there and the owner's already is left as it
// is; another one is taken over by root, or handed over while it is empty and
// root's. Anything else is an error.
func MakeFolder(p string, mode uint32, owner Owner) error {
	if path.Clean(p) != p {
		return fmt.Errorf("make %s: the path is not clean", p)
	}
	dir, err := openDir(path.Dir(p))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.make(path.Base(p), mode, owner); err != nil {
		return fmt.Errorf("make %s: %w", p, err)
	}
	return nil
}

func (d *folder) make(name string, mode uint32, owner Owner) error {
	// Closed to everybody until it has its owner.
	if err := unix.Mkdirat(d.no(), name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	f, err := d.enter(name)
	if err != nil {
		return err
	}
	defer f.Close()
	mine := Root()
	switch {
	case owner.UID != mine.UID && f.UID == owner.UID:
		return nil
	case owner.UID == mine.UID: // Also one that an older version had made the account's.
	case f.UID != mine.UID:
		return fmt.Errorf("it belongs to user %d", f.UID)
	default:
		if names, err := f.Readdirnames(1); len(names) > 0 {
			return fmt.Errorf("it belongs to root and is not empty (%s)", names[0])
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if err := f.Chown(owner.UID, owner.GID); err != nil {
		return err
	}
	return f.Chmod(fs.FileMode(mode))
}

// A folder is an open one.
type folder struct {
	*os.File
	Entry
}

func (d *folder) no() int { return int(d.Fd()) }

// enter opens a folder of d, and no link.
func (d *folder) enter(name string) (*folder, error) {
	fd, err := unix.Openat(d.no(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return nil, fmt.Errorf("%s is a link or no folder (%w): look at what was put there, and move it away", path.Join(d.Name(), name), err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path.Join(d.Name(), name), err)
	}
	return opened(fd, path.Join(d.Name(), name))
}

func opened(fd int, name string) (*folder, error) {
	f := &folder{File: os.NewFile(uintptr(fd), name)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return nil, fmt.Errorf("fstat %s: %w", name, err)
	}
	f.Entry = entryOf(&st)
	return f, nil
}

func entryOf(st *unix.Stat_t) Entry {
	e := Entry{UID: int(st.Uid), GID: int(st.Gid), Mode: fs.FileMode(st.Mode & 0o777)}
	if st.Mode&unix.S_ISVTX != 0 {
		e.Mode |= fs.ModeSticky
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		e.Mode |= fs.ModeSymlink
	}
	return e
}

// openDir opens a folder that only root can write, and to which only root can
// have shown the way: component by component, each below the one that is open.
// That is what openat2(2) has RESOLVE_NO_SYMLINKS for, but it tells nothing of
// the folders on the way, and Linux 3.10 does not have it.
func openDir(p string) (d *folder, err error) {
	if d, err = openTop(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	root := Root()
	for rest, links := parts(p), 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		e, link, err := d.look(name)
		if err != nil {
			return d, err
		}
		if why := writable(d.Name(), d.Entry, root.is(e.UID), root); why != "" {
			return d, fmt.Errorf("root does nothing at %s: %s", p, why)
		}
		next := d
		switch {
		case e.Mode&fs.ModeSymlink == 0:
			next, err = d.enter(name)
		case links == maxLinks || !root.is(e.UID):
			err = fmt.Errorf("root does nothing at %s: %s is a link to %s, and not root's", p, path.Join(d.Name(), name), link)
		default:
			if links++; slices.Contains(parts(link), "..") {
				link = path.Join(d.Name(), link) // What is open was reached by no link: its words are its place.
			}
			if rest = append(parts(link), rest...); path.IsAbs(link) {
				next, err = openTop()
			}
		}
		if err != nil {
			return d, err
		}
		if next != d {
			d.Close()
			d = next
		}
	}
	if why := writable(d.Name(), d.Entry, false, root); why != "" {
		return d, fmt.Errorf("root does nothing at %s: %s", p, why)
	}
	return d, nil
}

func openTop() (*folder, error) {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /: %w", err)
	}
	return opened(fd, "/")
}

// look looks at an entry of d, and reads where a link points by the link itself.
func (d *folder) look(name string) (e Entry, link string, err error) {
	at := path.Join(d.Name(), name)
	fd, err := unix.Openat(d.no(), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return e, "", fmt.Errorf("open %s: %w", at, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return e, "", fmt.Errorf("fstat %s: %w", at, err)
	}
	if e = entryOf(&st); e.Mode&fs.ModeSymlink != 0 {
		b := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, "", b)
		if err != nil {
			return e, "", fmt.Errorf("read the link %s: %w", at, err)
		}
		link = string(b[:n])
	}
	return e, link, nil
}

// openToChange opens a folder: root only one that nobody else can write, and by no link
// of anybody else's; see [openDir].
func openToChange(p string) (*os.Root, error) {
	if os.Geteuid() != 0 {
		return os.OpenRoot(p)
	}
	d, err := openDir(p)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", d.no()))
}

// deviceOf is the file system that a file is on, and the number of its names.
func deviceOf(info fs.FileInfo) (device, links uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return st.Dev, uint64(st.Nlink) //nolint:unconvert // It is 32 bits wide on other machines.
}
