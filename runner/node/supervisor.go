package node

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/supervise"
)

// A Supervisor starts the scheduler of one host again when it ends.
type Supervisor = supervise.Supervisor

// UnitState is what a supervisor says of its scheduler.
type UnitState = supervise.State

// Supervisor is what starts the host's scheduler.
func (n *Node) Supervisor() Supervisor {
	if n.Cluster.Supervisor == "commands" {
		return &ownCommands{n, n.Cluster.Commands}
	}
	if a := adapter(n); a != nil {
		return a
	}
	return &systemd{n, n.Cluster.Unit}
}

// adapter is the supervisor, if it is one of package supervise, or nil.
func adapter(n *Node) supervise.Adapter {
	site := supervise.Site{Host: n.Host, Unit: n.Cluster.Unit}
	if n.Scheduler != nil { // A plan shows commands for a leader that is not elected yet.
		site.Through, site.Dir, site.Kept = n.through(), n.Scheduler.RuntimeDir, KeptFolder(n.Scheduler.RunDir, n.RunID)
	}
	return supervise.Of(n.Cluster.Supervisor, site)
}

// systemd drives a unit. Off is a run-time drop-in, Restart=no, and "disable"
// where the unit was enabled: `systemctl mask` fails where the unit file lies in
// /etc/systemd/system.
type systemd struct {
	n    *Node
	unit string
}

// DropInCommand writes the drop-in. Its content stands in the command, so that
// sudo allows this content and no other: a unit's drop-in can run anything as root.
func DropInCommand(file string) []string {
	return []string{"sh", "-c", `printf '%s\n' '[Service]' 'Restart=no' >"$1"`, "sh", file}
}

// DropIn is where systemd looks for the drop-in of a unit.
func DropIn(runtimeDir, unit string) string {
	return path.Join(runtimeDir, unit+".service.d", "90-aurorabot.conf")
}

func (s *systemd) dropIn() string { return DropIn(s.n.Scheduler.RuntimeDir, s.unit) }

func (s *systemd) OffShows() []string {
	return []string{
		"write " + s.dropIn() + ": Restart=no",
		"systemctl daemon-reload",
		"systemctl disable " + s.unit + " (where it is enabled)",
	}
}

func (s *systemd) StopShows() []string { return []string{"systemctl stop " + s.unit} }

func (s *systemd) StartShows() []string {
	if s.readsConfig() {
		return []string{"systemctl daemon-reload", "systemctl start " + s.unit}
	}
	return []string{"systemctl start " + s.unit}
}

// readsConfig tells whether the flags are written in what systemd itself reads; a plan
// may be made for a host that is not named yet.
func (s *systemd) readsConfig() bool {
	return s.n.Scheduler != nil && flagfile.IsUnit(s.n.Scheduler.ConfigFile)
}

// Reload has systemd read its files again, where the flags are in one of them.
func (s *systemd) Reload(ctx context.Context) error {
	if !s.readsConfig() {
		return nil
	}
	return asRoot(ctx, s.n, []string{"systemctl", "daemon-reload"})
}

func (s *systemd) State(ctx context.Context) (UnitState, error) {
	// In UTC: it writes times in the zone of who asks, and names the zone by
	// letters that mean nothing elsewhere.
	out, err := s.n.Peek(ctx, "", "env", "TZ=UTC", "systemctl", "show", s.unit,
		"-p", "LoadState,ActiveState,SubState,MainPID,UnitFileState,Restart,FragmentPath,ExecMainStatus,ExecMainStartTimestamp,NeedDaemonReload")
	if err != nil {
		return UnitState{}, err
	}
	v := map[string]string{}
	for line := range strings.Lines(string(out.Stdout)) {
		k, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		v[k] = value
	}
	if v["LoadState"] != "loaded" {
		return UnitState{}, fmt.Errorf("systemd's unit %s is %q", s.unit, v["LoadState"])
	}
	u := UnitState{
		Words: v["ActiveState"] + " (" + v["SubState"] + ")", UnitFile: v["FragmentPath"],
		Restarts: v["Restart"] != "no" && v["Restart"] != "",
	}
	switch v["ActiveState"] {
	case "active", "reloading", "activating", "deactivating":
		u.Running, u.Stopping = true, v["ActiveState"] == "deactivating"
	case "inactive", "failed":
	default:
		return u, fmt.Errorf("systemd's unit %s is in unknown state %q", s.unit, v["ActiveState"])
	}
	switch v["UnitFileState"] {
	case "enabled", "enabled-runtime":
		u.Enabled = true
	case "disabled", "static", "indirect", "linked", "linked-runtime", "masked", "masked-runtime", "transient", "generated":
	default:
		return u, fmt.Errorf("systemd's unit %s: unknown UnitFileState %q", s.unit, v["UnitFileState"])
	}
	if u.PID, err = strconv.Atoi(v["MainPID"]); err != nil {
		return u, fmt.Errorf("systemd's unit %s: MainPID is %q", s.unit, v["MainPID"])
	}
	u.Exit, _ = strconv.Atoi(v["ExecMainStatus"])                                       // Absent before the first start.
	u.Since, _ = time.Parse("Mon 2006-01-02 15:04:05 UTC", v["ExecMainStartTimestamp"]) // As above. Another zone: not known.
	return u, nil
}

