package leveldb

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openDir opens a folder for listing without touching its access time where
// the kernel permits that: to its owner and to root.
func openDir(path string) (*os.File, error) {
	return openat(unix.AT_FDCWD, path, path, unix.O_DIRECTORY)
}

// openFile opens name within dir for reading: no symbolic link is followed, a
// pipe does not block, and the access time stays where that is permitted.
func openFile(dir *os.File, name string) (*os.File, error) {
	return openat(int(dir.Fd()), name, filepath.Join(dir.Name(), name), unix.O_NOFOLLOW|unix.O_NONBLOCK)
}

func openat(dir int, name, path string, flags int) (*os.File, error) {
	flags |= unix.O_RDONLY | unix.O_CLOEXEC
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_NOATIME, 0)
		if errors.Is(err, unix.EPERM) {
			fd, err = unix.Openat(dir, name, flags, 0)
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}
