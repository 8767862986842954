package tools

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A service is a unit as it runs: systemd's state machine in small.
type service struct {
	super *Supervisor

	doing sync.Mutex // Held by start and stop: one job at a time, as systemd queues them.

	mu            sync.Mutex
	unit          *unit
	active, sub   string
	result        string
	pid           int // Of the main process; 0: none.
	lastPID       int
	code, status  int // How the last main process ended: 1 exited, 2 killed, 3 dumped; 0: it has not.
	begun, ended  time.Time
	entered, left time.Time // Of the active state.
	changed       time.Time
	restarts      int
	starts        []time.Time   // For the start limit.
	over          chan struct{} // Closed when the main process has been waited for.
	cancel        chan struct{} // Closed to give up a restart that is due.
	stopping      bool
	halted        bool
}

// unitVariable marks the processes of one unit of one host.
const unitVariable = "LAB_UNIT"

func (s *service) loaded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unit.load != "not-found" || s.active != "inactive"
}

func (s *service) reload(u *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unit = u
}

func (s *service) to(active, sub string) {
	now := time.Now()
	if active == "active" && s.active != "active" {
		s.entered = now
	}
	if active != "active" && s.active == "active" {
		s.left = now
	}
	s.active, s.sub, s.changed = active, sub, now
}

func (s *service) log(format string, args ...any) {
	s.super.journal.add(s.unit.name, "systemd", 1, fmt.Sprintf(format, args...))
}

// start starts the service if it is not running.
func (s *service) start() error {
	s.doing.Lock()
	defer s.doing.Unlock()
	s.mu.Lock()
	if s.active == "active" || s.halted {
		s.mu.Unlock()
		return nil
	}
	if s.cancel != nil { // A restart is due: this start takes its place.
		close(s.cancel)
		s.cancel = nil
	}
	s.restarts, s.stopping = 0, false
	err := s.launch()
	s.mu.Unlock()
	return err
}

// launch starts the main process. s.mu is held.
func (s *service) launch() error {
	now := time.Now()
	s.starts = slices.DeleteFunc(append(s.starts, now), func(t time.Time) bool { return now.Sub(t) > s.unit.limitInterval })
	if s.unit.limitBurst > 0 && len(s.starts) > s.unit.limitBurst {
		s.log("%s: Start request repeated too quickly.", s.unit.name)
		s.fail("start-limit-hit")
		return errors.New("start-limit-hit")
	}
	s.result, s.code, s.status = "success", 0, 0
	env, err := s.unit.environment()
	if err != nil {
		s.log("%s: Failed to load environment files: %v", s.unit.name, err)
		s.fail("resources")
		return errors.New("resources")
	}
	env = append(append(slices.Clone(s.super.opt.Env), env...), unitVariable+"="+s.unit.name, "INVOCATION_ID="+strconv.FormatInt(now.UnixNano(), 16))
	if user := s.unit.user; user != "" {
		env = append(env, "USER="+user, "LOGNAME="+user, "HOME="+filepath.Join(s.super.opt.Root, "home", user))
	}
	for _, line := range s.unit.startPre {
		if cmd, _, err := s.command(line, env); err != nil || cmd.Run() != nil {
			if _, counts := command(line, env); counts {
				s.log("%s: Control process exited, code=exited, status=1/FAILURE", s.unit.name)
				s.fail("exit-code")
				return errors.New("control")
			}
		}
	}
	if len(s.unit.start) == 0 {
		return errors.New("bad-setting")
	}
	cmd, identifier, err := s.command(s.unit.start[0], env)
	over := make(chan struct{})
	if err == nil {
		var r, w *os.File
		if r, w, err = os.Pipe(); err == nil {
			cmd.Stdout, cmd.Stderr = w, w
			err = s.run(cmd, over)
			w.Close()
			if err != nil {
				r.Close()
			} else {
				pid := cmd.Process.Pid
				s.super.serving.Add(1)
				go func() {
					defer s.super.serving.Done()
					defer r.Close()
					s.super.journal.copy(r, s.unit.name, identifier, pid)
				}()
			}
		}
	}
	if err != nil {
		s.log("%s: Failed to execute: %v", s.unit.name, err)
		s.begun, s.ended, s.code, s.status = now, now, 1, 203
		s.log("%s: Main process exited, code=exited, status=203/EXEC", s.unit.name)
		s.settle("exit-code")
		return nil // systemctl start of a simple service does not learn of it.
	}
	s.pid, s.lastPID, s.begun, s.ended = cmd.Process.Pid, cmd.Process.Pid, now, time.Time{}
	s.to("active", "running")
	s.log("Started %s - %s.", s.unit.name, s.unit.description)
	s.over = over
	return nil
}