func (s *systemd) Off(ctx context.Context) error {
	was, err := s.State(ctx)
	if err != nil {
		return err
	}
	file := s.dropIn()
	commands := [][]string{{"install", "-d", "-m", "0755", path.Dir(file)}, DropInCommand(file), {"systemctl", "daemon-reload"}}
	if was.Enabled {
		commands = append(commands, []string{"systemctl", "disable", s.unit})
	}
	return asRoot(ctx, s.n, commands...)
}

func (s *systemd) On(ctx context.Context, was UnitState) error {
	file := s.dropIn()
	out, err := s.n.Host.Run(ctx, runner.Command{Argv: []string{"test", "-e", file}, Through: s.n.through()})
	if err != nil {
		return fmt.Errorf("look for %s: %w", file, err)
	}
	if out.Exit == 0 {
		// Where only root can put anything, else it would be moved to where a link says.
		kept := KeptFolder(s.n.Scheduler.RunDir, s.n.RunID)
		if err := asRoot(ctx, s.n, []string{"install", "-d", "-m", "0700", kept}, []string{"mv", "-T", "--", file, path.Join(kept, path.Base(file))}); err != nil {
			return err
		}
		// Only if nothing else lies in it.
		if _, err := s.n.Host.Run(ctx, runner.Command{Argv: []string{"rmdir", path.Dir(file)}, User: "root"}); err != nil {
			return fmt.Errorf("rmdir %s: %w", path.Dir(file), err)
		}
	}
	commands := [][]string{{"systemctl", "daemon-reload"}}
	if was.Enabled {
		commands = append(commands, []string{"systemctl", "enable", s.unit})
	}
	return asRoot(ctx, s.n, commands...)
}

func (s *systemd) Stop(ctx context.Context) error {
	_, err := s.n.Host.Run(ctx, runner.Command{Argv: []string{"systemctl", "stop", s.unit}, User: "root", Limit: 3 * time.Minute})
	return err
}

// Start has the files read again first: a crash may have come between the change of
// one and its reload.
func (s *systemd) Start(ctx context.Context) error {
	if err := s.Reload(ctx); err != nil {
		return err
	}
	return asRoot(ctx, s.n, []string{"systemctl", "start", s.unit})
}

// ownCommands drives a supervisor by the commands of the configuration.
type ownCommands struct {
	n *Node
	c aurora.SupervisorCommands
}

func (o *ownCommands) OffShows() []string   { return []string{Shown(o.c.Disable)} }
func (o *ownCommands) StopShows() []string  { return []string{Shown(o.c.Stop)} }
func (o *ownCommands) StartShows() []string { return []string{Shown(o.c.Start)} }

func (o *ownCommands) State(ctx context.Context) (UnitState, error) {
	running, err := yesNo(ctx, o.n, o.c.IsRunning, 3)
	if err != nil {
		return UnitState{}, err
	}
	enabled, err := yesNo(ctx, o.n, o.c.IsEnabled, 1)
	if err != nil {
		return UnitState{}, err
	}
	words := "not running"
	if running {
		words = "running"
	}
	return UnitState{Running: running, Enabled: enabled, Restarts: enabled, Words: words}, nil
}

// yesNo runs a command whose exit status is the answer: 0 is yes, no is no,
// everything else can't be told.
func yesNo(ctx context.Context, n *Node, argv []string, no int) (bool, error) {
	if len(argv) == 0 {
		return false, errors.New("the configuration names no command for it")
	}
	out, err := n.Host.Run(ctx, runner.Command{Argv: argv, User: "root", Through: n.through()})
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", argv[0], err)
	case out.Exit == 0:
		return true, nil
	case out.Exit == no:
		return false, nil
	}
	return false, fmt.Errorf("%s: exit status %d means neither yes nor no: %s", Shown(argv), out.Exit, Tail(out))
}

func (o *ownCommands) Off(ctx context.Context) error { return asRoot(ctx, o.n, o.c.Disable) }

func (o *ownCommands) On(ctx context.Context, was UnitState) error {
	if !was.Enabled {
		return nil
	}
	return asRoot(ctx, o.n, o.c.Enable)
}

func (o *ownCommands) Stop(ctx context.Context) error { return asRoot(ctx, o.n, o.c.Stop) }

func (o *ownCommands) Start(ctx context.Context) error { return asRoot(ctx, o.n, o.c.Start) }
