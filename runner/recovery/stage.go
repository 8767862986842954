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
	"aurorabot/runner/probe"
)

// restore is the runbook's "Restore from backup".
func (r *Recovery) restore() runner.Phase {
	steps := []runner.Step{
		{
			ID: stepElected, Source: "Restore ¶1", Title: "Identify the leading scheduler: /vars, ZooKeeper's candidates and the processes agree",
			On: onBot, Check: r.electedLeader, Limit: 10 * time.Minute,
		},
		{
			ID: stepCopy, Source: "Restore ¶2", Title: "Copy the backup into the leader's backup folder, hashes equal on every side",
			On: r.theLeader, Check: r.backupNotInTheWay, Verify: r.backupOnLeader, Do: r.copyBackup, Undo: r.backupOffLeader, Limit: 15 * time.Minute,
			Keeps: "the backup stays in the leader's folder, as the runbook leaves it",
			Shows: func(t *runner.Task) []string {
				return []string{fmt.Sprintf("write %s into the leader's -backup_dir, where it is missing", t.State.Request.Backup)}
			},
		},
		{
			ID: stepStage, Source: "Restore ¶2", Title: "Stage the backup on the leader",
			On: r.theLeader, Check: r.mayStage, Verify: r.stagedAsMeant, Do: r.stage, Undo: r.unstage, Dangerous: true,
			Keeps: "the commit consumes what is staged",
			Shows: func(t *runner.Task) []string {
				return []string{r.adminShows("scheduler_stage_recovery", t.State.Request.Backup)}
			},
		},
		{
			ID: stepDrop, Source: "Restore ¶3", Title: "Delete tasks from what is staged",
			On: r.theLeader, Verify: r.tasksDropped, Do: r.dropTasks,
			Undo:   stays("what is staged goes as a whole"),
			Keeps:  "the commit consumes what is staged",
			Needed: func(s *runner.State) (bool, string) { return len(s.Dropped) > 0, "nobody asked to drop tasks" },
			Shows: func(t *runner.Task) []string {
				return []string{r.adminShows("scheduler_delete_recovery_tasks", strings.Join(t.State.Dropped, ","))}
			},
		},
		{
			ID: stepCompare, Source: "Restore ¶3", Title: "Print what is staged, and compare it with the backup task by task",
			On: r.theLeader, Check: r.compareStaged,
		},
		r.commitStep(),
		r.proveStep(),
	}
	steps = append(append(steps, r.unknownSteps()...), r.lingerStep())
	return runner.Phase{ID: "restore", Title: "Restore from backup", Source: "Restore from backup", Steps: steps}
}

func (r *Recovery) adminShows(verb string, args ...string) string {
	if r.Cluster.Admin == "api" {
		return strings.TrimSpace("POST /api " + verb + " " + strings.Join(args, " "))
	}
	argv := []string{r.Cluster.AdminPath, verb}
	if r.Profile.Bypass {
		argv = append(argv, "--bypass-leader-redirect")
	}
	return shown(append(append(argv, r.Cluster.AdminName), args...))
}

// act does one of the calls that change something, on the task's host: through
// aurora_admin there, or the API. The answer's OK is the scheduler's own word.
func (r *Recovery) act(ctx context.Context, t *runner.Task, limit time.Duration, verb string, args ...string) (aurora.AdminAnswer, error) {
	if r.Cluster.Admin == "api" {
		return r.actByAPI(ctx, t, verb, args)
	}
	root := path.Join(r.folder(t), "admin")
	if err := r.makeFolder(ctx, t, root); err != nil {
		return aurora.AdminAnswer{}, err
	}
	if err := t.Host.Put(ctx, runner.File{
		Path: path.Join(root, "clusters.json"), Content: aurora.ClustersJSON(r.Cluster, "http://"+r.scheduler(t).HTTP), Mode: 0o644, User: r.Cluster.User,
	}); err != nil {
		return aurora.AdminAnswer{}, err
	}
	argv := aurora.AdminCommand(r.Cluster, r.Profile, root, limit, verb, args...)
	out, err := t.Host.Run(ctx, runner.Command{Argv: argv, User: r.Cluster.User, Limit: limit + 15*time.Second, Output: 64 << 20})
	if err != nil {
		return aurora.AdminAnswer{}, fmt.Errorf("aurora_admin %s: %w", verb, err)
	}
	return aurora.ParseAdmin(out.Stdout, out.Stderr, out.Exit), nil
}

