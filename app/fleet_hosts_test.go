package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/runner/probe"
)

// simulated are the scheduler hosts of a whole fleet: one SSH server in this
// process. Which host is meant, the login says: "c0012-s1". A host answers as
// one with three backups does, of which s1 leads.
type simulated struct {
	t          testing.TB
	listener   net.Listener
	config     *ssh.ServerConfig
	key, known string // Files for whoever logs in.

	slow chan struct{} // Hosts whose login ends in "-slow" answer when it is closed.

	bound                       int64 // Of connections, as the bot is told. Zero: none.
	connections, most, commands atomic.Int64
	serving                     sync.WaitGroup
}

func simulate(t testing.TB) *simulated {
	t.Helper()
	s := &simulated{t: t, slow: make(chan struct{})}
	dir := t.TempDir()
	signer := func(name string) ssh.Signer {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		block, err := ssh.MarshalPrivateKey(private, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		made, err := ssh.NewSignerFromKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	host := signer("host")
	signer("key")
	s.config.AddHostKey(host)
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	s.key, s.known = filepath.Join(dir, "key"), filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(s.known, fmt.Appendf(nil, "[127.0.0.1]:%s %s", port, ssh.MarshalAuthorizedKey(host.PublicKey())), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serving.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { s.listener.Close(); s.serving.Wait() })
	return s
}

func (s *simulated) serve(conn net.Conn) {
	defer conn.Close()
	c, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	n := s.connections.Add(1)
	defer s.connections.Add(-1)
	// What the bot has closed this side may not have seen yet; one too many stays.
	for end := time.Now().Add(2 * time.Second); s.bound > 0 && n > s.bound && time.Now().Before(end); n = s.connections.Load() {
		time.Sleep(time.Millisecond)
	}
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		parts.Go(func() {
			switch ch.ChannelType() {
			case "session":
				s.session(c.User(), ch)
			case "direct-tcpip":
				s.vars(c.User(), ch)
			default:
				ch.Reject(ssh.UnknownChannelType, "")
			}
		})
	}
}

// session answers one command.
func (s *simulated) session(login string, ch ssh.NewChannel) {
	c, requests, err := ch.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	for r := range requests {
		if r.Type != "exec" {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		s.commands.Add(1)
		words := shellWords(string(r.Payload[4:]))
		if strings.Contains(words[3], "environ") { // What an earlier bot left here: nothing.
			c.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, 0))
			return
		}
		// exec sh -c SCRIPT aurorabot CONNECTION LIMIT [sudo -n -u USER --] COMMAND…
		argv := words[7:]
		if len(argv) > 5 && argv[0] == "sudo" {
			argv = argv[5:]
		}
		fmt.Fprintf(c.Stderr(), "aurorabot: 4242 (sh) S 1 4242 4242 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1000 0 0\n")
		if word := make([]byte, 3); !s.begins(c, word) {
			return
		}
		if strings.HasSuffix(login, "-slow") {
			<-s.slow
		}
		out := s.answer(login, argv, c)
		io.WriteString(c, out)
		c.CloseWrite()
		status := uint32(0)
		if out == "" {
			status = 127
		}
		c.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
		return
	}
}

// begins waits for the bot's word to begin.
func (s *simulated) begins(c io.Reader, word []byte) bool {
	_, err := io.ReadFull(c, word)
	if err == nil && string(word) != "go\n" {
		s.t.Errorf("the bot's word to begin is %q", word)
	}
	return err == nil
}

const (
	fleetLog     = "/var/lib/aurora/scheduler/db"
	fleetBackups = "/var/lib/aurora/scheduler/backups"
)

func (s *simulated) answer(login string, argv []string, in io.Reader) string {
	asJSON := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			s.t.Error(err)
		}
		return string(text) + "\n"
	}
	cluster, _, _ := strings.Cut(login, "-")
	line := strings.Join(argv, " ")
	switch {
	case strings.Contains(line, "uname -m"):
		return "x86_64\n1 2 3\nsum\n" // The reader is there, see [fleet].
	case strings.Contains(line, " log scan "):
		return asJSON([]map[string]any{{"finding": "framework-known", "severity": "info", "count": 1, "example": "Found persisted framework ID: " + cluster, "files": []string{}}})
	case strings.Contains(line, "host facts"):
		var q probe.Request
		if err := json.NewDecoder(in).Decode(&q); err != nil {
			s.t.Errorf("%s: %v", login, err)
			return ""
		}
		now := time.Now().UTC()
		f := probe.Facts{Now: now, Zone: "UTC", Arch: "amd64", Processes: []probe.Process{{
			PID: 42, Start: 1000, Since: now.Add(-100 * time.Hour), UID: 1,
			Argv: []string{"java", "-native_log_file_path=" + fleetLog, "-backup_dir=" + fleetBackups, "-backup_interval=1hrs", "-max_saved_backups=48"},
		}}}
		f.Folder = &probe.Folder{Dir: fleetBackups, Free: 1 << 40, Room: 1 << 41, Inodes: 1 << 20, Files: []probe.FolderFile{}}
		for age := 3; age > 0; age-- {
			at := now.Truncate(time.Hour).Add(-time.Duration(age-1) * time.Hour)
			x := probe.FolderFile{Name: at.Format("scheduler-backup-2006-01-02-15-04"), ID: probe.FileID{Device: 1, Inode: uint64(at.Unix()), MTime: at.UnixNano(), Size: 101302}}
			for _, k := range q.Folder.Known {
				x.Known = x.Known || k == x.ID
			}
			if !x.Known {
				x.Read = &probe.Brief{Valid: true, TimestampMs: at.UnixMilli(), FrameworkID: cluster, Version: "0.22.0", Tasks: 65, Active: 57, Bytes: 101302, SHA256: strings.Repeat("ab", 32)}
			}
			f.Folder.Files = append(f.Folder.Files, x)
			f.Folder.Bytes += 101302
		}
		return asJSON(f)
	}
	s.t.Errorf("%s: no simulated host knows %q", login, line)
	return ""
}

// vars is the scheduler's HTTP server.
func (s *simulated) vars(login string, ch ssh.NewChannel) {
	c, requests, err := ch.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	go ssh.DiscardRequests(requests)
	if _, err := c.Read(make([]byte, 4096)); err != nil {
		return
	}
	leads := 0
	if strings.Contains(login, "-s1") {
		leads = 1
	}
	body := fmt.Sprintf("scheduler_lifecycle_ACTIVE %d\nscheduler_lifecycle_LEADER_AWAITING_REGISTRATION 0\nscheduler_lifecycle_STORAGE_PREPARED %d\nframework_registered %d\njvm_uptime_secs 360000\nscheduler_backup_success 100\nscheduler_backup_failed 0\n", leads, 1-leads, leads)
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// shellWords splits a line of words as runner/ssh quotes them.
func shellWords(line string) []string {
	var words []string
	var w strings.Builder
	in, any := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			in, any = !in, true
		case in:
			w.WriteByte(c)
		case c == '\\' && i+1 < len(line):
			i++
			w.WriteByte(line[i])
			any = true
		case c == ' ':
			if any {
				words = append(words, w.String())
			}
			w.Reset()
			any = false
		default:
			w.WriteByte(c)
			any = true
		}
	}
	if any {
		words = append(words, w.String())
	}
	return words
}