// run starts a main process, and closes over when it has ended and that was
// noted. The process ends with the lab, also when the lab is killed.
func (s *service) run(cmd *exec.Cmd, over chan<- struct{}) error {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	s.super.serving.Add(1)
	go func() {
		defer s.super.serving.Done()
		// Pdeathsig means the death of the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // How it ended is in ProcessState.
		s.exited(cmd.ProcessState)
		close(over)
	}()
	return <-started
}

func (s *service) command(line string, env []string) (*exec.Cmd, string, error) {
	argv, _ := command(line, env)
	if len(argv) == 0 {
		return nil, "", errors.New("no command")
	}
	path, err := find(argv[0], lookup(env, "PATH"))
	if err != nil {
		return nil, "", err
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Dir: s.super.opt.Root, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if s.unit.dir != "" {
		cmd.Dir = strings.TrimPrefix(s.unit.dir, "-")
	}
	return cmd, filepath.Base(path), nil
}

// exited notes how the main process ended, and what follows.
func (s *service) exited(state *os.ProcessState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid, s.ended = 0, time.Now()
	result := "success"
	wait, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case wait.Signaled():
		s.code, s.status = 2, int(wait.Signal())
		clean := slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, wait.Signal())
		if !clean {
			result = "signal"
			s.log("%s: Main process exited, code=killed, status=%d/%s", s.unit.name, s.status, signalWord(wait.Signal()))
		}
	default:
		s.code, s.status = 1, state.ExitCode()
		if s.status != 0 && !slices.Contains(s.unit.successStatus, strconv.Itoa(s.status)) {
			result = "exit-code"
			s.log("%s: Main process exited, code=exited, status=%d/%s", s.unit.name, s.status, exitWord(s.status))
		}
	}
	if s.halted {
		return
	}
	if s.stopping {
		return // stop goes on from here; the result is known by code and status.
	}
	s.killRest(syscall.SIGKILL)
	s.settle(result)
}

