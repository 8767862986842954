package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A bot is the program under rehearsal, a child process in a process group of
// its own: Ctrl-C in the terminal is for the lab, which then ends it.
type bot struct {
	program string
	args    []string
	env     []string
	log     string // File of its standard error and output, over all starts.

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // Closed when the process has ended.
}

// program returns the bot's program: file, or one built from this module.
func program(ctx context.Context, file, dir string) (string, error) {
	if file != "" {
		path, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("--bot: %w", err)
		}
		return path, nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "aurorabot")
	// As it is released: every host gets it, and hashes it again and again.
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", path, ".")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the bot: %w\n%s\nhint: --bot FILE names one that is built", err, bytes.TrimSpace(out))
	}
	return path, nil
}

// moduleRoot finds this module: from the working folder, else where the lab was
// built.
func moduleRoot(ctx context.Context) (string, error) {
	list := func(dir string) string {
		cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}")
		cmd.Dir = dir
		out, _ := cmd.Output() // No module there: no output.
		root, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "aurorabot ")
		if !ok {
			return ""
		}
		return root
	}
	if root := list(""); root != "" {
		return root, nil
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if root := list(filepath.Dir(file)); root != "" {
			return root, nil
		}
	}
	return "", fmt.Errorf("the module aurorabot is not here\nhint: run the lab within it, or name the bot's program by --bot FILE")
}

// Start is part of [script.Bot].
func (b *bot) Start(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(b.program, b.args...)
	cmd.Env = append(os.Environ(), b.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The parent's death signal is bound to the thread that starts the child.
	started := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = cmd.Wait() // How it ended stands in its log.
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the bot: %w", err)
	}
	b.cmd, b.done = cmd, done
	return nil
}

// over is closed when the process that was started last has ended.
func (b *bot) over() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

func (b *bot) signal(s syscall.Signal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.done:
		return fmt.Errorf("the bot has ended by itself")
	default:
		return b.cmd.Process.Signal(s)
	}
}

// Freeze is part of [script.Bot].
func (b *bot) Freeze() error { return b.signal(syscall.SIGSTOP) }

// Thaw is part of [script.Bot].
func (b *bot) Thaw() error { return b.signal(syscall.SIGCONT) }

// Kill is part of [script.Bot].
func (b *bot) Kill() error {
	if err := b.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-b.over()
	return nil
}

// end ends the bot politely, and what does not go otherwise.
func (b *bot) end() {
	if b.cmd == nil || b.signal(syscall.SIGTERM) != nil {
		return
	}
	select {
	case <-b.over():
	case <-time.After(10 * time.Second):
		_ = b.Kill() // It may have ended meanwhile.
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // Of its group nothing should be left.
}

// tail is the end of its log.
func (b *bot) tail(lines int) string {
	data, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
