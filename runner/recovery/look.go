package recovery

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
)

func (r preflight) lookStep() runner.Step {
	return runner.Step{
		ID: stepLook, Source: "pre-flight", Title: "Look at every host: access, tools, flags, configuration, disk, clock, backup",
		On: r.everyScheduler, Check: r.lookAtHost, Limit: 5 * time.Minute,
	}
}

// lookAtHost is pre-flight of one host. It gathers all that is wrong before it
// says so, so that people mend it in one go.
func (r preflight) lookAtHost(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	note := noted{subject: t.On}
	bad := note.bad

	look := node.Look{}
	if err := look.AtAccess(ctx, n); err != nil {
		return runner.Answer{}, telling(t, "access-missing", err)
	}
	if err := n.MayHaveJobs(ctx); err != nil {
		return runner.Answer{}, telling(t, "access-missing", err)
	}
	unit, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, telling(t, "cannot-tell", err)
	}
	look.Unit = unit
	vars, err := look.AtConfig(ctx, n)
	if err != nil {
		return runner.Answer{}, telling(t, "configuration-unreadable", err)
	}
	if master, _ := vars.Resolved("mesos_master_address"); master == r.Cluster.FakeMaster {
		// Cleanup would put it back as the original.
		bad("fake-master-left", "%s sets -mesos_master_address=%s: it is left from a recovery that was not ended. Put the original file back", n.Scheduler.ConfigFile, master)
	}
	if err := look.AtProcess(ctx, n, vars, bad); err != nil {
		return runner.Answer{}, telling(t, "cannot-tell", err)
	}
	missing := false
	for _, name := range node.NeededFlags {
		if look.Flags[name] == "" {
			missing = true
			bad("flag-missing", "-%s is set neither by the running scheduler nor by %s", name, n.Scheduler.ConfigFile)
		}
	}
	if !missing {
		if err := look.AtFiles(ctx, n, bad); err != nil {
			return runner.Answer{}, telling(t, "cannot-tell", err)
		}
		if err := r.lookAtBackup(ctx, t, &look); err != nil {
			return runner.Answer{}, telling(t, "cannot-tell", err)
		}
		r.lookAtLines(ctx, t, &look, &note)
	}
	if err := tell(t, note.found...); err != nil {
		return runner.Answer{}, err
	}
	if len(note.wrong) > 0 {
		a := runner.No("%s", note.words())
		if !missing {
			a = a.With(look) // A plan can be made all the same.
		}
		return a, nil
	}
	return runner.Yes("%s", lookWords(&look)).With(look), nil
}

// lookAtLines reads what the scheduler logged within the last hour: whether
// leadership flaps, and why, stands there. That it cannot be read stops nothing.
func (r preflight) lookAtLines(ctx context.Context, t *runner.Task, look *node.Look, note *noted) {
	n := r.on(t)
	switch s, err := r.on(t).Logged(ctx, r.Now().Add(look.Skew).Add(-time.Hour)); {
	case s.Missing:
		note.also(health.Found("cannot-tell", t.On, "what its scheduler logged within the last hour: its log could not be read as %s", r.Cluster.User))
	case err != nil:
		note.also(health.Found("cannot-tell", t.On, "what its scheduler logged within the last hour: %v", err))
	case s.Silent && look.Running:
		note.also(health.Found("cannot-tell", t.On, "what its scheduler logged within the last hour: %s", diagnose.Silent(look.Process.PID)))
	default:
		look.Lines, look.Scanned = s.Found, true
	}
	if !look.Log.Exists {
		note.also(health.Found("log-missing", t.On, "%s is not there", look.Flags["native_log_file_path"]))
	}
	if !look.Running {
		words := fmt.Sprintf("no scheduler process; the supervisor says %s", look.Unit.Words)
		if look.Uncompared {
			words += fmt.Sprintf("; so %s could not be compared with what a process was given: whether its start reads it is not known", n.Scheduler.ConfigFile)
		}
		note.also(health.Found("scheduler-down", t.On, "%s", words))
		return
	}
	at := n.Scheduler.HTTP
	if look.Lifecycle != "" {
		return
	}
	facts, err := n.Ask(ctx, probe.Request{Dials: []string{at}})
	if err == nil && facts.Dials[at] == "refused" && diagnose.Lingers(look, r.Now()) {
		note.also(health.Found("scheduler-lingers", t.On, "PID %d runs since %s, and nobody listens at %s", look.Process.PID, look.Process.Since.Format(time.RFC3339), at))
	}
}

