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

// A SchedulerSeen is what a look at one host found.
type SchedulerSeen struct {
	Host      string `json:"host"`
	Running   bool   `json:"running"`
	PID       int    `json:"pid,omitempty"`
	Lifecycle string `json:"lifecycle,omitempty"`
	Unit      string `json:"unit"`
	Uptime    int64  `json:"uptime_secs,omitempty"`
	LogSize   int64  `json:"log_bytes,omitempty"`
	Error     string `json:"error,omitempty"`
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

// Schedulers looks at every host's scheduler.
func (r *Recovery) Schedulers(ctx context.Context) ([]SchedulerSeen, error) {
	var mu sync.Mutex
	seen := map[string]SchedulerSeen{}
	err := r.survey(ctx, func(ctx context.Context, t *runner.Task) error {
		s, err := r.schedulerOn(ctx, t)
		s.Host = t.On
		if err != nil {
			s.Error = err.Error()
		}
		mu.Lock()
		defer mu.Unlock()
		seen[t.On] = s
		return nil
	})
	var list []SchedulerSeen
	for _, name := range r.Cluster.Names() {
		s, ok := seen[name]
		if !ok {
			s = SchedulerSeen{Host: name, Error: "could not be asked"}
		}
		list = append(list, s)
	}
	if len(seen) == 0 {
		return nil, err
	}
	return list, nil
}

// survey puts the helper on every host, asks, and takes the helper away again
// where it was not there before.
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
	state := &runner.State{}
	t := &runner.Task{Host: r.Hosts[name], On: name, Step: stepHelper, State: state, Say: func(runner.Event) error { return nil }}
	a, err := r.helperThere(ctx, t)
	if err != nil {
		return err
	}
	was := a.Yes
	if !was {
		if _, err := r.uploadHelper(ctx, t); err != nil {
			return err
		}
		if a, err = r.helperThere(ctx, t); err != nil {
			return err
		}
		if !a.Yes {
			return errors.New(a.Evidence)
		}
	}
	state.Apply(runner.Event{Kind: runner.StepDone, Step: stepHelper, Host: name, Facts: asJSON(a.Facts)})
	err = ask(ctx, t)
	if !was {
		if _, rerr := r.removeHelper(context.WithoutCancel(ctx), t, nil); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	return err
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

func (r *Recovery) schedulerOn(ctx context.Context, t *runner.Task) (SchedulerSeen, error) {
	l, err := r.flagsOf(ctx, t)
	s := SchedulerSeen{Running: l.Running, PID: l.Process.PID, Lifecycle: l.Lifecycle, Unit: l.Unit.Words, Uptime: l.Uptime}
	if err != nil {
		return s, err
	}
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{l.Flags["native_log_file_path"]}})
	s.LogSize = facts.Paths[l.Flags["native_log_file_path"]].Size
	return s, err
}

// Tasks lists the tasks of a run's backup, one line each.
func (r *Recovery) Tasks(s *runner.State) ([]string, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	return taskLines(file)
}