func (r *Recovery) actByAPI(ctx context.Context, t *runner.Task, verb string, args []string) (aurora.AdminAnswer, error) {
	c := r.client(t.On)
	c.Limit = 5 * time.Minute
	var reply aurora.Reply
	var err error
	switch verb {
	case "scheduler_stage_recovery":
		reply, err = c.Stage(ctx, args[0])
	case "scheduler_unload_recovery":
		reply, err = c.Unload(ctx)
	case "scheduler_delete_recovery_tasks":
		reply, err = c.Delete(ctx, strings.Split(args[0], ","))
	case "scheduler_commit_recovery":
		reply, err = c.Commit(ctx)
	case "scheduler_snapshot":
		reply, err = c.Snapshot(ctx)
	default:
		return aurora.AdminAnswer{}, fmt.Errorf("the API has no %s", verb)
	}
	if err != nil {
		return aurora.AdminAnswer{}, err
	}
	code, _, _ := strings.Cut(reply.String(), ":")
	return aurora.AdminAnswer{OK: reply.OK(), Code: code, Message: strings.Join(reply.Messages, ", ")}, nil
}

// backupSum is the hash of the backup that pre-flight decoded.
func backupSum(s *runner.State) (string, error) {
	var c clusterLook
	if !s.Facts(stepCluster, runner.Bot, &c) || c.Backup.SHA256 == "" {
		return "", errors.New("which backup pre-flight decoded is not in the journal")
	}
	return c.Backup.SHA256, nil
}

func (r *Recovery) leaderBackup(ctx context.Context, t *runner.Task) (file string, p probe.Path, sum string, err error) {
	if sum, err = backupSum(t.State); err != nil {
		return "", p, "", err
	}
	l, err := look(t.State, t.On)
	if err != nil {
		return "", p, "", err
	}
	file = path.Join(l.Flags["backup_dir"], t.State.Request.Backup)
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{file}})
	return file, facts.Paths[file], sum, err
}

func (r *Recovery) backupOnLeader(ctx context.Context, t *runner.Task) (runner.Answer, error) {
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
	have, err := hashOf(local)
	if err != nil {
		return runner.Answer{}, fmt.Errorf("hash of the bot's copy: %w", err)
	}
	if have != sum {
		return runner.No("the bot's copy has the hash %.12s, the source had %.12s", have, sum), nil
	}
	return runner.Yes("%s: %.12s at the source, on the bot and here", file, sum), nil
}

func (r *Recovery) backupNotInTheWay(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if p.Exists && p.SHA256 != sum {
		return runner.No("%s is there with another content (%.12s, the one meant has %.12s)", file, p.SHA256, sum), nil
	}
	return runner.Yes("nothing is in the way"), nil
}

func (r *Recovery) copyBackup(ctx context.Context, t *runner.Task) (any, error) {
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
	file := path.Join(l.Flags["backup_dir"], t.State.Request.Backup)
	return map[string]string{"file": file}, t.Host.Put(ctx, runner.File{
		Path: file, Source: func() (io.ReadCloser, error) { return os.Open(local) }, Mode: 0o644, User: r.Cluster.User, Group: r.Cluster.Group, SHA256: sum,
	})
}

// backupOffLeader moves the copy that this run made out of the folder again.
func (r *Recovery) backupOffLeader(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
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
	to := path.Join(r.folder(t), "copied-"+t.State.Request.Backup)
	if _, err := run(ctx, t, "root", "mv", "-nT", "--", file, to); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s lies at %s", file, to), nil
}

// exactlyEverywhere asks before stage and commit: every host runs exactly what
// this run started, and the leader is the one that was found.
func (r *Recovery) exactlyEverywhere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	for _, name := range r.Cluster.Names() {
		on := *t
		on.Host, on.On = r.Hosts[name], name
		if a, err := r.exactly(ctx, &on); err != nil || !a.Yes {
			return a, err
		}
	}
	if err := r.sameLeader(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("every host runs the scheduler that this run started, and %s leads as found", t.On), nil
}

