package kept

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Idle is how long [Serve] waits for a command before it ends: a bot that is
// gone behind a network that says nothing leaves no process for long. The bot
// begins another one.
const Idle = 5 * time.Minute

// mostAsk bounds a line of the bot's.
const mostAsk = 64 << 20

// A Do does one command; it tells which process that is as soon as it runs, if
// it is one.
type Do func(ctx context.Context, c Command, begun func(Process)) Result

// Serve does the commands that in names until in ends, ctx does, or nothing was
// asked for as long as idle. What is being done then is ended.
func Serve(ctx context.Context, in io.Reader, out io.Writer, idle time.Duration, do Do) error {
	ctx, stop := context.WithCancel(ctx)
	v := &server{out: out, do: do, lines: make(chan []byte)}
	defer v.wg.Wait()
	defer stop()
	if err := v.say(reply{}, nil, nil); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- v.read(ctx, in) }()
	for {
		quiet := time.NewTimer(idle)
		select {
		case line := <-v.lines:
			quiet.Stop()
			var a ask
			if err := json.Unmarshal(line, &a); err != nil || a.ID <= 0 || len(a.Argv) == 0 {
				return fmt.Errorf("a command that is none: %.80q", line)
			}
			v.wg.Go(func() { v.run(ctx, a) })
		case err := <-ended:
			quiet.Stop()
			return err
		case <-ctx.Done():
			quiet.Stop()
			return context.Cause(ctx)
		case <-quiet.C:
			if !v.busy() {
				return nil
			}
		}
	}
}

type server struct {
	do    Do
	lines chan []byte
	wg    sync.WaitGroup

	mu      sync.Mutex // Of out, so that answers stay whole.
	out     io.Writer
	running int
}

func (v *server) busy() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.running > 0
}

func (v *server) count(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running += n
}

// read hands over the lines of in until it ends.
func (v *server) read(ctx context.Context, in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 64<<10), mostAsk)
	for s.Scan() {
		select {
		case v.lines <- bytes.Clone(s.Bytes()):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read commands: %w", err)
	}
	return nil
}

func (v *server) say(r reply, out, err []byte) error {
	line, bad := json.Marshal(r)
	if bad != nil {
		return fmt.Errorf("encode an answer: %w", bad)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, part := range [][]byte{append(line, '\n'), out, err} {
		if len(part) == 0 {
			continue
		}
		if _, bad := v.out.Write(part); bad != nil {
			return fmt.Errorf("write an answer: %w", bad)
		}
	}
	return nil
}

// run does one command and answers. Where an answer cannot be written, in ends too.
func (v *server) run(ctx context.Context, a ask) {
	v.count(1)
	defer v.count(-1)
	limit := time.Duration(a.LimitMS) * time.Millisecond
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	r := v.do(ctx, Command{Argv: a.Argv, Stdin: a.Stdin, Limit: limit, Most: a.Most}, func(p Process) {
		_ = v.say(reply{ID: a.ID, PID: p.PID, Begun: p.Begun}, nil, nil)
	})
	_ = v.say(reply{ID: a.ID, Ended: true, Exit: r.Exit, Out: len(r.Stdout), Err: len(r.Stderr), Cut: r.Cut}, r.Stdout, r.Stderr)
}

// afterKill is how long what a command left behind may hold its outputs.
const afterKill = 500 * time.Millisecond

// Exec runs a command as a process of its own.
func Exec(ctx context.Context, c Command, begun func(Process)) Result {
	stdout, stderr := &head{most: c.Most}, &head{most: c.Most}
	p := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...) // The line is the bot's, whose login account this is.
	p.Stdin, p.Stdout, p.Stderr = bytes.NewReader(c.Stdin), stdout, stderr
	// A session of its own, by which all its processes are found and ended.
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.Cancel = func() error { return syscall.Kill(-p.Process.Pid, syscall.SIGKILL) }
	p.WaitDelay = afterKill
	exit := 0
	switch err := p.Start(); {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return Result{Exit: 127, Stderr: []byte(err.Error() + "\n")}
	case err != nil:
		return Result{Exit: 126, Stderr: []byte(err.Error() + "\n")}
	default:
		begun(Process{PID: strconv.Itoa(p.Process.Pid), Begun: start(p.Process.Pid)})
		exit = status(p.Wait(), p.ProcessState)
	}
	return Result{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes(), Exit: exit, Cut: stdout.cut || stderr.cut}
}

// status is the exit status as a shell tells it.
func status(err error, p *os.ProcessState) int {
	if p == nil {
		return 126
	}
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	if err != nil && p.ExitCode() == 0 { // It ended, and what it began held on to its outputs.
		return 126
	}
	return p.ExitCode()
}

// start is when a process started, in ticks since boot: field 22 of its stat,
// behind the name in parentheses, which may hold anything. "": it is gone.
func start(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	const at = 22 - 3
	if len(fields) <= at {
		return ""
	}
	return fields[at]
}

// A head keeps the first bytes of what is written to it.
type head struct {
	most int
	kept bytes.Buffer
	cut  bool
}

func (h *head) Write(p []byte) (int, error) {
	room := min(max(h.most-h.kept.Len(), 0), len(p))
	h.kept.Write(p[:room])
	h.cut = h.cut || room < len(p)
	return len(p), nil
}
