package mesoslog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/syndtr/goleveldb/leveldb/storage"
)

// folder is a replica's folder as leveldb itself keeps it: CURRENT, LOCK,
// LOG, MANIFEST-NNNNNN, NNNNNN.log and NNNNNN.ldb.
//
// We do not use the library's own file storage: it locks with flock(2), which
// neither the real programs nor /proc/locks' POSIX entries know of, creates
// missing parents, and words its errors differently.
type folder struct {
	path string
	lock *os.File
	log  *os.File

	mu     sync.Mutex
	closed bool
	// fresh hides leftover write-ahead logs until the library has made its
	// new database: it refuses a folder that has files and no CURRENT.
	fresh bool
	// unseekable says that a table's blocks can be read through but not be
	// searched: every look-up of one key fails in it.
	unseekable bool
}

// held are the LOCK files that this process holds, by absolute path. A POSIX
// lock is the process's own: without this set a second open in the same
// process would succeed, and closing it would give up the first one's lock.
var held = struct {
	sync.Mutex
	paths map[string]bool
}{paths: map[string]bool{}}

// ioError words err as leveldb does: "IO error: PATH: Permission denied".
// Errors that carry no path get name.
func ioError(name string, err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		name, err = pe.Path, pe.Err
	case errors.As(err, &le):
		name, err = le.Old, le.Err
	}
	return fmt.Errorf("IO error: %s: %s", name, strerror(err)) // the recorded text
}

// strerror is the C library's text for err.
func strerror(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		s := errno.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return err.Error()
}

// openFolder creates path if it is missing (never its parents), turns LOG
// into LOG.old and takes the lock. The rotation comes first, so that even an
// open that is refused rotates the holder's LOG, as the real one does.
func openFolder(path string) (*folder, error) {
	_ = os.Mkdir(path, 0o755)
	_ = os.Rename(path+"/LOG", path+"/LOG.old")
	logw, _ := os.OpenFile(path+"/LOG", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)

	lock, err := lockFile(path + "/LOCK")
	if err != nil {
		if logw != nil {
			_ = logw.Close()
		}
		return nil, err
	}
	return &folder{path: path, lock: lock, log: logw}, nil
}

func lockFile(name string) (*os.File, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, ioError(name, err)
	}
	held.Lock()
	defer held.Unlock()
	if held.paths[abs] {
		return nil, fmt.Errorf("IO error: lock %s: already held by process", name) // leveldb's text
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, ioError(name, err)
	}
	whole := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &whole); err != nil {
		_ = f.Close()
		return nil, ioError("lock "+name, err)
	}
	held.paths[abs] = true
	return f, nil
}

func (d *folder) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	abs, err := filepath.Abs(d.lock.Name())
	if err != nil {
		return err
	}
	held.Lock()
	defer held.Unlock()
	delete(held.paths, abs)
	if d.log != nil {
		_ = d.log.Close()
	}
	return d.lock.Close()
}

type folderLock struct{}

func (folderLock) Unlock() {}

// Lock implements storage.Storage. The folder is locked from openFolder on.
func (d *folder) Lock() (storage.Locker, error) { return folderLock{}, nil }

func (d *folder) Log(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.log == nil || d.closed {
		return
	}
	_, _ = fmt.Fprintf(d.log, "%s %x %s\n", time.Now().Format("2006/01/02-15:04:05.000000"), os.Getpid(), s)
}

func (d *folder) name(fd storage.FileDesc) string { return d.path + "/" + fd.String() }

func (d *folder) SetMeta(fd storage.FileDesc) error {
	tmp := fmt.Sprintf("%s/%06d.dbtmp", d.path, fd.Num)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(fd.String() + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, d.path+"/CURRENT")
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.fresh = false
	d.mu.Unlock()
	return d.sync()
}

// sync makes the folder's names durable.
func (d *folder) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *folder) GetMeta() (storage.FileDesc, error) {
	b, err := os.ReadFile(d.path + "/CURRENT")
	if err != nil {
		return storage.FileDesc{}, err
	}
	fd, ok := parseName(strings.TrimSuffix(string(b), "\n"))
	if !ok || fd.Type != storage.TypeManifest {
		return storage.FileDesc{}, &storage.ErrCorrupted{Err: errors.New("CURRENT names no manifest")}
	}
	return fd, nil
}

// parseName tells what a file of the folder is. Tables of old releases are
// named .sst.
func parseName(name string) (storage.FileDesc, bool) {
	if rest, ok := strings.CutPrefix(name, "MANIFEST-"); ok {
		n, err := strconv.ParseUint(rest, 10, 62)
		return storage.FileDesc{Type: storage.TypeManifest, Num: int64(n)}, err == nil
	}
	base, ext, ok := strings.Cut(name, ".")
	if !ok {
		return storage.FileDesc{}, false
	}
	types := map[string]storage.FileType{
		"log": storage.TypeJournal, "ldb": storage.TypeTable, "sst": storage.TypeTable,
		"tmp": storage.TypeTemp,
	}
	t, known := types[ext]
	n, err := strconv.ParseUint(base, 10, 62)
	return storage.FileDesc{Type: t, Num: int64(n)}, known && err == nil
}

func (d *folder) List(ft storage.FileType) ([]storage.FileDesc, error) {
	d.mu.Lock()
	fresh := d.fresh
	d.mu.Unlock()
	if fresh {
		return nil, nil
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var fds []storage.FileDesc
	for _, e := range entries {
		if fd, ok := parseName(e.Name()); ok && fd.Type&ft != 0 {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}

// sst is fd's name under the old extension.
func (d *folder) sst(fd storage.FileDesc) string { return fmt.Sprintf("%s/%06d.sst", d.path, fd.Num) }

func (d *folder) Open(fd storage.FileDesc) (storage.Reader, error) {
	f, err := os.Open(d.name(fd))
	if errors.Is(err, fs.ErrNotExist) && fd.Type == storage.TypeTable {
		if old, missing := os.Open(d.sst(fd)); missing == nil {
			f, err = old, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if fd.Type == storage.TypeTable {
		return d.tolerant(f)
	}
	return f, nil
}

func (d *folder) Create(fd storage.FileDesc) (storage.Writer, error) {
	return os.OpenFile(d.name(fd), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
}

func (d *folder) Remove(fd storage.FileDesc) error {
	err := os.Remove(d.name(fd))
	if errors.Is(err, fs.ErrNotExist) && fd.Type == storage.TypeTable {
		return os.Remove(d.sst(fd))
	}
	return err
}

func (d *folder) Rename(from, to storage.FileDesc) error { return os.Rename(d.name(from), d.name(to)) }
