package ssh

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"aurorabot/runner"
	"aurorabot/runner/bound"
)

// fileLimit is the longest time for one of the small commands of Put.
const fileLimit = 2 * time.Minute

// contentLimit is the longest time for the content of one file.
const contentLimit = 15 * time.Minute

// Put is part of [runner.Host].
//
// The file is written in a folder of its own beside the target that only the
// writer may enter (0700), so nobody reads it before it has its owner and mode.
// Another account writes it itself, through sudo, beside the target.
func (h *Host) Put(ctx context.Context, f runner.File) error {
	err := h.put(ctx, f)
	if err != nil {
		return fmt.Errorf("put %s on %s: %w", f.Path, h.cfg.Name, err)
	}
	return nil
}

func (h *Host) put(ctx context.Context, f runner.File) error {
	switch {
	case !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" || strings.ContainsRune(f.Path, 0):
		return notStarted(errors.New("the path is not absolute and clean"))
	case f.Mode&^0o7777 != 0:
		return notStarted(fmt.Errorf("mode %#o is more than permission bits", f.Mode))
	case strings.HasPrefix(f.Group, "-") || strings.HasPrefix(f.User, "-"):
		return notStarted(errors.New("owner or group begins with '-'"))
	}
	if f.User == "" || f.User == h.cfg.User {
		return h.putAsLogin(ctx, f)
	}
	return h.putAs(ctx, f)
}

// putAsLogin writes as the login account.
func (h *Host) putAsLogin(ctx context.Context, f runner.File) error {
	if h.noSFTP.Load() {
		return h.putAs(ctx, f)
	}
	room := path.Join(path.Dir(f.Path), ".aurorabot-"+strings.ToLower(rand.Text()[:10]))
	temp := path.Join(room, path.Base(f.Path))
	if _, err := h.upload(ctx, f, room, temp); errors.Is(err, errNoSFTP) {
		return h.putAs(ctx, f)
	} else if err != nil {
		return err
	}
	if f.Group != "" {
		if err := h.must(ctx, "", "chgrp", "--", f.Group, temp); err != nil {
			h.clear(ctx, "", room, temp)
			return notStarted(unmark(err))
		}
	}
	err := h.sftp(ctx, func(c *sftp.Client) error {
		if err := c.Chmod(temp, os.FileMode(f.Mode&0o777)|special(f.Mode)); err != nil {
			return notStarted(fmt.Errorf("chmod %s: %w", temp, err))
		}
		if err := c.PosixRename(temp, f.Path); err != nil {
			return fmt.Errorf("rename to the target: %w", err)
		}
		return c.RemoveDirectory(room)
	})
	if err != nil {
		h.clear(ctx, "", room, temp)
	}
	return err
}

// special turns the setuid, setgid and sticky bits of a mode into Go's.
func special(mode uint32) os.FileMode {
	var m os.FileMode
	for bit, as := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if mode&bit != 0 {
			m |= as
		}
	}
	return m
}

// putAs writes as another account. The content goes over the standard input of
// a command of that account, and not through a file of the login account: who
// has the login could put a link to any file of the host in its place.
func (h *Host) putAs(ctx context.Context, f runner.File) error {
	temp := path.Join(path.Dir(f.Path), "."+path.Base(f.Path)+".aurorabot-"+strings.ToLower(rand.Text()[:10]))
	if f.Program {
		return putProgram(ctx, h, f, temp)
	}
	install := []string{"install", "-m", fmt.Sprintf("%04o", f.Mode)}
	if f.Group != "" {
		install = append(install, "-g", f.Group)
	}
	if err := h.must(ctx, f.User, append(install, "-T", "--", "/dev/null", temp)...); err != nil {
		return err
	}
	sum, err := h.stream(ctx, f, temp)
	if err == nil {
		err = h.hash(ctx, f.User, temp, sum)
	}
	if err == nil {
		err = h.must(ctx, f.User, "mv", "-T", "--", temp, f.Path)
	} else {
		err = notStarted(err) // What was written never had the target's name.
	}
	if err != nil {
		h.clear(ctx, f.User, "", temp)
	}
	return err
}

