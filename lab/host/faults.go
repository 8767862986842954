package host

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/tools"
)

// Down refuses new connections and cuts those that are open. What runs on the
// host goes on.
func (h *Host) Down() {
	h.mu.Lock()
	if h.listener != nil {
		h.listener.Close()
		h.listener = nil
	}
	h.mu.Unlock()
	h.Cut()
}

// Cut ends all open connections, as a network that breaks.
func (h *Host) Cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.conns {
		conn.Close()
	}
}

// Up listens again, on the same address as before.
func (h *Host) Up() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listener != nil || h.closed {
		return nil
	}
	address := h.address
	if address == "" {
		address = net.JoinHostPort(h.opt.IP, strconv.Itoa(h.opt.Port))
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("host %s: %w", h.opt.Name, err)
	}
	h.listener, h.address = listener, listener.Addr().String()
	h.serving.Add(1)
	go func() {
		defer h.serving.Done()
		h.serve(listener)
	}()
	return nil
}

// Hang makes the SSH server stop answering without closing anything, or go on.
// New connections are accepted and hear nothing.
func (h *Host) Hang(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case on && h.hang == nil && !h.closed:
		h.hang = make(chan struct{})
	case !on && h.hang != nil:
		close(h.hang)
		h.hang = nil
	}
}

// A hangable connection holds its bytes back while the host hangs.
type hangable struct {
	net.Conn
	host *Host
}

func (c *hangable) wait() {
	for {
		c.host.mu.Lock()
		hang := c.host.hang
		c.host.mu.Unlock()
		if hang == nil {
			return
		}
		<-hang
	}
}

func (c *hangable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wait()
	return n, err
}

func (c *hangable) Write(p []byte) (int, error) {
	c.wait()
	return c.Conn.Write(p)
}

// ChangeHostKey gives the host another key, as a new installation does, and
// cuts open connections.
func (h *Host) ChangeHostKey() error {
	key, err := newKey()
	if err != nil {
		return fmt.Errorf("host %s: %w", h.opt.Name, err)
	}
	h.SetHostKey(key)
	return nil
}

// SetHostKey is ChangeHostKey with a key of the caller's, for example a certificate.
func (h *Host) SetHostKey(key ssh.Signer) {
	h.mu.Lock()
	h.key = key
	h.mu.Unlock()
	h.Cut()
}

// AskPassword says whether sudo asks for a password from now on.
func (h *Host) AskPassword(on bool) error {
	path := filepath.Join(h.opt.Root, tools.AskFile)
	if on {
		return os.WriteFile(path, []byte("Defaults authenticate\n"), 0o440)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Sudoers is part of [Machine]; [tools.SudoersFile] says what of it is read.
func (h *Host) Sudoers(text string) error {
	file := filepath.Join(h.opt.Root, tools.SudoersFile)
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o440)
}

// FullDisk makes writing below path fail with "no space left on device", over
// SFTP and in the stand-in tools; programs that are not stand-ins do not
// notice. Without a path the disk has room again.
func (h *Host) FullDisk(paths ...string) error {
	h.mu.Lock()
	h.full = append([]string{}, paths...)
	h.mu.Unlock()
	return os.WriteFile(filepath.Join(h.opt.Root, tools.FullFile), []byte(strings.Join(paths, "\n")), 0o644)
}
