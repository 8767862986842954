package host

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
)

// maxSessions is sshd's default for MaxSessions.
const maxSessions = 10

// MaxSessions sets how many sessions a connection may have from now on, as sshd's
// MaxSessions does.
func (h *Host) MaxSessions(n int) { h.sessions.Store(int32(n)) }

// Greet has the login shell write words to standard output before every command, as
// one does whose start-up files print.
func (h *Host) Greet(words string) { h.greeting.Store(words) }

// serve accepts connections until the listener is closed.
func (h *Host) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.listener != listener {
			h.mu.Unlock()
			conn.Close()
			continue
		}
		h.conns[conn] = true
		h.serving.Add(1)
		h.mu.Unlock()
		go func() {
			defer h.serving.Done()
			defer func() {
				conn.Close()
				h.mu.Lock()
				delete(h.conns, conn)
				h.mu.Unlock()
			}()
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetKeepAlive(true)
			}
			h.serveConn(&hangable{Conn: conn, host: h})
		}()
	}
}

func (h *Host) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_9.2p1 aurora-lab",
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !slices.Contains(h.opt.Users, meta.User()) {
				return nil, fmt.Errorf("no account %q", meta.User())
			}
			for _, allowed := range h.opt.AuthorizedKeys {
				if string(allowed.Marshal()) == string(key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errors.New("key is not authorized")
		},
	}
	h.mu.Lock()
	config.AddHostKey(h.key)
	h.mu.Unlock()
	return config
}

func (h *Host) serveConn(conn net.Conn) {
	server, channels, requests, err := ssh.NewServerConn(conn, h.config())
	if err != nil {
		h.logf("login from %s: %v", conn.RemoteAddr(), err)
		return
	}
	defer server.Close()
	go func() {
		for r := range requests {
			// sshd answers to keepalive@openssh.com with a failure, too.
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	}()
	var open sync.WaitGroup
	defer open.Wait()
	most := maxSessions
	if n := int(h.sessions.Load()); n > 0 {
		most = n
	}
	sessions := make(chan struct{}, most)
	for c := range channels {
		switch c.ChannelType() {
		case "session":
			select {
			case sessions <- struct{}{}:
			default:
				_ = c.Reject(ssh.ConnectionFailed, "open failed")
				continue
			}
			ch, reqs, err := c.Accept()
			if err != nil {
				<-sessions
				continue
			}
			open.Add(1)
			go func() {
				defer open.Done()
				defer func() { <-sessions }()
				h.session(server.User(), ch, reqs)
			}()
		case "direct-tcpip":
			open.Add(1)
			go func() {
				defer open.Done()
				h.forward(c)
			}()
		default:
			_ = c.Reject(ssh.UnknownChannelType, "unknown channel type")
		}
	}
}
