package supervise

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"aurorabot/runner"
)

// supervisord drives a program. Off is a file beside the program's own: options
// that a later file sets count. supervisord applies it when the program is
// stopped, for to apply it to a running one it restarts that: so Off writes, Stop
// applies, and On, which gives a running program back, restarts it once.
//
// supervisorctl's exit status says little (0 after "ERROR (not running)"), so its
// words are read; recorded in testdata/supervisord.txt.
type supervisord struct{ Site }

func (s *supervisord) file() string { return path.Join(s.Dir, "zz-aurorabot-"+s.Unit+".conf") }

func (s *supervisord) write() []string {
	return writing(s.file(), "[program:"+s.Unit+"]", "autostart=false", "autorestart=false")
}

func (s *supervisord) OffShows() []string {
	return []string{"write " + s.file() + ": autostart=false, autorestart=false", "supervisorctl reread", "at the end, where it runs: supervisorctl update " + s.Unit + ", which restarts it"}
}

func (s *supervisord) StopShows() []string {
	return []string{"supervisorctl stop " + s.Unit, "supervisorctl update " + s.Unit}
}
func (s *supervisord) StartShows() []string { return []string{"supervisorctl start " + s.Unit} }

var (
	ctlStatus = regexp.MustCompile(`^(\S+) +(STARTING|RUNNING|BACKOFF|STOPPING|EXITED|STOPPED|FATAL)(?: +(?:pid ([0-9]+), uptime .*|.*))?$`)
	ctlAvail  = regexp.MustCompile(`(?m)^(\S+) +in use +(auto|manual) +[0-9]+:[0-9]+$`)
)

// State reads the files again first (reread), which applies nothing: else what
// supervisord says of autostart is as old as its last look.
func (s *supervisord) State(ctx context.Context) (State, error) {
	off, err := s.there(ctx, s.file())
	if err != nil {
		return State{}, err
	}
	changed, err := s.reread(ctx)
	if err != nil {
		return State{}, err
	}
	argv := []string{"supervisorctl", "status", s.Unit}
	status, err := s.look(ctx, "root", argv...)
	if err != nil {
		return State{}, err
	}
	u, err := ctlState(argv, status, s.Unit)
	if err != nil {
		return u, err
	}
	argv = []string{"supervisorctl", "avail"}
	avail, err := s.look(ctx, "root", argv...)
	if err != nil {
		return u, err
	}
	auto, known := "", avail.Exit == 0
	for _, m := range ctlAvail.FindAllStringSubmatch(string(avail.Stdout), -1) {
		if m[1] == s.Unit {
			auto = m[2]
		}
	}
	if !known || auto == "" {
		return u, unclear(argv, avail)
	}
	u.Enabled = auto == "auto"
	// While it runs, Off is applied by Stop.
	u.Restarts = !off || changed && !u.Running
	if off && u.Enabled {
		return u, fmt.Errorf("supervisord does not read %s: write the folder of its [include] as runtime_dir", s.file())
	}
	return u, nil
}

// reread reports whether the program's files are another than what supervisord applied.
func (s *supervisord) reread(ctx context.Context) (changed bool, err error) {
	argv := []string{"supervisorctl", "reread"}
	out, err := s.look(ctx, "root", argv...)
	if err != nil {
		return false, err
	}
	text := string(out.Stdout)
	if out.Exit != 0 || strings.Contains(text, "ERROR") {
		return false, unclear(argv, out)
	}
	for line := range strings.Lines(text) {
		changed = changed || strings.TrimSpace(line) == s.Unit+": changed"
	}
	return changed, nil
}

func ctlState(argv []string, out runner.Output, unit string) (State, error) {
	m := ctlStatus.FindStringSubmatch(strings.TrimSpace(string(out.Stdout)))
	// 0: it runs; 3: it does not, or is on its way (recorded).
	if m == nil || m[1] != unit || out.Exit != 0 && out.Exit != 3 {
		return State{}, unclear(argv, out)
	}
	u := State{Words: m[2]}
	u.PID, _ = strconv.Atoi(m[3]) // Where it runs only.
	switch m[2] {
	case "STARTING", "RUNNING", "BACKOFF", "STOPPING": // BACKOFF: it is about to be started again.
		u.Running, u.Stopping = true, m[2] == "STOPPING"
	}
	return u, nil
}