// settle goes to where a service is after its end: dead, failed, or waiting
// for the restart. s.mu is held.
func (s *service) settle(result string) {
	again := false
	switch s.unit.restart {
	case "always":
		again = true
	case "on-failure":
		again = result != "success"
	case "on-success":
		again = result == "success"
	case "on-abnormal":
		again = result == "signal"
	}
	if !again {
		if result == "success" {
			s.result = result
			s.to("inactive", "dead")
			s.log("%s: Deactivated successfully.", s.unit.name)
			return
		}
		s.fail(result)
		return
	}
	if result != "success" {
		s.log("%s: Failed with result '%s'.", s.unit.name, result)
	}
	s.result = result
	s.to("activating", "auto-restart")
	cancel := make(chan struct{})
	s.cancel = cancel
	s.super.serving.Add(1)
	go func() {
		defer s.super.serving.Done()
		due := time.NewTimer(s.unit.restartAfter)
		defer due.Stop()
		select {
		case <-cancel:
			return
		case <-due.C:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cancel != cancel || s.halted {
			return
		}
		s.cancel = nil
		s.restarts++
		s.log("%s: Scheduled restart job, restart counter is at %d.", s.unit.name, s.restarts)
		_ = s.launch() // What went wrong is in the state and the journal.
	}()
}

func (s *service) fail(result string) {
	s.result = result
	s.to("failed", "failed")
	s.log("%s: Failed with result '%s'.", s.unit.name, result)
}

// stop ends the service and waits until it has ended.
func (s *service) stop() {
	s.doing.Lock()
	defer s.doing.Unlock()
	s.mu.Lock()
	if s.cancel != nil {
		close(s.cancel)
		s.cancel = nil
		s.to("inactive", "dead")
		s.log("Stopped %s - %s.", s.unit.name, s.unit.description)
	}
	if s.pid == 0 {
		s.mu.Unlock()
		return
	}
	s.stopping = true
	s.to("deactivating", "stop-sigterm")
	s.log("Stopping %s - %s...", s.unit.name, s.unit.description)
	over, timeout, pid := s.over, s.unit.stopTimeout, s.pid
	_ = syscall.Kill(pid, syscall.SIGTERM)
	if s.unit.killMode == "control-group" {
		s.killRest(syscall.SIGTERM)
	}
	s.mu.Unlock()

	late := time.NewTimer(timeout)
	defer late.Stop()
	result := ""
	select {
	case <-over:
	case <-late.C:
		s.mu.Lock()
		result = "timeout"
		s.log("%s: State 'stop-sigterm' timed out. Killing.", s.unit.name)
		s.to("deactivating", "stop-sigkill")
		if s.pid != 0 {
			_ = syscall.Kill(s.pid, syscall.SIGKILL)
		}
		s.mu.Unlock()
		<-over
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unit.killMode != "process" && s.unit.killMode != "none" {
		s.killRest(syscall.SIGKILL)
	}
	s.stopping = false
	if s.halted {
		return
	}
	if result == "" && s.code == 1 && s.status != 0 && !slices.Contains(s.unit.successStatus, strconv.Itoa(s.status)) {
		result = "exit-code"
	}
	if result != "" {
		s.fail(result)
	} else {
		s.result = "success"
		s.to("inactive", "dead")
		s.log("%s: Deactivated successfully.", s.unit.name)
	}
	s.log("Stopped %s - %s.", s.unit.name, s.unit.description)
}

// halt kills all processes of the service and waits for the main one.
func (s *service) halt() {
	s.mu.Lock()
	s.halted = true
	if s.cancel != nil {
		close(s.cancel)
		s.cancel = nil
	}
	over := s.over
	if s.pid != 0 {
		_ = syscall.Kill(s.pid, syscall.SIGKILL)
	}
	s.killRest(syscall.SIGKILL)
	s.mu.Unlock()
	if over != nil {
		<-over
	}
}

// killRest signals what the service started besides its main process.
func (s *service) killRest(signal syscall.Signal) {
	for _, pid := range bearers(RootVariable+"="+s.super.opt.Root, unitVariable+"="+s.unit.name) {
		if pid != s.pid {
			_ = syscall.Kill(pid, signal)
		}
	}
}

func (s *service) resetFailed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts, s.restarts = nil, 0
	if s.active == "failed" {
		s.result = "success"
		s.to("inactive", "dead")
	}
}

// signal sends the main process a signal by name; empty is SIGTERM.
func (s *service) signal(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, ok := map[string]syscall.Signal{
		"": syscall.SIGTERM, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT,
		"QUIT": syscall.SIGQUIT, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT, "9": syscall.SIGKILL, "15": syscall.SIGTERM,
	}[strings.TrimPrefix(name, "SIG")]
	switch {
	case !ok:
		return fmt.Errorf("unknown signal %s", name)
	case s.pid == 0:
		return errors.New("no main process")
	}
	s.log("%s: Sent signal SIG%s to main process %d (%s) on client request.", s.unit.name, signalWord(number), s.pid, comm(s.pid))
	pid := s.pid
	if err := syscall.Kill(pid, number); err != nil {
		return err
	}
	s.killRest(number)
	return nil
}
