package supervise

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"aurorabot/runner"
)

// upstart drives a job. Off is an override file: "manual" against boot, and every
// exit is a normal one, after which a job is not respawned. A running job keeps the
// configuration that it was started with (init(5)), so On restarts one that runs.
//
// The answers are those of initctl(8) and init(5) of upstart 1.4 to 1.13 (read 2026-12-01).
type upstart struct{ Site }

func (u *upstart) conf() string     { return path.Join(u.Dir, u.Unit+".conf") }
func (u *upstart) override() string { return path.Join(u.Dir, u.Unit+".override") }

// overrideLines are the content of the override file.
func overrideLines() []string {
	var b strings.Builder
	b.WriteString("normal exit")
	for status := range 256 {
		b.WriteString(" " + strconv.Itoa(status))
	}
	b.WriteString(" HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM")
	return []string{"# Written by aurorabot for a recovery.", "manual", b.String()}
}

func (u *upstart) write() []string { return writing(u.override(), overrideLines()...) }

func (u *upstart) OffShows() []string {
	return []string{"write " + u.override() + ": manual, every exit is normal", "initctl reload-configuration", "at the end, where it runs: it is stopped and started once more"}
}
func (u *upstart) StopShows() []string  { return []string{"initctl stop " + u.Unit} }
func (u *upstart) StartShows() []string { return []string{"initctl start " + u.Unit} }

var (
	initctlStatus = regexp.MustCompile(`^(\S+) (start|stop)/(waiting|starting|security|tmpfiles|pre-start|spawned|post-start|running|pre-stop|stopping|killed|post-stop)(?:, process ([0-9]+))?$`)
	startOn       = regexp.MustCompile(`(?m)^\s*start\s+on\s`)
	respawn       = regexp.MustCompile(`(?m)^\s*respawn\s*(#.*)?$`)
)

func (u *upstart) State(ctx context.Context) (State, error) {
	argv := []string{"initctl", "status", u.Unit}
	out, err := u.look(ctx, "root", argv...)
	if err != nil {
		return State{}, err
	}
	s, err := initctlState(argv, out, u.Unit)
	if err != nil {
		return s, err
	}
	conf, _, err := u.read(ctx, u.conf())
	if err != nil {
		return s, err
	}
	ours, there, err := u.read(ctx, u.override())
	if err != nil {
		return s, err
	}
	s.UnitFile = u.conf()
	s.Enabled, s.Restarts = startOn.MatchString(conf), respawn.MatchString(conf)
	switch {
	case !there:
	case ours == strings.Join(overrideLines(), "\n")+"\n":
		s.Enabled, s.Restarts = false, false
	default:
		return s, fmt.Errorf("%s is there, and not the bot's: what it changes cannot be told. Put its content into %s, or write supervisor: {kind: commands, …}", u.override(), u.conf())
	}
	return s, nil
}

func initctlState(argv []string, out runner.Output, unit string) (State, error) {
	// The line of the main process comes first; those of pre-stop and so on are indented.
	first, _, _ := strings.Cut(strings.TrimSpace(string(out.Stdout)), "\n")
	m := initctlStatus.FindStringSubmatch(first)
	if out.Exit != 0 || m == nil || m[1] != unit {
		return State{}, unclear(argv, out)
	}
	s := State{Words: m[2] + "/" + m[3], Running: m[3] != "waiting"}
	s.Stopping = s.Running && m[2] == "stop"
	s.PID, _ = strconv.Atoi(m[4]) // Absent without a process.
	return s, nil
}

// read reads a file as the login account; that it is not there is an answer for
// the override only.
func (u *upstart) read(ctx context.Context, file string) (text string, there bool, err error) {
	there, err = u.there(ctx, file)
	if err != nil || !there && file == u.override() {
		return "", false, err
	}
	argv := []string{"cat", "--", file}
	out, err := u.look(ctx, "", argv...)
	if err == nil && out.Exit != 0 {
		err = unclear(argv, out)
	}
	return string(out.Stdout), true, err
}

func (u *upstart) Off(ctx context.Context) error {
	if _, err := u.State(ctx); err != nil { // Another one's override is not written over.
		return err
	}
	if _, err := u.root(ctx, u.write()...); err != nil {
		return err
	}
	return u.Reload(ctx)
}

// Reload is part of [Reloader].
func (u *upstart) Reload(ctx context.Context) error {
	_, err := u.root(ctx, "initctl", "reload-configuration")
	return err
}

func (u *upstart) On(ctx context.Context, was State) error {
	there, err := u.there(ctx, u.override())
	if err != nil || !there {
		return err
	}
	if err := u.aside(ctx, u.override()); err != nil {
		return err
	}
	if err := u.Reload(ctx); err != nil {
		return err
	}
	s, err := u.State(ctx)
	if err != nil || !s.Running || !was.Restarts {
		return err
	}
	if err := u.Stop(ctx); err != nil {
		return err
	}
	return u.Start(ctx)
}

// Stop stops it; one that does not run is stopped (initctl: "Unknown instance").
func (u *upstart) Stop(ctx context.Context) error { return u.do(ctx, "stop", "Unknown instance") }

// Start starts it; one that runs is started ("Job is already running").
func (u *upstart) Start(ctx context.Context) error {
	return u.do(ctx, "start", "Job is already running")
}

func (u *upstart) do(ctx context.Context, verb, already string) error {
	argv := []string{"initctl", verb, u.Unit}
	out, err := u.Host.Run(ctx, runner.Command{Argv: argv, User: "root", Limit: stopLimit})
	if err == nil && out.Exit != 0 && !strings.Contains(string(out.Stderr), already) {
		err = unclear(argv, out)
	}
	return err
}

func (u *upstart) Grants(kept string) [][]string {
	return [][]string{
		{"initctl", "(status|stop|start)", lit(u.Unit)},
		{"initctl", "reload-configuration"},
		literally(u.write()),
		{"mv", "-T", "--", lit(u.override()), kept + "/" + lit(path.Base(u.override()))},
	}
}

func (u *upstart) Works() []string { return []string{u.override()} }
func (u *upstart) Runs() []string  { return nil }
