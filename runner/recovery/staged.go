package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/durable"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
)

// backupSum is the hash of what is restored: of the backup that pre-flight decoded,
// or of what was chosen instead.
func backupSum(s *runner.State) (string, error) {
	if s.Source != nil {
		return s.Source.SHA256, nil
	}
	c, ok := foundCluster.Of(s, runner.Bot)
	if !ok || c.Backup.SHA256 == "" {
		return "", errors.New("which backup pre-flight decoded is not in the journal")
	}
	return c.Backup.SHA256, nil
}

// backupTime is the inner time of what is restored: that of the commit's snapshot.
func backupTime(s *runner.State) time.Time {
	if s.Source != nil {
		return s.Source.Time
	}
	c, _ := foundCluster.Of(s, runner.Bot)
	return diagnose.ParseTime(c.Backup.Timestamp)
}

func (r staging) leaderBackup(ctx context.Context, t *runner.Task) (file string, p probe.Path, sum string, err error) {
	n := r.on(t)
	if sum, err = backupSum(t.State); err != nil {
		return "", p, "", err
	}
	l, err := n.Known()
	if err != nil {
		return "", p, "", err
	}
	file = path.Join(l.Flags["backup_dir"], backupName(t.State))
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{file}})
	return file, facts.Paths[file], sum, err
}

