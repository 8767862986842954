package recovery

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
)

// restore is the runbook's "Restore from backup".
func (r staging) restore() runner.Phase {
	steps := []runner.Step{
		{
			ID: stepElected, Source: "Restore ¶1", Title: "Identify the leading scheduler: /vars, ZooKeeper's candidates and the processes agree",
			On: onBot, Check: r.leading().electedLeader, Limit: 10 * time.Minute,
		},
		{
			ID: stepCopy, Source: "Restore ¶2", Title: "Copy the backup into the leader's backup folder, hashes equal on every side",
			On: theLeader, Check: r.backupNotInTheWay, Verify: r.backupOnLeader, Do: r.copyBackup, Undo: r.backupOffLeader, Limit: 15 * time.Minute,
			Keeps: "the backup stays in the leader's folder, as the runbook leaves it",
			Shows: func(t *runner.Task) []string {
				return []string{fmt.Sprintf("write %s into the leader's -backup_dir, where it is missing", backupName(t.State))}
			},
		},
		{
			ID: stepStage, Source: "Restore ¶2", Title: "Stage the backup on the leader",
			On: theLeader, Check: r.mayStage, Verify: r.stagedAsMeant, Do: r.stage, Undo: r.unstage, Dangerous: true,
			Keeps: "the commit consumes what is staged",
			Shows: func(t *runner.Task) []string {
				return []string{r.adminShows("scheduler_stage_recovery", backupName(t.State))}
			},
		},
		{
			ID: stepDrop, Source: "Restore ¶3", Title: "Delete tasks from what is staged",
			On: theLeader, Check: r.exactlyEverywhere, Verify: r.tasksDropped, Do: r.dropTasks, Dangerous: true,
			Undo:   stays("what is staged goes as a whole"),
			Keeps:  "the commit consumes what is staged",
			Needed: func(s *runner.State) (bool, string) { return len(s.Dropped) > 0, "nobody asked to drop tasks" },
			Shows: func(t *runner.Task) []string {
				return []string{r.adminShows("scheduler_delete_recovery_tasks", strings.Join(t.State.Dropped, ","))}
			},
		},
		{
			ID: stepCompare, Source: "Restore ¶3", Title: "Print what is staged, and compare it with the backup task by task",
			On: theLeader, Check: r.compareStaged, Dangerous: true,
		},
		r.proving().commitStep(),
		r.proving().spareStep(),
		r.proving().proveStep(),
	}
	steps = append(append(steps, r.proving().unknownSteps()...), r.proving().lingerStep())
	return runner.Phase{ID: "restore", Title: "Restore from backup", Source: "Restore from backup", Steps: steps}
}

func (r staging) adminShows(verb string, args ...string) string {
	if r.Cluster.Admin == "api" {
		return strings.TrimSpace("POST /api " + verb + " " + strings.Join(args, " "))
	}
	argv := []string{r.Cluster.AdminPath, verb}
	if r.Profile.Bypass {
		argv = append(argv, "--bypass-leader-redirect")
	}
	return node.Shown(append(append(argv, r.Cluster.AdminName), args...))
}

// act does one of the calls that change something, on the task's host: through
// aurora_admin there, or the API. The answer's OK is the scheduler's own word.
// what names the job.
func (r staging) act(ctx context.Context, t *runner.Task, what string, limit time.Duration, verb string, args ...string) (aurora.AdminAnswer, error) {
	if err := r.readyToAct(ctx, t); err != nil {
		return aurora.AdminAnswer{}, err
	}
	return r.actNow(ctx, t, what, limit, verb, args...)
}

func adminRoot(n *node.Node) string { return path.Join(n.Folder(), "admin") }

// readyToAct puts what aurora_admin reads on the task's host.
func (r staging) readyToAct(ctx context.Context, t *runner.Task) error {
	n := r.on(t)
	if r.Cluster.Admin == "api" {
		return nil
	}
	if err := n.MakeFolder(ctx, path.Base(adminRoot(n))); err != nil {
		return err
	}
	return t.Host.Put(ctx, runner.File{
		Path: path.Join(adminRoot(n), "clusters.json"), Content: aurora.ClustersJSON(r.Cluster, "http://"+n.Scheduler.HTTP), Mode: 0o644, User: r.Cluster.User,
	})
}

// actNow is the call alone, after readyToAct.
func (r staging) actNow(ctx context.Context, t *runner.Task, what string, limit time.Duration, verb string, args ...string) (aurora.AdminAnswer, error) {
	n := r.on(t)
	if r.Cluster.Admin == "api" {
		return r.actByAPI(ctx, t, verb, args)
	}
	argv := aurora.AdminCommand(r.Cluster, r.Profile, adminRoot(n), limit, verb, args...)
	out, err := n.Detached(ctx, what, runner.Command{Argv: argv, User: r.Cluster.User, Limit: jobLimit(limit), Output: aurora.MaxAdmin}, nil)
	if err != nil {
		return aurora.AdminAnswer{}, fmt.Errorf("aurora_admin %s: %w", verb, err)
	}
	return aurora.ParseAdmin(out.Stdout, out.Stderr, out.Exit), nil
}