func lookWords(l *node.Look) string {
	state := "scheduler not running (" + l.Unit.Words + ")"
	if l.Running {
		state = fmt.Sprintf("scheduler runs as PID %d since %s", l.Process.PID, l.Process.Since.Format(time.RFC3339))
	}
	if l.Lifecycle != "" {
		state += ", " + l.Lifecycle
	}
	here := "backup not here"
	if l.Backup != nil {
		here = fmt.Sprintf("backup here: %d bytes, %.12s", l.Backup.Report.Bytes, l.Backup.Report.SHA256)
	}
	return fmt.Sprintf("%s; log %s; quorum %s; %s; clock %+dms", state, l.Flags["native_log_file_path"], l.Flags["native_log_quorum_size"], here, l.Skew.Milliseconds())
}

// lookAtBackup decodes the backup that was asked for, where it lies on this host.
func (r preflight) lookAtBackup(ctx context.Context, t *runner.Task, look *node.Look) error {
	n := r.on(t)
	name := t.State.Request.Backup
	if name == "" || !slices.Contains(look.Backups, name) {
		return nil
	}
	b := node.BackupHere{Path: path.Join(look.Flags["backup_dir"], name)}
	if err := n.Read(ctx, 5*time.Minute, &b.Report, "backup", "inspect", "--json", b.Path); err != nil {
		return err
	}
	b.Report.TimestampMs = 0
	b.Report.Tasks.ByJob, b.Report.Tasks.ActiveByJob = nil, nil
	look.Backup = &b
	return nil
}

// look returns what pre-flight found on a host, or, of one that was left out
// before that, what was found when it came back.
func look(s *runner.State, host string) (node.Look, error) {
	if l, ok := foundHost.Of(s, host); ok {
		return l, nil
	}
	if l, ok := foundReturned.Of(s, host); ok {
		return l, nil
	}
	return node.Look{}, fmt.Errorf("pre-flight of %s is not in the journal", host)
}

func (r preflight) helperStep() runner.Step {
	return runner.Step{
		ID: stepHelper, Source: "pre-flight", Tool: true, Last: true,
		Title:  "Put the reader of logs and backups on every host, checked by its hash",
		On:     r.everyScheduler,
		Verify: r.helperThere,
		Holds:  r.helperThere,
		Do:     r.uploadHelper,
		Undo:   r.removeHelper,
		Shows: func(t *runner.Task) []string {
			return []string{"write " + path.Join(r.on(t).Scheduler.RunDir, "bin", "aurorabot-HASH")}
		},
	}
}

// tellSilent names a host that does not answer in the journal, where err says so.
func tellSilent(t *runner.Task, err error) error {
	if errors.Is(err, runner.ErrNotStarted) {
		return telling(t, "host-silent", err)
	}
	return err
}

func (r preflight) helperThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	f, err := n.Program(ctx)
	there := false
	if err == nil {
		there, err = n.Has(ctx, f)
	}
	switch {
	case err != nil:
		return runner.Answer{}, tellSilent(t, err)
	case !there:
		return runner.No("%s is not there with the hash %.12s", f.Path, f.SHA256), nil
	}
	return runner.Yes("%s has the hash %.12s", f.Path, f.SHA256).With(f), nil
}

func (r preflight) uploadHelper(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	f, err := n.Program(ctx)
	if err != nil {
		return nil, tellSilent(t, err)
	}
	return f, tellAccess(t, n.Upload(ctx, f))
}

// tellAccess names in the journal why the bot may not do on a host what it has to,
// where err says so.
func tellAccess(t *runner.Task, err error) error {
	if open := (*node.OpenError)(nil); errors.As(err, &open) {
		return telling(t, "root-path-open", err)
	}
	if err != nil && node.Refused(err) {
		return telling(t, "access-missing", err)
	}
	return err
}

func (r preflight) removeHelper(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	f, err := n.Program(ctx)
	if err == nil {
		err = n.Remove(ctx, f)
	}
	if err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s is gone", f.Path), nil
}
