package host

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pkg/sftp"
)

// A disk serves the real files over SFTP, and plays a full one where the host
// was told to.
type disk struct{ host *Host }

func (h *Host) disk() sftp.Handlers {
	d := disk{h}
	return sftp.Handlers{FileGet: d, FilePut: d, FileCmd: d, FileList: d}
}

func (d disk) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	// The lab's account may be root, to whom a mode says nothing: 0 is a file of somebody else's.
	if info, err := os.Stat(r.Filepath); err == nil && info.Mode() == 0 {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	if d.host.floods(FloodFiles) {
		return floodFile{}, nil
	}
	return os.Open(r.Filepath)
}

func (d disk) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	flags, asked := os.O_WRONLY, r.Pflags()
	for flag, wanted := range map[int]bool{os.O_CREATE: asked.Creat, os.O_TRUNC: asked.Trunc, os.O_EXCL: asked.Excl} {
		if wanted {
			flags |= flag
		}
	}
	mode := fs.FileMode(0o666) // What sshd's sftp-server takes when the client says none; umask applies.
	if r.AttrFlags().Permissions {
		mode = r.Attributes().FileMode().Perm()
	}
	f, err := os.OpenFile(r.Filepath, flags, mode)
	if err != nil {
		return nil, err
	}
	return &file{f, d.host}, nil
}

type file struct {
	*os.File
	host *Host
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	if f.host.isFull(f.Name()) {
		return 0, &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return f.File.WriteAt(p, at)
}

func (d disk) Filecmd(r *sftp.Request) error {
	switch r.Method {
	case "Setstat":
		flags, attrs := r.AttrFlags(), r.Attributes()
		var errs []error
		if flags.Size {
			errs = append(errs, os.Truncate(r.Filepath, int64(attrs.Size)))
		}
		if flags.Permissions {
			errs = append(errs, os.Chmod(r.Filepath, attrs.FileMode()))
		}
		if flags.UidGid {
			errs = append(errs, os.Chown(r.Filepath, int(attrs.UID), int(attrs.GID)))
		}
		if flags.Acmodtime {
			errs = append(errs, os.Chtimes(r.Filepath, attrs.AccessTime(), attrs.ModTime()))
		}
		return errors.Join(errs...)
	case "Rename":
		// SFTP's own rename does not overwrite.
		if _, err := os.Lstat(r.Target); err == nil {
			return fs.ErrExist
		}
		return os.Rename(r.Filepath, r.Target)
	case "Rmdir":
		return syscall.Rmdir(r.Filepath)
	case "Mkdir":
		return os.Mkdir(r.Filepath, 0o777)
	case "Remove":
		return syscall.Unlink(r.Filepath)
	case "Link":
		return os.Link(r.Filepath, r.Target)
	case "Symlink":
		return os.Symlink(r.Filepath, r.Target)
	}
	return sftp.ErrSSHFxOpUnsupported
}

func (d disk) PosixRename(r *sftp.Request) error { return os.Rename(r.Filepath, r.Target) }

func (d disk) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "List":
		entries, err := os.ReadDir(r.Filepath)
		if err != nil {
			return nil, err
		}
		var all list
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				all = append(all, info)
			}
		}
		return all, nil
	case "Stat":
		info, err := os.Stat(r.Filepath)
		return list{info}, err
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

func (d disk) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	info, err := os.Lstat(r.Filepath)
	return list{info}, err
}

func (d disk) Readlink(path string) (string, error) { return os.Readlink(path) }

func (d disk) RealPath(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.host.opt.Root, path)
	}
	return filepath.Clean(path), nil
}

type list []os.FileInfo

func (l list) ListAt(into []os.FileInfo, from int64) (int, error) {
	if from >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(into, l[from:])
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}

// isFull reports whether path lies where the disk is full.
func (h *Host) isFull(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, below := range h.full {
		if path == below || strings.HasPrefix(path, strings.TrimSuffix(below, "/")+"/") {
			return true
		}
	}
	return false
}