// putProgram is putAs for a program. Whoever has the login may write temp, too,
// and keep it open, so it does not become the program: install makes a new file of
// what it holds, which nobody else has ever had open for writing. What that holds
// is compared afterwards.
func putProgram(ctx context.Context, h *Host, f runner.File, temp string) error {
	if err := h.must(ctx, f.User, "install", "-m", "0600", "-T", "--", "/dev/null", temp); err != nil {
		return err
	}
	defer h.clear(ctx, f.User, "", temp)
	sum, err := h.stream(ctx, f, temp)
	if err != nil {
		return err
	}
	if err := h.must(ctx, f.User, "install", "-m", fmt.Sprintf("%04o", f.Mode), "-T", "--", temp, f.Path); err != nil {
		return err
	}
	return h.hash(ctx, "", f.Path, sum)
}

// stream writes the content into the file temp, which is there and empty, and
// has it on the disk when it returns. It returns the SHA-256 of what was sent.
func (h *Host) stream(ctx context.Context, f runner.File, temp string) (string, error) {
	source, err := open(f)
	if err != nil {
		return "", err
	}
	defer source.Close()
	sum := sha256.New()
	argv := []string{"dd", "of=" + temp, "bs=64k", "iflag=fullblock", "oflag=nofollow", "conv=nocreat,notrunc,fsync", "status=none"}
	out, err := h.runFrom(ctx, runner.Command{Argv: argv, User: f.User, Limit: contentLimit, Output: 4096}, io.TeeReader(source, sum))
	if err != nil {
		return "", err
	}
	if err := sudoSaid(f.User, true, out); err != nil {
		return "", err
	}
	if out.Exit != 0 {
		return "", fmt.Errorf("write %s: exit status %d: %s", temp, out.Exit, firstLines(out.Stderr))
	}
	have := hex.EncodeToString(sum.Sum(nil))
	if f.SHA256 != "" && f.SHA256 != have {
		return "", fmt.Errorf("the source has SHA-256 %s, want %s", have, f.SHA256)
	}
	return have, nil
}

// open opens the content of a file that is put.
func open(f runner.File) (io.ReadCloser, error) {
	if f.Source == nil {
		return io.NopCloser(bytes.NewReader(f.Content)), nil
	}
	source, err := f.Source()
	if err != nil {
		return nil, notStarted(fmt.Errorf("source: %w", err))
	}
	return source, nil
}

// upload makes the folder room, which must not exist, and in it the file temp,
// synced and compared. It returns the SHA-256. After an error both are gone again.
func (h *Host) upload(ctx context.Context, f runner.File, room, temp string) (string, error) {
	source, err := open(f)
	if err != nil {
		return "", err
	}
	defer source.Close()
	sum := sha256.New()
	sync := false
	err = h.sftp(ctx, func(c *sftp.Client) error {
		if err := c.Mkdir(room); err != nil {
			return fmt.Errorf("make %s: %w", room, err)
		}
		// The library cannot say the mode on making a folder or file: the
		// folder is closed while it is empty.
		if err := c.Chmod(room, 0o700); err != nil {
			return fmt.Errorf("chmod %s: %w", room, err)
		}
		w, err := c.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return fmt.Errorf("create %s: %w", temp, err)
		}
		defer w.Close()
		if err := c.Chmod(temp, 0o600); err != nil {
			return fmt.Errorf("chmod %s: %w", temp, err)
		}
		if _, err := w.ReadFrom(io.TeeReader(source, sum)); err != nil {
			return fmt.Errorf("write %s: %w", temp, err)
		}
		if _, ok := c.HasExtension("fsync@openssh.com"); ok {
			if err := w.Sync(); err != nil {
				return fmt.Errorf("fsync %s: %w", temp, err)
			}
			sync = true
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("close %s: %w", temp, err)
		}
		return nil
	})
	have := hex.EncodeToString(sum.Sum(nil))
	switch {
	case err != nil:
	case f.SHA256 != "" && f.SHA256 != have:
		err = fmt.Errorf("the source has SHA-256 %s, want %s", have, f.SHA256)
	case !sync:
		err = h.must(ctx, "", "sync", "--", temp)
	}
	if err == nil {
		err = h.hash(ctx, "", temp, have)
	}
	if err != nil {
		h.clear(ctx, "", room, temp)
		// What was written never had the target's name.
		return "", notStarted(err)
	}
	return have, nil
}

