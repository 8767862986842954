package host

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// session serves one session channel: one exec or one sftp subsystem.
func (h *Host) session(user string, ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for r := range reqs {
		switch r.Type {
		case "exec":
			var p struct{ Line string }
			if ssh.Unmarshal(r.Payload, &p) != nil {
				_ = r.Reply(false, nil)
				return
			}
			if !h.floodExec(ch, r, reqs) {
				h.exec(user, p.Line, ch, r, reqs)
			}
			return
		case "subsystem":
			var p struct{ Name string }
			ok := ssh.Unmarshal(r.Payload, &p) == nil && p.Name == "sftp"
			_ = r.Reply(ok, nil)
			if !ok {
				return
			}
			go ssh.DiscardRequests(reqs)
			server := sftp.NewRequestServer(ch, h.disk(), sftp.WithStartDirectory(h.opt.Root))
			err := server.Serve()
			if err != nil && !errors.Is(err, io.EOF) {
				h.logf("sftp: %v", err)
			}
			return
		default: // env, pty-req: as an sshd that allows neither.
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	}
}

// exec runs a line as sshd does: by the login shell, in a session of its own,
// which goes on when the connection does not.
func (h *Host) exec(user, line string, ch ssh.Channel, start *ssh.Request, reqs <-chan *ssh.Request) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = h.opt.Root, h.environment(user)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		_ = start.Reply(false, nil)
		return
	}
	cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
	if err := cmd.Start(); err != nil {
		h.logf("exec: %v", err)
		_ = start.Reply(false, nil)
		return
	}
	_ = start.Reply(true, nil)
	if words, ok := h.greeting.Load().(string); ok {
		_, _ = io.WriteString(ch, words)
	}
	go func() {
		_, _ = io.Copy(stdin, ch)
		stdin.Close()
	}()

	// Once the process was waited for, its ID may be somebody else's.
	var mu sync.Mutex
	ended := false
	go func() {
		for r := range reqs {
			var p struct{ Name string }
			if r.Type == "signal" && ssh.Unmarshal(r.Payload, &p) == nil {
				mu.Lock()
				if n := signals[p.Name]; n != 0 && !ended {
					_ = syscall.Kill(-cmd.Process.Pid, n)
				}
				mu.Unlock()
			}
			if r.WantReply {
				_ = r.Reply(r.Type == "signal", nil)
			}
		}
	}()
	_ = cmd.Wait() // What it says is in ProcessState; errors of copying mean a client that left.
	mu.Lock()
	ended = true
	mu.Unlock()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name       string
			CoreDumped bool
			Message    string
			Language   string
		}{signalName(status.Signal()), status.CoreDump(), "", ""}))
		return
	}
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
}

var signals = map[string]syscall.Signal{
	"ABRT": syscall.SIGABRT, "ALRM": syscall.SIGALRM, "FPE": syscall.SIGFPE, "HUP": syscall.SIGHUP,
	"ILL": syscall.SIGILL, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "PIPE": syscall.SIGPIPE,
	"QUIT": syscall.SIGQUIT, "SEGV": syscall.SIGSEGV, "TERM": syscall.SIGTERM,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

func signalName(s syscall.Signal) string {
	for name, n := range signals {
		if n == s {
			return name
		}
	}
	return "SIG" + strconv.Itoa(int(s)) + "@openssh.com"
}

// forward serves one direct-tcpip channel. Only loopback is reachable.
func (h *Host) forward(c ssh.NewChannel) {
	var p struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if ssh.Unmarshal(c.ExtraData(), &p) != nil {
		_ = c.Reject(ssh.ConnectionFailed, "bad request")
		return
	}
	if h.floods(FloodDials) {
		if ch, reqs, err := c.Accept(); err == nil {
			go ssh.DiscardRequests(reqs)
			floodDial(ch)
			ch.Close()
		}
		return
	}
	address, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(p.Host, strconv.Itoa(int(p.Port))))
	if err != nil || !address.IP.IsLoopback() {
		_ = c.Reject(ssh.Prohibited, "administratively prohibited: open failed")
		return
	}
	far, err := net.DialTCP("tcp", nil, address)
	if err != nil {
		reason := err.Error()
		var number syscall.Errno
		if errors.As(err, &number) {
			reason = number.Error()
		}
		_ = c.Reject(ssh.ConnectionFailed, reason)
		return
	}
	defer far.Close()
	ch, reqs, err := c.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	go func() {
		ssh.DiscardRequests(reqs)
		far.Close() // The channel is closed, or the connection lost.
	}()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(ch, far); _ = ch.CloseWrite(); done <- struct{}{} }()
	go func() { _, _ = io.Copy(far, ch); _ = far.CloseWrite(); done <- struct{}{} }()
	<-done
	<-done
}