func (r staging) backupOnLeader(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if !p.Exists || p.SHA256 != sum {
		return runner.No("%s is not there with the hash %.12s", file, sum), nil
	}
	local, err := r.backupFile(t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	have, _, err := durable.HashWithin(ctx, local)
	if err != nil {
		return runner.Answer{}, fmt.Errorf("hash of the bot's copy: %w", err)
	}
	if have != sum {
		return runner.No("the bot's copy has the hash %.12s, the source had %.12s", have, sum), nil
	}
	return runner.Yes("%s: %.12s at the source, on the bot and here", file, sum), nil
}

func (r staging) backupNotInTheWay(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if p.Exists && p.SHA256 != sum {
		return runner.No("%s is there with another content (%.12s, the one meant has %.12s)", file, p.SHA256, sum), nil
	}
	return runner.Yes("nothing is in the way"), nil
}

func (r staging) copyBackup(ctx context.Context, t *runner.Task) (any, error) {
	sum, err := backupSum(t.State)
	if err != nil {
		return nil, err
	}
	l, err := look(t.State, t.On)
	if err != nil {
		return nil, err
	}
	local, err := r.backupFile(t.State)
	if err != nil {
		return nil, err
	}
	file := path.Join(l.Flags["backup_dir"], backupName(t.State))
	return map[string]string{"file": file}, t.Host.Put(ctx, runner.File{
		Path: file, Source: func() (io.ReadCloser, error) { return os.Open(local) }, Mode: 0o644, User: r.Cluster.User, Group: r.Cluster.Group, SHA256: sum,
	})
}

// backupOffLeader moves the copy that this run made out of the folder again.
func (r staging) backupOffLeader(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if !p.Exists {
		return runner.Yes("%s is not there", file), nil
	}
	if p.SHA256 != sum {
		return runner.No("%s is not what this run copied (%.12s)", file, p.SHA256), nil
	}
	to := path.Join(n.Folder(), "backups", "copied-"+backupName(t.State))
	if err := n.MakeFolder(ctx, "backups"); err != nil {
		return runner.Answer{}, err
	}
	if _, err := n.Run(ctx, r.Cluster.User, "mv", "-nT", "--", file, to); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s lies at %s", file, to), nil
}

// stake is what is approved at the commit gate: the facts of restore/compare-staged.
type stake struct {
	Tasks    int    `json:"tasks"`
	Dropped  int    `json:"dropped"`
	IDs      string `json:"ids_sha256"`                // Over the sorted ids of what is staged.
	Sum      string `json:"tasks_sha256"`              // Over their states and jobs, too.
	Previous int    `json:"previous"`                  // Tasks that the leader's storage holds before the commit.
	Before   string `json:"previous_sha256,omitempty"` // Over their ids.
	Equal    bool   `json:"equal"`                     // Staged and previous ids are the same: the log's end must tell.
	Printed  int    `json:"printed"`                   // Active tasks that aurora_admin printed.
}

func idsSum(ids map[string]bool) string {
	return node.SHA256([]byte(strings.Join(slices.Sorted(maps.Keys(ids)), "\n")))
}

// compareStaged compares what is staged with what is meant, and what
// aurora_admin prints (active tasks only) with both.
func (r staging) compareStaged(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	if a, err := r.exactlyEverywhere(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	tasks, staged, err := r.staged(ctx, t.On)
	if err != nil {
		if _, _, why := r.stagedHere(ctx, t); why != nil {
			err = why
		}
		return runner.Answer{}, err
	}
	have := idsOf(tasks)
	want, err := r.meant(ctx, t.State, true)
	if err != nil {
		return runner.Answer{}, err
	}
	d := differs(have, want)
	if !staged {
		d = "nothing is staged any more"
	}
	if d != "" {
		return runner.Answer{}, stagedElse(t, fmt.Sprintf("what is staged on %s is not the backup: %s", t.On, d))
	}
	if len(have) == 0 {
		return runner.No("nothing is staged on %s but an empty state (%d tasks dropped): a commit of it has Mesos kill every task that runs", t.On, len(t.State.Dropped)), nil
	}
	s := stake{Tasks: len(have), Dropped: len(t.State.Dropped), IDs: idsSum(have), Sum: tasksSum(tasks)}
	if s.Printed, err = r.print(ctx, t, want); err != nil {
		return runner.Answer{}, err
	}
	reply, err := n.Client().Tasks(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if !reply.OK() {
		return runner.Answer{}, fmt.Errorf("tasks of %s before the commit: %s", t.On, reply)
	}
	now := idsOf(reply.Tasks)
	s.Previous, s.Before, s.Equal = len(now), idsSum(now), differs(now, have) == ""
	return runner.Yes("%d tasks staged, equal to the backup task by task (%d dropped); the leader's storage holds %d now", s.Tasks, s.Dropped, s.Previous).With(s), nil
}

// print is the runbook's own look at what is staged.
func (r staging) print(ctx context.Context, t *runner.Task, want map[string]bool) (int, error) {
	if r.Cluster.Admin == "api" {
		return 0, nil
	}
	root := path.Join(r.on(t).Folder(), "admin")
	argv := aurora.AdminCommand(r.Cluster, r.Profile, root, 3*time.Minute, "scheduler_print_recovery_tasks")
	out, err := t.Host.Run(ctx, runner.Command{Argv: argv, User: r.Cluster.User, Limit: 200 * time.Second, Output: aurora.MaxAdmin})
	if err != nil {
		return 0, fmt.Errorf("scheduler_print_recovery_tasks: %w", err)
	}
	if a := aurora.ParseAdmin(out.Stdout, out.Stderr, out.Exit); !a.OK {
		return 0, fmt.Errorf("scheduler_print_recovery_tasks: %s %s", a.Code, a.Message)
	}
	n := 0
	for id := range aurora.RecoveryTasks(out.Stderr) {
		if !want[id] {
			return 0, fmt.Errorf("scheduler_print_recovery_tasks shows %.200s, which is not in the backup", id)
		}
		n++
	}
	return n, nil
}

// staked is what the commit gate binds: the fence, the staged tasks, the loss.
func staked(s *runner.State) any {
	f, _ := fenceOf(s)
	st, _ := foundStake.Of(s, f.Host)
	return map[string]any{
		"leader": map[string]any{"host": f.Host, "pid": f.PID, "start": f.Start},
		"staged": st,
		"loss":   lossAtStake(s),
	}
}

// lossAtStake is what was found that a restore loses, as approvals bind to it.
func lossAtStake(s *runner.State) map[string]any {
	l, _ := foundLoss.Of(s, runner.Bot)
	return map[string]any{"known": l.Known, "against": l.Against, "killed": l.Killed, "resurrected": l.Revived, "jobs": l.Jobs, "running_killed": l.MesosKilled, "running_known": l.MesosKnown, "total": health.LossOf(l.sources()...)}
}
