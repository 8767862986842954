package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
)

// A host is a machine with a scheduler.
type host struct {
	w     *world
	name  string
	fs    *files
	unit  *unit
	procs []*process
	pid   int
	skew  time.Duration // Of its clock.
	until time.Time     // Down until then.

	tables map[string]*table // Of nft, by name.
	jobs   map[string]*job
	lost   []*orphan // Commands whose connection was lost.

	was      original
	before   []byte          // The configuration file as the configuration manager found it.
	touched  map[string]bool // What others than the bot changed: "config", "unit", "firewall", "process", "log".
	returned bool            // A scheduler was started on the log as it was found, on the real master: what it writes since is its own.
	asFound  string          // Hash of the log when its scheduler was stopped by the run, before anything started on it.
}

// original is how a host was before the run.
type original struct {
	config  node
	enabled bool
	running bool
	hadLog  bool
}

// A table is one of nft's.
type table struct {
	port  string
	until time.Time
	tag   string
}

const (
	configFile = "/etc/default/aurora-scheduler"
	runDir     = "/var/lib/aurorabot"
	runtimeDir = "/run/systemd/system"
	logPath    = "/var/lib/aurora/scheduler/db"
	backupDir  = "/var/lib/aurora/scheduler/backups"
	unitName   = "aurora-scheduler"
	userID     = 110
	user       = "aurora"
	fakeMaster = "zk://127.0.0.1:2/nonexistent/mesos"
	realMaster = "zk://zk1:2181/mesos"

	mesosAddress = "10.0.1.1:5050"
)

func (h *host) dropIn() string {
	return path.Join(runtimeDir, unitName+".service.d", "90-aurorabot.conf")
}

func (h *host) down() bool { return h.w.instant().Before(h.until) }

// reboot takes the host away for a while: processes, packet filter and all that
// lies under /run are gone after it.
func (h *host) reboot() {
	w := h.w
	h.until = w.instant().Add(w.between(40*time.Second, 90*time.Second))
	for _, p := range h.procs {
		p.end(137, false)
	}
	for _, j := range h.jobs {
		j.over = true
	}
	h.lost = nil
	h.tables = map[string]*table{}
	h.unit.starting, h.unit.stopping, h.unit.main, h.unit.since, h.unit.exit = false, false, nil, time.Time{}, 0
	for _, p := range h.fs.below(runtimeDir) {
		delete(h.fs.nodes, p)
	}
	h.unit.reload()
	w.after(h.until.Sub(w.instant())+time.Second, func() {
		if h.unit.enabled {
			h.unit.start("boot")
		}
	})
}

// A view is a host as one incarnation of the bot reaches it.
type view struct {
	h   *host
	bot *incarnation
}

var (
	errDead = errors.New("the bot's process is gone")
	errLost = errors.New("connection lost: what became of the command is not known")
)

func (v *view) Name() string { return v.h.name }
func (v *view) Close() error { return nil }

