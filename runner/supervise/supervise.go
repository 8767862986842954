// Package supervise drives what starts a scheduler again on its host, where that
// is not systemd: one adapter for each program, on what that program is known to answer.
package supervise

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
)

// A Supervisor starts the scheduler of one host again when it ends. What it
// cannot tell is an error.
type Supervisor interface {
	// State looks.
	State(ctx context.Context) (State, error)
	// Off keeps the scheduler from being started again by itself, also at boot.
	Off(ctx context.Context) error
	// On takes Off back; was is the state before Off.
	On(ctx context.Context, was State) error
	Stop(ctx context.Context) error
	Start(ctx context.Context) error
	// OffShows and so on are the commands for the plan.
	OffShows() []string
	StopShows() []string
	StartShows() []string
}

// State is what a supervisor says of its scheduler.
type State struct {
	Running  bool      `json:"running"`            // There is a process, or one is on its way.
	Stopping bool      `json:"stopping,omitempty"` // It runs, but is on its way down.
	PID      int       `json:"pid,omitempty"`      // 0 if not known.
	Enabled  bool      `json:"enabled"`            // Started at boot.
	Restarts bool      `json:"restarts"`           // Started again when it ends.
	Words    string    `json:"words"`              // As the supervisor says it.
	Exit     int       `json:"exit,omitempty"`     // Of the last process, if it ended.
	Since    time.Time `json:"since,omitzero"`     // Start of the last process.
	UnitFile string    `json:"unit_file,omitempty"`
	Policy   string    `json:"policy,omitempty"` // A container's restart policy, as its program takes it back.
}

// An Adapter is a [Supervisor] that says what root needs for it.
type Adapter interface {
	Supervisor

	// Grants are the commands that root runs. Each word is a regular expression;
	// kept is the one of [Site.Kept] for any run.
	Grants(kept string) [][]string

	// Works are the paths where root writes.
	Works() []string

	// Runs are the programs of the site that root runs.
	Runs() []string
}

// A Reloader reads the scheduler's part of its own files again, and starts nothing.
type Reloader interface {
	Reload(ctx context.Context) error
}

// A Site is one scheduler on one host.
type Site struct {
	Host    runner.Host
	Through runner.Keeper // For commands that only look.
	Unit    string        // The name of the service, program or container.
	Dir     string        // Where the supervisor's files lie; see [Dir].
	Kept    string        // A folder of root's for what the run takes away.
}

// kinds are the adapters, with the folder that each expects its files in.
var kinds = map[string]struct {
	dir string
	of  func(Site) Adapter
}{
	"docker":      {"", func(s Site) Adapter { return &container{s, "docker"} }},
	"monit":       {"", func(s Site) Adapter { return &monit{s} }},
	"podman":      {"", func(s Site) Adapter { return &container{s, "podman"} }},
	"runit":       {"/etc/service", func(s Site) Adapter { return &runit{s} }},
	"supervisord": {"/etc/supervisor/conf.d", func(s Site) Adapter { return &supervisord{s} }},
	"sysv":        {"/etc/init.d", func(s Site) Adapter { return &sysv{s} }},
	"upstart":     {"/etc/init", func(s Site) Adapter { return &upstart{s} }},
}

// Kinds are the names of the adapters, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Dir is the folder that a kind of supervisor has its files in by default, "" if
// it has none.
func Dir(kind string) string { return kinds[kind].dir }

// Of returns the adapter of that kind, or nil.
func Of(kind string, s Site) Adapter {
	k, ok := kinds[kind]
	if !ok {
		return nil
	}
	return k.of(s)
}

// root runs a command that changes something and wants exit status 0.
func (s Site) root(ctx context.Context, argv ...string) (runner.Output, error) {
	out, err := s.Host.Run(ctx, runner.Command{Argv: argv, User: "root", Limit: 3 * time.Minute})
	if err == nil && out.Exit != 0 {
		err = unclear(argv, out)
	}
	return out, err
}

// look runs a command that only looks. Its exit status is for the caller.
func (s Site) look(ctx context.Context, user string, argv ...string) (runner.Output, error) {
	return s.Host.Run(ctx, runner.Command{Argv: argv, User: user, Through: s.Through})
}

// there reports whether a file is there, as the login account sees it.
func (s Site) there(ctx context.Context, file string) (bool, error) {
	argv := []string{"test", "-e", file}
	out, err := s.look(ctx, "", argv...)
	switch {
	case err != nil:
		return false, fmt.Errorf("look for %s: %w", file, err)
	case out.Exit > 1:
		return false, unclear(argv, out)
	}
	return out.Exit == 0, nil
}

// aside moves a file of the run's into the folder of the run.
func (s Site) aside(ctx context.Context, file string) error {
	if _, err := s.root(ctx, "install", "-d", "-m", "0700", s.Kept); err != nil {
		return err
	}
	_, err := s.root(ctx, "mv", "-T", "--", file, path.Join(s.Kept, path.Base(file)))
	return err
}

// writing is the command that writes lines to a file. The content stands in the
// command, so that sudo allows this content and no other. No line has a quote in it.
func writing(file string, lines ...string) []string {
	return []string{"sh", "-c", `printf '%s\n' '` + strings.Join(lines, "' '") + `' >"$1"`, "sh", file}
}

// unclear is the error of an answer that means neither yes nor no.
func unclear(argv []string, out runner.Output) error {
	said := strings.TrimSpace(string(out.Stdout) + " " + string(out.Stderr))
	if len(said) > 300 {
		said = said[:300]
	}
	return fmt.Errorf("%s: exit status %d: %q", strings.Join(argv, " "), out.Exit, said)
}

// stopLimit bounds a stop: a scheduler is given a minute, and is killed then.
const stopLimit = 3 * time.Minute

func lit(s string) string { return regexp.QuoteMeta(s) }

func literally(argv []string) []string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = lit(a)
	}
	return out
}
