package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"aurorabot/runner/durable"
)

// A Tree is a folder, file by file, and one hash over names, sizes and contents.
type Tree struct {
	Exists bool   `json:"exists"`
	Error  string `json:"error,omitempty"` // Why it can't be told.
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"` // Over "name\0size\0sha256\n" in order of the names.
}

// hashTree hashes the regular files of a folder. Links and devices are named,
// not followed.
func hashTree(ctx context.Context, root string) Tree {
	t := Tree{}
	sum := sha256.New()
	if info, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return t
	} else if err != nil || !info.IsDir() {
		t.Error = fmt.Sprintf("no folder: %v", err)
		return t
	}
	t.Exists = true
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			fmt.Fprintf(sum, "%s\x00%s\n", name, d.Type())
			return nil
		}
		hash, n, err := durable.HashWithin(ctx, path)
		if err != nil {
			return err
		}
		t.Files++
		t.Bytes += n
		fmt.Fprintf(sum, "%s\x00%d\x00%s\n", name, n, hash)
		return nil
	})
	if err != nil {
		t.Error = err.Error()
		return t
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return t
}

// maxHashed bounds the files that look hashes by themselves, in bytes: for
// configuration and programs, not for logs.
const maxHashed = 512 << 20

// look stats a path and what is around it.
func look(ctx context.Context, path string) Path {
	info, err := os.Lstat(path)
	p := Path{UID: -1, GID: -1}
	p.Free = free(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return p
	}
	if err != nil {
		p.Error = err.Error()
		return p
	}
	p.Exists, p.Dir, p.Mode, p.Size, p.MTime = true, info.IsDir(), uint32(info.Mode().Perm()), info.Size(), info.ModTime().UTC()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		p.UID, p.GID, p.Inode, p.Device = int(st.Uid), int(st.Gid), st.Ino, uint64(st.Dev) // Not a uint64 on every system.
		var parent syscall.Stat_t
		if syscall.Stat(filepath.Dir(path), &parent) == nil {
			p.Mount = info.IsDir() && parent.Dev != st.Dev
		}
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		p.Link, _ = os.Readlink(path) // Without it the link still shows by Exists and not Dir.
	case info.IsDir():
		p.Size = 0
		p.Writes = syscall.Access(path, 0x2|0x1) == nil // W_OK, X_OK.
		err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if i, err := d.Info(); err == nil && i.Mode().IsRegular() {
				p.Size += i.Size()
			}
			return nil
		})
		if err != nil {
			p.Error = err.Error()
		}
	case info.Mode().IsRegular() && info.Size() <= maxHashed:
		if p.SHA256, _, err = durable.HashWithin(ctx, path); err != nil {
			p.Error = err.Error()
		}
	}
	return p
}

// free returns the bytes free on the file system of path, or of the nearest
// folder above it that exists. Zero if it can't be told.
func free(path string) int64 {
	for dir := path; ; dir = filepath.Dir(dir) {
		var fs syscall.Statfs_t
		if syscall.Statfs(dir, &fs) == nil {
			return int64(fs.Bavail) * int64(fs.Bsize) // Not an int64 on every system.
		}
		if dir == filepath.Dir(dir) {
			return 0
		}
	}
}
