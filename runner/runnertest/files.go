package runnertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"syscall"

	"aurorabot/runner"
)

// Put is part of [runner.Host]. The file is there whole or not at all.
func (h *Host) Put(ctx context.Context, f runner.File) error {
	content := f.Content
	if f.Source != nil {
		r, err := f.Source()
		if err != nil {
			return notStarted(fmt.Errorf("put %s on %s: %w", f.Path, h.name, err))
		}
		defer r.Close()
		if content, err = io.ReadAll(r); err != nil {
			return notStarted(fmt.Errorf("put %s on %s: %w", f.Path, h.name, err))
		}
	}
	sum := sha256.Sum256(content)
	have := hex.EncodeToString(sum[:])
	if f.SHA256 != "" && f.SHA256 != have {
		return notStarted(fmt.Errorf("put %s on %s: SHA-256 is %s, want %s", f.Path, h.name, have, f.SHA256))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := errors.Join(ctx.Err(), h.down); err != nil {
		return notStarted(fmt.Errorf("put %s on %s: %w", f.Path, h.name, err))
	}
	f.Content, f.Source, f.SHA256 = bytes.Clone(content), nil, have
	h.files[f.Path] = f
	return nil
}

// Get is part of [runner.Host]. A file that is not there is [fs.ErrNotExist].
func (h *Host) Get(ctx context.Context, path, _ string, w io.Writer) (int64, error) {
	h.mu.Lock()
	err := errors.Join(ctx.Err(), h.down)
	f, ok := h.files[path]
	h.mu.Unlock()
	switch {
	case err != nil:
		return 0, notStarted(fmt.Errorf("get %s on %s: %w", path, h.name, err))
	case !ok:
		return 0, fmt.Errorf("get %s on %s: %w", path, h.name, fs.ErrNotExist)
	}
	n, err := w.Write(f.Content)
	return int64(n), err
}

// WriteFile sets a file behind the bot's back, as root with mode 0644.
func (h *Host) WriteFile(path, content string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files[path] = runner.File{Path: path, Content: []byte(content), Mode: 0o644, User: "root", Group: "root"}
}

// ReadFile returns a file as it is now, and whether it is there.
func (h *Host) ReadFile(path string) (runner.File, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.files[path]
	f.Content = bytes.Clone(f.Content)
	return f, ok
}

// Rename moves a file, for handlers that play mv. It reports whether there was one.
func (h *Host) Rename(from, to string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.files[from]
	if ok {
		delete(h.files, from)
		f.Path = to
		h.files[to] = f
	}
	return ok
}

// Remove removes a file, for handlers that play rm. It reports whether there was one.
func (h *Host) Remove(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.files[path]
	delete(h.files, path)
	return ok
}

// Paths returns the paths of all files, sorted.
func (h *Host) Paths() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.files))
}

// refused is what dialing a closed port gives; errors.Is finds [syscall.ECONNREFUSED].
func refused(address, host string) error {
	return fmt.Errorf("dial %s on %s: %w", address, host,
		&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
}
