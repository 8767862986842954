package rooted

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Lstat is the look of whoever runs this, for [Follow].
func Lstat(p string) (Entry, error) {
	info, err := os.Lstat(p)
	if err != nil {
		return Entry{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Entry{}, fmt.Errorf("lstat %s: no owner", p)
	}
	e := Entry{UID: int(st.Uid), GID: int(st.Gid), Mode: info.Mode()}
	if e.Mode&fs.ModeSymlink != 0 {
		e.Link, err = os.Readlink(p)
	}
	return e, err
}