func (r *Recovery) mayStage(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	reply, err := r.client(t.On).Staged(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if reply.OK() && !t.State.Of(t.Step, t.On).Begun {
		return runner.No("something is staged on %s already (%d tasks), and not by this run: somebody else may be at work. `aurora_admin scheduler_unload_recovery` forgets it", t.On, len(reply.Tasks)), nil
	}
	return r.exactlyEverywhere(ctx, t)
}

// stagedTasks are the ids of what is staged; staged is false if nothing is.
func (r *Recovery) stagedTasks(ctx context.Context, host string) (ids map[string]bool, staged bool, err error) {
	c := r.client(host)
	c.Limit = 2 * time.Minute
	reply, err := c.Staged(ctx)
	if err != nil {
		return nil, false, err
	}
	if !reply.OK() {
		if strings.Contains(reply.String(), "No backup loaded") {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("what is staged on %s: %s", host, reply)
	}
	ids = map[string]bool{}
	for _, task := range reply.Tasks {
		ids[task.ID] = true
	}
	return ids, true, nil
}

// meant are the ids that should be staged: the backup's, less those dropped.
func (r *Recovery) meant(s *runner.State, dropped bool) (map[string]bool, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	all, _, err := backupTasks(file)
	if err != nil {
		return nil, err
	}
	if dropped {
		for _, id := range s.Dropped {
			delete(all, id)
		}
	}
	return all, nil
}

// differs says in words how two sets of task ids differ, "" if they don't.
func differs(have, want map[string]bool) string {
	var more, fewer []string
	for id := range have {
		if !want[id] {
			more = append(more, id)
		}
	}
	for id := range want {
		if !have[id] {
			fewer = append(fewer, id)
		}
	}
	if len(more)+len(fewer) == 0 {
		return ""
	}
	slices.Sort(more)
	slices.Sort(fewer)
	s := fmt.Sprintf("%d tasks, want %d", len(have), len(want))
	for _, l := range []struct {
		what string
		ids  []string
	}{{"not expected", more}, {"missing", fewer}} {
		if len(l.ids) > 0 {
			s += fmt.Sprintf("; %d %s, for example %s", len(l.ids), l.what, l.ids[0])
		}
	}
	return s
}

func (r *Recovery) stagedAsMeant(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("this run staged nothing yet"), nil // Whatever is staged, it is not ours: Check says so.
	}
	have, staged, err := r.stagedTasks(ctx, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	if !staged {
		return runner.No("nothing is staged on %s", t.On), nil
	}
	want, err := r.meant(t.State, false)
	if err != nil {
		return runner.Answer{}, err
	}
	if less, err := r.meant(t.State, true); err == nil && differs(have, less) == "" {
		want = less // A drop came after the staging.
	}
	if d := differs(have, want); d != "" {
		return runner.No("staged on %s: %s", t.On, d), nil
	}
	return runner.Yes("%d tasks are staged on %s, the backup's", len(have), t.On), nil
}

func (r *Recovery) stage(ctx context.Context, t *runner.Task) (any, error) {
	// What this run staged before and no longer is as meant is in the way.
	if _, staged, err := r.stagedTasks(ctx, t.On); err != nil {
		return nil, err
	} else if staged {
		if _, err := r.act(ctx, t, time.Minute, "scheduler_unload_recovery"); err != nil {
			return nil, err
		}
	}
	a, err := r.act(ctx, t, 3*time.Minute, "scheduler_stage_recovery", t.State.Request.Backup)
	if err != nil {
		return nil, err
	}
	if !a.OK {
		return a, fmt.Errorf("staging: %s %s", a.Code, a.Message)
	}
	return a, nil
}

func (r *Recovery) unstage(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	if _, staged, err := r.stagedTasks(ctx, t.On); err != nil {
		// It lives in the process only, which the undo stops anyway.
		return runner.Yes("what is staged goes with the process, which is stopped next (%v)", err), nil
	} else if !staged {
		return runner.Yes("nothing is staged"), nil
	}
	a, err := r.act(ctx, t, time.Minute, "scheduler_unload_recovery")
	if err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{Yes: a.OK, Evidence: "unloaded: " + a.Code + " " + a.Message}, nil
}

func (r *Recovery) tasksDropped(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	have, staged, err := r.stagedTasks(ctx, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	want, err := r.meant(t.State, true)
	if err != nil {
		return runner.Answer{}, err
	}
	if d := differs(have, want); !staged || d != "" {
		return runner.No("staged on %s: %s", t.On, d), nil
	}
	return runner.Yes("%d tasks are dropped, %d stay staged", len(t.State.Dropped), len(have)), nil
}

func (r *Recovery) dropTasks(ctx context.Context, t *runner.Task) (any, error) {
	a, err := r.act(ctx, t, time.Minute, "scheduler_delete_recovery_tasks", strings.Join(t.State.Dropped, ","))
	if err != nil {
		return nil, err
	}
	if !a.OK {
		return a, fmt.Errorf("dropping tasks: %s %s", a.Code, a.Message)
	}
	return a, nil
}

// stake is what is approved at the commit gate: the facts of restore/compare-staged.
type stake struct {
	Tasks    int    `json:"tasks"`
	Dropped  int    `json:"dropped"`
	IDs      string `json:"ids_sha256"` // Over the sorted ids of what is staged.
	Previous int    `json:"previous"`   // Tasks that the leader's storage holds before the commit.
	Equal    bool   `json:"equal"`      // Staged and previous ids are the same: the log's end must tell.
	Printed  int    `json:"printed"`    // Active tasks that aurora_admin printed.
}

func idsSum(ids map[string]bool) string {
	return sha256Hex([]byte(strings.Join(slices.Sorted(maps.Keys(ids)), "\n")))
}

// compareStaged compares what is staged with what is meant, and what
// aurora_admin prints (active tasks only) with both.
func (r *Recovery) compareStaged(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	have, staged, err := r.stagedTasks(ctx, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	want, err := r.meant(t.State, true)
	if err != nil {
		return runner.Answer{}, err
	}
	if d := differs(have, want); !staged || d != "" {
		return runner.No("what is staged on %s is not the backup: %s", t.On, d), nil
	}
	s := stake{Tasks: len(have), Dropped: len(t.State.Dropped), IDs: idsSum(have)}
	if s.Printed, err = r.print(ctx, t, want); err != nil {
		return runner.Answer{}, err
	}
	reply, err := r.client(t.On).Tasks(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if !reply.OK() {
		return runner.Answer{}, fmt.Errorf("tasks of %s before the commit: %s", t.On, reply)
	}
	now := map[string]bool{}
	for _, task := range reply.Tasks {
		now[task.ID] = true
	}
	s.Previous, s.Equal = len(now), differs(now, have) == ""
	return runner.Yes("%d tasks staged, equal to the backup task by task (%d dropped); the leader's storage holds %d now", s.Tasks, s.Dropped, s.Previous).With(s), nil
}

// print is the runbook's own look at what is staged.
func (r *Recovery) print(ctx context.Context, t *runner.Task, want map[string]bool) (int, error) {
	if r.Cluster.Admin == "api" {
		return 0, nil
	}
	root := path.Join(r.folder(t), "admin")
	argv := aurora.AdminCommand(r.Cluster, r.Profile, root, 3*time.Minute, "scheduler_print_recovery_tasks")
	out, err := t.Host.Run(ctx, runner.Command{Argv: argv, User: r.Cluster.User, Limit: 200 * time.Second, Output: 64 << 20})
	if err != nil {
		return 0, fmt.Errorf("scheduler_print_recovery_tasks: %w", err)
	}
	if a := aurora.ParseAdmin(out.Stdout, out.Stderr, out.Exit); !a.OK {
		return 0, fmt.Errorf("scheduler_print_recovery_tasks: %s %s", a.Code, a.Message)
	}
	ids := aurora.ParseRecoveryTasks(out.Stderr)
	for _, id := range ids {
		if !want[id] {
			return 0, fmt.Errorf("scheduler_print_recovery_tasks shows %s, which is not in the backup", id)
		}
	}
	return len(ids), nil
}

// staked is what the commit gate binds: the fence, the staged tasks, the loss.
func (r *Recovery) staked(s *runner.State) any {
	f, _ := r.fence(s)
	var st stake
	s.Facts(stepCompare, f.Host, &st)
	var l loss
	s.Facts(stepLoss, runner.Bot, &l)
	return map[string]any{
		"leader": map[string]any{"host": f.Host, "pid": f.PID, "start": f.Start},
		"staged": st,
		"loss":   map[string]any{"known": l.Known, "against": l.Against, "killed": l.Killed, "resurrected": l.Revived, "jobs": l.Jobs, "running_killed": l.MesosKilled, "running_known": l.MesosKnown},
	}
}