// wait lets virtual time go by.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run runs a command. Between its beginning and its end others have turns; what
// goes wrong on the way is the fate's.
func (v *view) Run(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	key := v.h.name + " run " + strings.Join(cmd.Argv, " ")
	limit := cmd.Limit
	if limit == 0 {
		limit = time.Minute
	}
	if cmd.Job != "" {
		return v.runJob(ctx, cmd, limit)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return v.reach(ctx, key, cmd, func() (runner.Output, time.Duration) { return v.h.exec(cmd) })
}

// reach does something on the host that takes a while and may go wrong.
func (v *view) reach(ctx context.Context, key string, cmd runner.Command, do func() (runner.Output, time.Duration)) (out runner.Output, err error) {
	w := v.h.w
	var takes time.Duration
	var f string
	w.turns.take(key, func() {
		if v.bot.dead {
			err = errDead
			return
		}
		w.mishap()
		_, limited := ctx.Deadline()
		switch {
		case v.bot.dead:
			err = errDead
			return
		case v.h.down():
			err = fmt.Errorf("dial %s: no route to host: %w", v.h.name, runner.ErrNotStarted)
			return
		}
		v.h.sweep()
		changes := effectOf(cmd)
		takes = w.between(20*time.Millisecond, 120*time.Millisecond)
		if strings.HasPrefix(changes, "admin:") {
			takes = w.between(300*time.Millisecond, 4*time.Second)
		}
		f = w.fate.runFault(changes)
		if f != "" {
			w.tell("fault", "%s: %s: %s", v.h.name, strings.Join(cmd.Argv, " "), f)
		}
		a := &act{kind: "issue", host: v.h, by: "bot", what: changes, cmd: &cmd, limited: limited}
		switch f {
		case "not started":
			err = fmt.Errorf("dial %s: connection refused: %w", v.h.name, runner.ErrNotStarted)
			return
		case "crash before":
			w.crash("before " + strings.Join(cmd.Argv, " ") + " on " + v.h.name)
			err = errDead
			return
		}
		w.act(a)
		switch f {
		case "lost, done later":
			v.h.orphaned(w.between(time.Second, 40*time.Second), do)
			err = errLost
		case "lost, not done":
			err = errLost
		case "lost, done":
			do()
			err = errLost
		case "crash during":
			v.h.orphaned(w.between(100*time.Millisecond, 30*time.Second), do)
			w.crash("during " + strings.Join(cmd.Argv, " ") + " on " + v.h.name)
			err = errDead
		case "hangs, not done", "hangs, done":
			takes = 24 * time.Hour
			if f == "hangs, done" {
				do()
			}
		}
	})
	if err != nil {
		return out, err
	}
	late := wait(ctx, takes)
	var more time.Duration
	w.turns.take(key, func() {
		switch {
		case v.bot.dead:
			// Begun before the bot died: the host may well go on with it.
			if f == "" && w.chance(50) && !v.h.down() {
				do()
			}
			err = errDead
		case late != nil:
			// Cancelled: the command is ended, or was done already.
			if f == "" && w.chance(50) && !v.h.down() {
				do()
			}
			err = late
		case v.h.down():
			err = errLost
		default:
			out, more = do()
			if f == "crash after" {
				w.crash("after " + strings.Join(cmd.Argv, " ") + " on " + v.h.name)
				err = errDead
			}
		}
	})
	if err == nil && more > 0 {
		err = wait(ctx, more)
	}
	return out, err
}

// Put writes a file, whole or not at all.
func (v *view) Put(ctx context.Context, f runner.File) error {
	content := f.Content
	if f.Source != nil {
		in, err := f.Source()
		if err != nil {
			return err
		}
		defer in.Close()
		if content, err = io.ReadAll(in); err != nil {
			return err
		}
	}
	cmd := runner.Command{Argv: []string{"(put)", f.Path}, User: f.User, Stdin: content}
	_, err := v.reach(ctx, v.h.name+" put "+f.Path, cmd, func() (runner.Output, time.Duration) {
		uid := map[string]int{"root": 0, user: userID}[f.User]
		v.h.fs.put(f.Path, &node{content: bytes.Clone(content), mode: f.Mode, uid: uid, gid: uid, mtime: v.h.w.now()})
		return runner.Output{}, 0
	})
	if err == nil && f.SHA256 != "" {
		if n := (&node{content: content}); n.hash() != f.SHA256 {
			return fmt.Errorf("write %s: the hash differs", f.Path)
		}
	}
	return err
}

// Get reads a file.
func (v *view) Get(ctx context.Context, p, _ string, to io.Writer) (int64, error) {
	var content []byte
	missing := false
	_, err := v.reach(ctx, v.h.name+" get "+p, runner.Command{Argv: []string{"(get)", p}}, func() (runner.Output, time.Duration) {
		if p == configFile {
			v.h.w.looked(v.h.name, "config")
		}
		n := v.h.fs.at(p)
		missing = n == nil || n.dir
		if !missing {
			content = bytes.Clone(n.content)
		}
		return runner.Output{}, 0
	})
	if err != nil {
		return 0, err
	}
	if missing {
		return 0, fmt.Errorf("read %s: no such file", p)
	}
	n, err := to.Write(content)
	return int64(n), err
}