func (s *supervisord) Off(ctx context.Context) error {
	if changed, err := s.reread(ctx); err != nil {
		return err
	} else if there, err := s.there(ctx, s.file()); err != nil {
		return err
	} else if changed && !there {
		return fmt.Errorf("the files of supervisord's program %s were changed, and not applied: look at them, then type `supervisorctl update %s`, which restarts it", s.Unit, s.Unit)
	}
	if _, err := s.root(ctx, s.write()...); err != nil {
		return err
	}
	_, err := s.reread(ctx)
	return err
}

// On applies the change to a running program only: update would start a stopped
// one, and what was down stays down. That one is applied at the next update.
func (s *supervisord) On(ctx context.Context, _ State) error {
	there, err := s.there(ctx, s.file())
	if err != nil {
		return err
	}
	if there {
		if err := s.aside(ctx, s.file()); err != nil {
			return err
		}
	}
	u, err := s.State(ctx)
	if err != nil || !u.Running {
		return err
	}
	return s.update(ctx)
}

func (s *supervisord) update(ctx context.Context) error {
	argv := []string{"supervisorctl", "update", s.Unit}
	out, err := s.root(ctx, argv...)
	if err == nil && strings.Contains(string(out.Stdout), "ERROR") {
		err = unclear(argv, out)
	}
	return err
}

func (s *supervisord) Stop(ctx context.Context) error {
	argv := []string{"supervisorctl", "stop", s.Unit}
	out, err := s.root(ctx, argv...)
	if err != nil {
		return err
	}
	if text := string(out.Stdout); strings.Contains(text, "ERROR") && !strings.Contains(text, "ERROR (not running)") {
		return unclear(argv, out)
	}
	off, err := s.there(ctx, s.file())
	if err != nil || !off {
		return err
	}
	return s.update(ctx)
}

// Start counts one that ended at once as started: whoever asked looks at the process.
func (s *supervisord) Start(ctx context.Context) error {
	if off, err := s.there(ctx, s.file()); err != nil {
		return err
	} else if off {
		u, err := s.State(ctx)
		if err != nil {
			return err
		}
		if u.Restarts {
			if err := s.update(ctx); err != nil {
				return err
			}
		}
	}
	argv := []string{"supervisorctl", "start", s.Unit}
	out, err := s.look(ctx, "root", argv...)
	if err != nil {
		return err
	}
	for _, well := range []string{": started", "ERROR (already started)", "ERROR (abnormal termination)"} {
		if strings.Contains(string(out.Stdout), well) {
			return nil
		}
	}
	return errors.Join(errors.New("supervisord did not start it"), unclear(argv, out))
}

// Reload makes supervisord read its files, and applies them to a program that is
// stopped and does not start by itself: update restarts every other one.
func (s *supervisord) Reload(ctx context.Context) error {
	u, err := s.State(ctx) // Reads.
	if err != nil {
		return err
	}
	if u.Running || u.Enabled {
		return fmt.Errorf("supervisord's program %s is %s, at boot %v: to apply its file would start it", s.Unit, u.Words, u.Enabled)
	}
	return s.update(ctx)
}

func (s *supervisord) Grants(kept string) [][]string {
	return [][]string{
		{"supervisorctl", "(reread|avail)"},
		{"supervisorctl", "(status|stop|start|update)", lit(s.Unit)},
		literally(s.write()),
		{"mv", "-T", "--", lit(s.file()), kept + "/" + lit(path.Base(s.file()))},
	}
}

func (s *supervisord) Works() []string { return []string{s.file()} }
func (s *supervisord) Runs() []string  { return nil }
