package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// SupervisorOptions say what a supervisor looks after.
type SupervisorOptions struct {
	Root string   // The host's folder.
	Name string   // The host's name, as the journal shows it.
	Env  []string // Environment of the units' processes.
}

// A Supervisor plays systemd for one host: it starts, watches, restarts and
// stops the processes of units. systemctl asks it over a Unix socket.
type Supervisor struct {
	opt      SupervisorOptions
	journal  *journal
	listener net.Listener
	dir      *os.File // Holds the socket's folder open: its path may be too long for a socket address.
	serving  sync.WaitGroup

	mu       sync.Mutex
	services map[string]*service
}

const socketName = "supervisor.sock"

// StartSupervisor starts a supervisor. No unit is started before [Supervisor.Boot].
func StartSupervisor(opt SupervisorOptions) (*Supervisor, error) {
	j, err := openJournal(opt.Root, opt.Name)
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	run := filepath.Join(opt.Root, "run")
	if err := os.RemoveAll(filepath.Join(run, socketName)); err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	dir, err := os.Open(run)
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	listener, err := net.Listen("unix", socketIn(dir))
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	s := &Supervisor{opt: opt, journal: j, listener: listener, dir: dir, services: map[string]*service{}}
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		s.serve()
	}()
	return s, nil
}

func socketIn(dir *os.File) string { return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName) }

// Boot starts all enabled units.
func (s *Supervisor) Boot() error {
	links, err := filepath.Glob(filepath.Join(s.opt.Root, "etc/systemd/system/*.wants/*.service"))
	if err != nil {
		return err
	}
	var errs []error
	for _, link := range links {
		if err := s.service(filepath.Base(link)).start(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Halt kills the processes of all units and starts none again.
func (s *Supervisor) Halt() {
	s.mu.Lock()
	all := s.services
	s.services = map[string]*service{}
	s.mu.Unlock()
	for _, one := range all {
		one.halt()
	}
}

// Reset empties /run and forgets what units did, as a reboot does. Halt goes before.
func (s *Supervisor) Reset() error {
	run := filepath.Join(s.opt.Root, "run")
	entries, err := os.ReadDir(run)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != socketName {
			if err := os.RemoveAll(filepath.Join(run, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close stops everything at once. No process of a unit is left.
func (s *Supervisor) Close() {
	s.listener.Close()
	s.Halt()
	s.serving.Wait()
	s.dir.Close()
	s.journal.close()
}

// service returns the unit's service. Its files are read when it is named for
// the first time and on daemon-reload.
func (s *Supervisor) service(name string) *service {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one, ok := s.services[name]; ok && one.loaded() {
		return one
	}
	one := &service{super: s, unit: loadUnit(s.opt.Root, name), active: "inactive", sub: "dead", result: "success"}
	s.services[name] = one
	return one
}

func (s *Supervisor) reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.services {
		one.reload(loadUnit(s.opt.Root, name))
	}
}

// A question is what systemctl asks.
type question struct {
	Verb string `json:"verb"` // "start", "stop", "restart", "show", "daemon-reload", "reset-failed", "kill".
	Unit string `json:"unit"`
	Arg  string `json:"arg,omitempty"`
}

// A reply is what it hears.
type reply struct {
	Error string            `json:"error,omitempty"` // "not-found", "masked", "failed", or words.
	Props map[string]string `json:"props,omitempty"`
}

func (s *Supervisor) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Add(1)
		go func() {
			defer s.serving.Done()
			defer conn.Close()
			var q question
			if json.NewDecoder(conn).Decode(&q) == nil {
				_ = json.NewEncoder(conn).Encode(s.answer(q))
			}
		}()
	}
}

func (s *Supervisor) answer(q question) reply {
	if q.Verb == "daemon-reload" {
		s.reload()
		return reply{}
	}
	one := s.service(q.Unit)
	load := one.props()["LoadState"]
	switch {
	case q.Verb == "show":
		return reply{Props: one.props()}
	case load == "not-found" && !(q.Verb == "stop" && one.props()["ActiveState"] != "inactive"):
		return reply{Error: "not-found"}
	case load == "masked" && slices.Contains([]string{"start", "restart"}, q.Verb):
		return reply{Error: "masked"}
	}
	var err error
	switch q.Verb {
	case "start":
		err = one.start()
	case "stop":
		one.stop()
	case "restart":
		one.stop()
		err = one.start()
	case "reset-failed":
		one.resetFailed()
	case "kill":
		err = one.signal(q.Arg)
	default:
		return reply{Error: "unknown verb " + q.Verb}
	}
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{}
}

// ask puts a question to the supervisor of the host at root.
func ask(root string, q question) (reply, error) {
	dir, err := os.Open(filepath.Join(root, "run"))
	if err != nil {
		return reply{}, err
	}
	defer dir.Close()
	conn, err := net.DialTimeout("unix", socketIn(dir), 5*time.Second)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return reply{}, err
	}
	return r, nil
}