// hash compares the SHA-256 of a file on the host with want.
func (h *Host) hash(ctx context.Context, user, file, want string) error {
	out, err := h.outputAs(ctx, user, "sha256sum", "--", file)
	if err != nil {
		return err
	}
	// A name with special characters puts a backslash before the hash.
	have, _, _ := strings.Cut(strings.TrimPrefix(out, `\`), " ")
	if have != want {
		return fmt.Errorf("SHA-256 of %s is %s on the host, want %s", file, have, want)
	}
	return nil
}

// clear removes what Put made itself, as far as it is still there. It also
// works when ctx has ended. What it cannot remove has a name that says whose it is.
func (h *Host) clear(ctx context.Context, user, room, file string) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), killTime)
	defer stop()
	_ = h.must(ctx, user, "rm", "-f", "--", file)
	if room != "" {
		_ = h.must(ctx, user, "rmdir", "--", room)
	}
}

func (h *Host) must(ctx context.Context, user string, argv ...string) error {
	_, err := h.outputAs(ctx, user, argv...)
	return err
}

// outputAs runs a command that has to end with 0.
func (h *Host) outputAs(ctx context.Context, user string, argv ...string) (string, error) {
	out, err := h.Run(ctx, runner.Command{Argv: argv, User: user, Limit: fileLimit})
	if err != nil {
		return "", err
	}
	if out.Exit != 0 {
		return "", fmt.Errorf("%s: exit status %d: %s", argv[0], out.Exit, firstLines(out.Stderr))
	}
	return string(out.Stdout), nil
}

// Get is part of [runner.Host]. A file that is not there is [fs.ErrNotExist]. The
// host says first how long the file is, and more than that is not taken; how long it
// may be is the business of w, whose error ends the copying.
func (h *Host) Get(ctx context.Context, name, user string, w io.Writer) (int64, error) {
	ctx, stop := context.WithTimeoutCause(ctx, contentLimit, fmt.Errorf("not done within %v", contentLimit))
	defer stop()
	count := &counter{w: w}
	defer count.stop()
	err := h.sftp(ctx, func(c *sftp.Client) error {
		r, err := c.Open(name)
		if err != nil {
			return err
		}
		defer r.Close()
		info, err := r.Stat()
		if err != nil {
			return err
		}
		count.most = info.Size()
		_, err = r.WriteTo(count)
		return errors.Join(count.refused, err)
	})
	if errors.Is(err, errNoSFTP) {
		err = h.getAs(ctx, "", name, count)
		count.resume()
	}
	if count.n == 0 && errors.Is(err, fs.ErrPermission) && len(h.cfg.sudo(user)) > 0 {
		err = h.getAs(ctx, user, name, count)
	}
	count.stop()
	if err != nil {
		return count.n, fmt.Errorf("get %s on %s: %w", name, h.cfg.Name, err)
	}
	return count.n, nil
}

// getAs streams a file through sudo. The size is asked first: the end of the
// stream alone would not tell a whole file from a cut one.
func (h *Host) getAs(ctx context.Context, user, name string, count *counter) error {
	size, err := h.outputAs(ctx, user, "stat", "-L", "-c", "%s", "--", name)
	if err != nil {
		switch {
		case strings.Contains(err.Error(), "No such file or directory"):
			return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		case strings.Contains(err.Error(), "Permission denied"):
			return fmt.Errorf("%w: %w", fs.ErrPermission, err)
		}
		return err
	}
	if count.most, err = strconv.ParseInt(strings.TrimSpace(size), 10, 64); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	free, err := h.slot(ctx)
	if err != nil {
		return err
	}
	defer free()
	// Nothing but a refusal wakes up a session whose output is not taken any more.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	count.refuse = stop
	errs := &capped{most: 4096}
	status, _, err := h.session(ctx, line(append(append([]string{"exec"}, h.cfg.sudo(user)...), "cat", "--", name)), nil, count, errs)
	count.stop()
	switch {
	case err != nil:
		return err
	case status != 0 && strings.Contains(string(errs.bytes()), "Permission denied"):
		return fmt.Errorf("%w: cat: %s", fs.ErrPermission, firstLines(errs.bytes())) // stat(1) does not open it.
	case status != 0:
		return fmt.Errorf("cat: exit status %d: %s", status, firstLines(errs.bytes()))
	case count.n < count.most:
		return fmt.Errorf("got %d of %d bytes", count.n, count.most)
	}
	return nil
}

// A counter counts what goes to w, and lets nothing through once it is stopped,
// nor more than most bytes.
type counter struct {
	mu      sync.Mutex
	w       io.Writer
	n, most int64
	over    bool
	refused error       // Why it takes no more.
	refuse  func(error) // Called with it. Nil: nobody needs to be told.
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return 0, io.ErrClosedPipe
	case c.refused != nil:
		return 0, c.refused
	case int64(len(p)) > c.most-c.n:
		return 0, c.no(fmt.Errorf("%w: the host said %d bytes and sends more", bound.ErrTooMuch, c.most))
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err != nil {
		err = c.no(err)
	}
	return n, err
}

func (c *counter) no(err error) error {
	c.refused = err
	if c.refuse != nil {
		c.refuse(err)
	}
	return err
}

// resume takes a stop back, for another try of what got nothing.
func (c *counter) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over, c.refuse = false, nil
}

func (c *counter) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// errNoSFTP is a host without SFTP: no subsystem in its sshd_config, no program behind
// it, or a login shell that prints before it. Files go through commands there.
var errNoSFTP = errors.New("the host has no SFTP")

// sftp hands do a client on a session of its own and ends it with ctx.
func (h *Host) sftp(ctx context.Context, do func(*sftp.Client) error) error {
	if h.noSFTP.Load() {
		return notStarted(errNoSFTP)
	}
	free, err := h.slot(ctx)
	if err != nil {
		return err
	}
	defer free()
	l, s, err := h.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	done := make(chan error, 1)
	go func() {
		in, err := s.StdinPipe()
		if err != nil {
			done <- err
			return
		}
		out, err := s.StdoutPipe()
		if err != nil {
			done <- err
			return
		}
		if err := s.RequestSubsystem("sftp"); err != nil {
			done <- notStarted(fmt.Errorf("%w: %w", errNoSFTP, err))
			return
		}
		c, err := sftp.NewClientPipe(out, in, sftp.UseConcurrentWrites(true))
		if err != nil {
			done <- notStarted(fmt.Errorf("%w: %w", errNoSFTP, err))
			return
		}
		defer c.Close()
		done <- do(c)
	}()
	select {
	case err := <-done:
		select {
		case <-l.gone:
			if err != nil {
				err = fmt.Errorf("%w: %w", l.why, err)
			}
		default:
			if errors.Is(err, errNoSFTP) {
				h.noSFTP.Store(true)
			}
		}
		return err
	case <-ctx.Done():
		s.Close()
		late := time.NewTimer(grace)
		defer late.Stop()
		select {
		case <-done: //nolint:errcheck // ctx has ended: that is the reason, whatever the client says now.
		case <-late.C:
			l.end(errors.New("connection closed by the bot: the host did not let go of an sftp session"))
			<-done //nolint:errcheck // as above
		}
		return context.Cause(ctx)
	}
}
