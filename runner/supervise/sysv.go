package supervise

import (
	"context"
	"fmt"
	"path"
	"strings"

	"aurorabot/runner"
)

// sysv drives a script of /etc/init.d. Nothing starts it again but boot: Off moves
// its links S?? of the runlevels 2 to 5 aside, and On moves the same links back,
// which no tool of a distribution would do with the same numbers.
type sysv struct{ Site }

func (s *sysv) script() string { return path.Join(s.Dir, s.Unit) }

func (s *sysv) rc(level string) string { return path.Join(path.Dir(s.Dir), "rc"+level+".d") }

var levels = []string{"2", "3", "4", "5"}

func (s *sysv) OffShows() []string   { return []string{"move aside " + s.rc("[2-5]") + "/S??" + s.Unit} }
func (s *sysv) StopShows() []string  { return []string{s.script() + " stop"} }
func (s *sysv) StartShows() []string { return []string{s.script() + " start"} }

// State reads the exit status of the script's "status", as the Linux Standard Base
// has it (LSB Core 5.0, 22.2 Init Script Actions): 0 runs, 1 and 2 dead with a
// file left, 3 does not run, 4 and others unknown.
func (s *sysv) State(ctx context.Context) (State, error) {
	argv := []string{s.script(), "status"}
	out, err := s.look(ctx, "root", argv...)
	if err != nil {
		return State{}, err
	}
	u, err := lsbState(argv, out)
	if err != nil {
		return u, err
	}
	links, err := s.links(ctx)
	u.Enabled, u.UnitFile = len(links) > 0, s.script()
	return u, err
}

func lsbState(argv []string, out runner.Output) (State, error) {
	said := strings.ToLower(string(out.Stdout) + string(out.Stderr))
	switch {
	// A script that knows no "status" shows its usage, mostly with status 1.
	case out.Exit > 3 || out.Exit != 0 && strings.Contains(said, "usage"):
		return State{}, fmt.Errorf("its script must know \"status\": %w", unclear(argv, out))
	case out.Exit == 0:
		return State{Running: true, Words: "running"}, nil
	case out.Exit == 3:
		return State{Words: "not running"}, nil
	}
	return State{Words: "dead, with a file left"}, nil
}

// links are those that start it at boot.
func (s *sysv) links(ctx context.Context) ([]string, error) {
	argv := []string{"find", "-H"}
	for _, l := range levels {
		argv = append(argv, s.rc(l))
	}
	return s.find(ctx, "", append(argv, "-maxdepth", "1", "-name", "S[0-9][0-9]"+s.Unit))
}

func (s *sysv) find(ctx context.Context, user string, argv []string) ([]string, error) {
	out, err := s.look(ctx, user, argv...)
	if err != nil {
		return nil, err
	}
	if out.Exit != 0 {
		return nil, unclear(argv, out)
	}
	return strings.Fields(string(out.Stdout)), nil
}

// asideLink is the name of a link in the folder of the run: rc3.d-S03aurora.
func asideLink(link string) string { return path.Base(path.Dir(link)) + "-" + path.Base(link) }

func (s *sysv) Off(ctx context.Context) error {
	links, err := s.links(ctx)
	if err != nil || len(links) == 0 {
		return err
	}
	if _, err := s.root(ctx, "install", "-d", "-m", "0700", s.Kept); err != nil {
		return err
	}
	for _, l := range links {
		if _, err := s.root(ctx, "mv", "-T", "--", l, path.Join(s.Kept, asideLink(l))); err != nil {
			return err
		}
	}
	return nil
}

func (s *sysv) listKept(kept string) []string {
	return []string{"find", kept, "-maxdepth", "1", "-name", "rc[2-5].d-S[0-9][0-9]" + s.Unit}
}

func (s *sysv) On(ctx context.Context, was State) error {
	if !was.Enabled {
		return nil
	}
	if _, err := s.root(ctx, "install", "-d", "-m", "0700", s.Kept); err != nil {
		return err
	}
	links, err := s.find(ctx, "root", s.listKept(s.Kept))
	if err != nil {
		return err
	}
	for _, l := range links {
		dir, name, _ := strings.Cut(path.Base(l), "-")
		if _, err := s.root(ctx, "mv", "-T", "--", l, path.Join(path.Dir(s.Dir), dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *sysv) Stop(ctx context.Context) error {
	_, err := s.root(ctx, s.script(), "stop")
	return err
}

func (s *sysv) Start(ctx context.Context) error {
	_, err := s.root(ctx, s.script(), "start")
	return err
}

func (s *sysv) Grants(kept string) [][]string {
	link := lit(path.Dir(s.Dir)) + `/rc[2-5]\.d/S[0-9]{2}` + lit(s.Unit)
	away := kept + `/rc[2-5]\.d-S[0-9]{2}` + lit(s.Unit)
	list := literally(s.listKept(""))
	list[1] = kept
	return [][]string{
		{s.script(), "(status|stop|start)"},
		{"mv", "-T", "--", link, away},
		{"mv", "-T", "--", away, link},
		list,
	}
}

func (s *sysv) Works() []string {
	var w []string
	for _, l := range levels {
		w = append(w, path.Join(s.rc(l), "S00"+s.Unit)) // Its folder is what counts.
	}
	return w
}

func (s *sysv) Runs() []string { return []string{s.script()} }
