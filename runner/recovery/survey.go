package recovery

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/backup"
	"aurorabot/runner/probe"
)

// A BackupFound is one backup on one host, decoded where it lies.
type BackupFound struct {
	Host   string        `json:"host"`
	Path   string        `json:"path"`
	MTime  time.Time     `json:"mtime"`
	Report backup.Report `json:"report"`
	Odd    string        `json:"odd,omitempty"` // Why it is no backup by its name.
}

// Backups decodes every backup of every host, on the host. A host that cannot
// be asked is an error beside what the others gave.
func (r *Recovery) Backups(ctx context.Context) ([]BackupFound, error) {
	var mu sync.Mutex
	var all []BackupFound
	err := r.survey(ctx, func(ctx context.Context, t *runner.Task) error {
		found, err := r.backupsOf(ctx, t)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, found...)
		return err
	})
	return all, err
}

// survey puts a helper for looks on every host, asks, and takes it away again.
func (r *Recovery) survey(ctx context.Context, ask func(context.Context, *runner.Task) error) error {
	errs := make([]error, len(r.Cluster.Schedulers))
	var wg sync.WaitGroup
	for i, name := range r.Cluster.Names() {
		wg.Go(func() {
			if err := r.surveyHost(ctx, name, ask); err != nil {
				errs[i] = fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Recovery) surveyHost(ctx context.Context, name string, ask func(context.Context, *runner.Task) error) error {
	v := &visit{t: &runner.Task{Host: r.Hosts[name], On: name, Step: stepHelper, State: &runner.State{}, Say: func(runner.Event) error { return nil }}}
	if err := r.enter(ctx, v); err != nil {
		return err
	}
	defer r.leave(context.WithoutCancel(ctx), v)
	return ask(ctx, v.t)
}

func (r *Recovery) flagsOf(ctx context.Context, t *runner.Task) (hostLook, error) {
	var l hostLook
	unit, err := r.supervisor().State(ctx, t)
	if err != nil {
		return l, err
	}
	l.Unit = unit
	text, err := r.readConfig(ctx, t)
	if err != nil {
		return l, err
	}
	vars, err := aurora.ParseShellVars(r.scheduler(t).ConfigFile, text)
	if err != nil {
		return l, err
	}
	var wrong []string
	err = r.lookAtProcess(ctx, t, &l, vars, func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) })
	if err == nil && l.Flags["backup_dir"] == "" {
		err = fmt.Errorf("-backup_dir is not known: %s", strings.Join(wrong, "; "))
	}
	return l, err
}

func (r *Recovery) backupsOf(ctx context.Context, t *runner.Task) ([]BackupFound, error) {
	l, err := r.flagsOf(ctx, t)
	if err != nil {
		return nil, err
	}
	facts, err := r.probe(ctx, t, probe.Request{Backups: l.Flags["backup_dir"]})
	if err != nil {
		return nil, err
	}
	var found []BackupFound
	for _, f := range facts.Backups {
		b := BackupFound{Host: t.On, Path: path.Join(l.Flags["backup_dir"], f.Name), MTime: f.MTime}
		if err := aurora.CheckBackupName(f.Name); err != nil {
			b.Odd = "not named like a backup"
			b.Report.Bytes = f.Size
			found = append(found, b)
			continue
		}
		if err := r.readJSON(ctx, t, 5*time.Minute, &b.Report, "backup", "inspect", "--json", b.Path); err != nil {
			return found, err
		}
		found = append(found, b)
	}
	return found, nil
}

// Tasks lists the tasks of a run's backup, one line each.
func (r *Recovery) Tasks(s *runner.State) ([]string, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	return taskLines(file)
}
