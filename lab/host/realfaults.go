package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Exec runs a command on the host as root, behind the back of its sshd.
func (h *Real) Exec(argv ...string) ([]byte, error) {
	args := append([]string{"--target", strconv.Itoa(h.pid()), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd=/", "--", "/usr/bin/env", "-i",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}, argv...)
	out, err := exec.Command("nsenter", args...).CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("host %s: %s: %w: %s", h.opt.Name, strings.Join(argv, " "), err, lastLine(out))
	}
	return out, nil
}

// Boot is part of [Machine]. A real host boots when it is made.
func (h *Real) Boot() error {
	if h.pid() != 0 {
		return nil
	}
	return h.boot(context.Background())
}

// Reboot is part of [Machine].
func (h *Real) Reboot() error {
	h.halt()
	if err := h.boot(context.Background()); err != nil {
		return fmt.Errorf("host %s: reboot: %w", h.opt.Name, err)
	}
	return nil
}

// Down is part of [Machine]: the cable is out. Connections hang, they are not refused.
func (h *Real) Down() { _ = ip("link", "set", h.veth, "down") }

// Up is part of [Machine].
func (h *Real) Up() error { return ip("link", "set", h.veth, "up") }

// Cut is part of [Machine].
func (h *Real) Cut() {
	for _, pid := range h.Processes() {
		cmdline, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		// A connection's process says whose it is: "sshd: dr [priv]", "sshd: dr@notty".
		if title := string(cmdline); err == nil && strings.HasPrefix(title, "sshd: ") && !strings.Contains(title, "[listener]") {
			_ = syscall.Kill(pid, syscall.SIGKILL) // Gone meanwhile: that is what is wanted.
		}
	}
}

// ChangeHostKey is part of [Machine].
func (h *Real) ChangeHostKey() error {
	if err := h.newHostKey(h.Path("/etc/ssh/ssh_host_ed25519_key")); err != nil {
		return fmt.Errorf("host %s: %w", h.opt.Name, err)
	}
	if _, err := h.Exec("systemctl", "restart", "ssh"); err != nil {
		return err
	}
	h.Cut()
	return nil
}

// AskPassword is part of [Machine].
func (h *Real) AskPassword(on bool) error {
	return os.WriteFile(h.Path("/etc/sudoers.d/lab"), []byte(h.sudoers(on)), 0o440)
}

// Sudoers is part of [Machine]. A file that sudo would not read is refused: with
// it nobody could use sudo any more.
func (h *Real) Sudoers(text string) error {
	const file = "/etc/sudoers.d/lab"
	tried := "/run/sudoers-to-be"
	if err := os.WriteFile(h.Path(tried), []byte(text), 0o440); err != nil {
		return err
	}
	if out, err := h.Exec("visudo", "-c", "-f", tried); err != nil {
		return fmt.Errorf("host %s: visudo: %w: %s", h.opt.Name, err, out)
	}
	h.mu.Lock()
	h.opt.Sudoers = text
	h.mu.Unlock()
	return os.WriteFile(h.Path(file), []byte(text), 0o440)
}

// FullDisk is part of [Machine]. A real host has one disk: it is full
// everywhere but where this machine's files show through, and /run.
func (h *Real) FullDisk(paths ...string) error {
	size := fmt.Sprintf("size=%dm", h.opt.DiskMiB)
	if len(paths) > 0 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(h.dir, &st); err != nil {
			return err
		}
		size = fmt.Sprintf("size=%d", (st.Blocks-st.Bfree)*uint64(st.Bsize))
	}
	if err := syscall.Mount("", h.dir, "", syscall.MS_REMOUNT, size); err != nil {
		return fmt.Errorf("host %s: remount with %s: %w", h.opt.Name, size, err)
	}
	return nil
}

// InstallScheduler is part of [Machine].
func (h *Real) InstallScheduler(s Scheduler) error {
	for _, f := range s.files("") {
		path := h.Path(f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
			return err
		}
	}
	user := s.User
	if user == "" {
		user = "aurora"
	}
	for _, argv := range [][]string{
		{"install", "-d", "-o", user, "-g", user, s.home(""), filepath.Dir(s.LogDir("")), s.BackupDir("")},
		{"systemctl", "daemon-reload"},
		{"systemctl", "enable", Unit},
	} {
		if _, err := h.Exec(argv...); err != nil {
			return err
		}
	}
	return nil
}