// jobLimit is the limit of a job around a command that has its own.
func jobLimit(limit time.Duration) time.Duration { return limit + 15*time.Second }

// calledNoMore waits until no aurora_admin of a step's first tries is at work.
func (r staging) calledNoMore(ctx context.Context, n *node.Node, step string, tries int, limit time.Duration, names ...string) error {
	if r.Cluster.Admin == "api" {
		return nil
	}
	for _, what := range names {
		if err := n.Over(ctx, step, what, tries, runner.Command{User: r.Cluster.User, Limit: jobLimit(limit)}); err != nil {
			return err
		}
	}
	return nil
}

func (r staging) actByAPI(ctx context.Context, t *runner.Task, verb string, args []string) (aurora.AdminAnswer, error) {
	n := r.on(t)
	c := n.Client()
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

// exactlyEverywhere asks before stage, verify and commit: every host runs exactly
// what this run started, and the leader is the one that was found.
func (r staging) exactlyEverywhere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	nodes := r.nodes(t.State)
	all, err := node.Everywhere(nodes, func(n *node.Node) (runner.Answer, error) { return exactly(ctx, t.State, n) })
	if err != nil {
		return runner.Answer{}, err
	}
	for i, a := range all {
		if !a.Yes {
			return runner.Answer{}, replaced(t, nodes[i].Name, a.Evidence)
		}
	}
	if err := r.leading().sameLeader(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("every host runs the scheduler that this run started, and %s leads as found", t.On), nil
}

// startBefore is the step that starts a host's scheduler before it is staged.
// The newest start can lie behind the commit, where one that proved absent was
// looked for: that step has no turn again before the next one is sent.
func startBefore(s *runner.State, host string) string {
	if step := newestStart(s, host); step == stepStart || step == stepRestart {
		return step
	}
	if s.Passed(stepRestart, host) {
		return stepRestart
	}
	return stepStart
}

// replaced ends the walk because a host does not run the scheduler that this run
// started: the leader may be another one, and a commit could wait on that host
// for its turn to lead. Resume starts what is down and takes a new fence.
func replaced(t *runner.Task, host, why string) error {
	if err := tell(t, health.Found("scheduler-replaced", host, "%s", why)); err != nil {
		return err
	}
	return &runner.Ending{
		Reason: runner.StopExpired, Reopen: append([]string{startBefore(t.State, host)}, afterElection...),
		Why: why + ". What was staged may be gone, and approvals for it are void; resume starts what is down, finds the leader and stages again",
	}
}

func (r staging) mayStage(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	if a, err := r.exactlyEverywhere(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	reply, err := n.Client().Staged(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if reply.OK() && !t.State.Of(t.Step, t.On).Begun {
		return runner.No("something is staged on %s already (%d tasks), and not by this run: somebody else may be at work. `aurora_admin scheduler_unload_recovery` forgets it", t.On, len(reply.Tasks)), nil
	}
	return runner.Yes("every host runs the scheduler that this run started, %s leads as found, and nothing of others is staged", t.On), nil
}

// staged asks for what is staged on a host; is is false if nothing is.
func (r staging) staged(ctx context.Context, host string) (tasks []aurora.Task, is bool, err error) {
	c := r.Node(host).Client()
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
	return reply.Tasks, true, nil
}

// stagedTasks are the ids of what is staged.
func (r staging) stagedTasks(ctx context.Context, host string) (ids map[string]bool, is bool, err error) {
	tasks, is, err := r.staged(ctx, host)
	if err != nil || !is {
		return nil, is, err
	}
	return idsOf(tasks), true, nil
}

func idsOf(tasks []aurora.Task) map[string]bool {
	ids := map[string]bool{}
	for _, task := range tasks {
		ids[task.ID] = true
	}
	return ids
}

// tasksSum is a hash of all that is known of tasks: two backups may hold the
// same ids in other states.
func tasksSum(tasks []aurora.Task) string {
	lines := make([]string, len(tasks))
	for i, task := range tasks {
		lines[i] = fmt.Sprintf("%s %d %s/%s/%s", task.ID, task.Status, task.Role, task.Env, task.Job)
	}
	slices.Sort(lines)
	return node.SHA256([]byte(strings.Join(lines, "\n")))
}

// stagedHere is stagedTasks for a step that needs the answer: where the
// scheduler is gone, that ends the walk, so that a resume starts it again.
func (r staging) stagedHere(ctx context.Context, t *runner.Task) (ids map[string]bool, staged bool, err error) {
	ids, staged, err = r.stagedTasks(ctx, t.On)
	if err != nil {
		// The wait for Mesos may have ended while people decided; its process stays.
		if why := missing(ctx, t.State, r.on(t)); why != "" {
			return nil, false, replaced(t, t.On, why)
		}
	}
	return ids, staged, err
}

// meant are the ids that should be staged: the backup's, less those dropped.
func (r staging) meant(ctx context.Context, s *runner.State, dropped bool) (map[string]bool, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	all, _, err := backupTasks(ctx, file)
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

func (r staging) stagedAsMeant(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("this run staged nothing yet"), nil // Whatever is staged, it is not ours: Check says so.
	}
	have, staged, err := r.stagedHere(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if !staged {
		return runner.No("nothing is staged on %s", t.On), nil
	}
	want, err := r.meant(ctx, t.State, false)
	if err != nil {
		return runner.Answer{}, err
	}
	if less, err := r.meant(ctx, t.State, true); err == nil && differs(have, less) == "" {
		want = less // A drop came after the staging.
	}
	if d := differs(have, want); d != "" {
		return runner.No("staged on %s: %s", t.On, d), nil
	}
	return runner.Yes("%d tasks are staged on %s, the backup's", len(have), t.On), nil
}

// stagings are the names of jobs that stage: a second one in one try, after what
// was staged by the first was found to be something else.
const (
	stagingFirst = "scheduler_stage_recovery"
	stagingAgain = stagingFirst + "-again"
	stagingLimit = 3 * time.Minute

	unloading = "scheduler_unload_recovery"
	dropping  = "scheduler_delete_recovery_tasks"
)

func (r staging) stage(ctx context.Context, t *runner.Task) (any, error) {
	if err := r.calledNoMore(ctx, r.on(t), t.Step, t.State.Of(t.Step, t.On).Try-1, stagingLimit, stagingFirst, stagingAgain); err != nil {
		return nil, err
	}
	what := stagingFirst
	// What this run staged before and no longer is as meant is in the way.
	if _, staged, err := r.stagedTasks(ctx, t.On); err != nil {
		return nil, err
	} else if staged {
		if _, err := r.act(ctx, t, unloading, time.Minute, unloading); err != nil {
			return nil, err
		}
		what = stagingAgain
	}
	a, err := r.act(ctx, t, what, stagingLimit, "scheduler_stage_recovery", backupName(t.State))
	if err != nil {
		return nil, err
	}
	if !a.OK {
		return a, fmt.Errorf("staging: %s %s", a.Code, a.Message)
	}
	return a, nil
}

func (r staging) unstage(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	if err := r.calledNoMore(ctx, r.on(t), t.Step, t.State.Of(t.Step, t.On).Try, stagingLimit, stagingFirst, stagingAgain); err != nil {
		return runner.Answer{}, err
	}
	if _, staged, err := r.stagedTasks(ctx, t.On); err != nil {
		// It lives in the process only, which the undo stops anyway.
		return runner.Yes("what is staged goes with the process, which is stopped next (%v)", err), nil
	} else if !staged {
		return runner.Yes("nothing is staged"), nil
	}
	a, err := r.act(ctx, t, unloading, time.Minute, unloading)
	if err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{Yes: a.OK, Evidence: "unloaded: " + a.Code + " " + a.Message}, nil
}

// stagedElse ends the walk where something else is staged than this run staged:
// to look again would find it again, and to stage again is for people to say.
func stagedElse(t *runner.Task, what string) error {
	if err := tell(t, health.Found("staged-differs", t.On, "%s", what)); err != nil {
		return err
	}
	return &runner.Ending{
		Reason: runner.StopExpired, Reopen: []string{stepStage, stepDrop, stepCompare, stepCommit},
		Why: what + ". Somebody unloaded or replaced it. Nothing was committed; resume stages the backup again and asks for new approvals",
	}
}

// within tells whether all ids of some are in all.
func within(some, all map[string]bool) bool {
	for id := range some {
		if !all[id] {
			return false
		}
	}
	return true
}

func (r staging) tasksDropped(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	have, staged, err := r.stagedHere(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	want, err := r.meant(ctx, t.State, true)
	if err != nil {
		return runner.Answer{}, err
	}
	all, err := r.meant(ctx, t.State, false)
	if err != nil {
		return runner.Answer{}, err
	}
	d := differs(have, want)
	if !staged {
		d = "nothing is staged any more"
	}
	switch {
	case !staged || !within(want, have) || !within(have, all):
		return runner.Answer{}, stagedElse(t, fmt.Sprintf("what is staged on %s is not the backup: %s", t.On, d))
	case d != "":
		return runner.No("staged on %s: %s", t.On, d), nil
	}
	return runner.Yes("%d tasks are dropped, %d stay staged", len(t.State.Dropped), len(have)), nil
}

func (r staging) dropTasks(ctx context.Context, t *runner.Task) (any, error) {
	a, err := r.act(ctx, t, dropping, time.Minute, dropping, strings.Join(t.State.Dropped, ","))
	if err != nil {
		return nil, err
	}
	if !a.OK {
		return a, fmt.Errorf("dropping tasks: %s %s", a.Code, a.Message)
	}
	return a, nil
}
