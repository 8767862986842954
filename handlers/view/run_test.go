package view_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// The people of the made-up run.
const (
	ann = "T0TEAM001/U0ANN00001" // Who asks.
	bob = "T0TEAM001/U0BOB00001"
	cat = "T0TEAM001/U0CAT00001"
)

var hosts = []string{"s1", "s2", "s3"}

// total is what all who were asked know of the loss.
var total = health.LossOf(health.LossSource{Source: health.LossByLog, Killed: 8, Jobs: map[string]int{"ads/prod/bidder": 7, "www-data/prod/web": 1}},
	health.LossSource{Source: health.LossByMesos, Killed: 9, Complete: true, Jobs: map[string]int{"ads/prod/bidder": 8, "www-data/prod/web": 1}})

// toy is a recipe with the real one's steps, as far as messages tell them apart.
func toy() *runner.Recipe {
	every := func(*runner.State) []string { return hosts }
	onBot := func(*runner.State) []string { return []string{runner.Bot} }
	onLeader := func(s *runner.State) []string {
		if s.Passed("restore/find-leader", runner.Bot) {
			return []string{"s2"}
		}
		return []string{"leader"}
	}
	look := func(id, title string, on func(*runner.State) []string) runner.Step {
		return runner.Step{ID: id, Title: title, Source: "pre-flight", On: on, Check: answers}
	}
	do := func(id, title string, on func(*runner.State) []string, shows ...string) runner.Step {
		return runner.Step{ID: id, Title: title, Source: "the runbook", On: on, Verify: answers, Do: does, Undo: undoes,
			Shows: func(t *runner.Task) []string { return shows }}
	}
	commit := do("restore/commit", "Commit: overwrite the replicated log with what is staged", onLeader, "aurora_admin scheduler_commit_recovery devcluster")
	commit.Undo, commit.Once = nil, true
	commit.OneWay = "the scheduler overwrites its replicated log with the backup and fails over at once; the old log stays in the run's folder on every host"
	drop := do("restore/drop-tasks", "Delete tasks from what is staged", onLeader)
	drop.Needed = func(s *runner.State) (bool, string) { return len(s.Dropped) > 0, "nobody asked to drop tasks" }
	return &runner.Recipe{
		ID: "staged", Version: 1, Title: "Restore a scheduler backup",
		Phases: []runner.Phase{
			{ID: "prepare", Title: "Preparation", Source: "Preparation", Steps: []runner.Step{
				look("prepare/look", "Look at every host: access, tools, flags, configuration, disk, clock, backup", every),
				look("prepare/look-at-cluster", "Compare the hosts with each other, with ZooKeeper and with the backup", onBot),
				look("prepare/diagnose", "Read a copy of every log, and say whether a restore is needed", onBot),
				do("prepare/supervision-off", "Disable whatever would start a scheduler again", every, "systemctl disable aurora-scheduler"),
				do("prepare/stop-schedulers", "Stop all scheduler instances, and prove it", every, "systemctl stop aurora-scheduler"),
				do("prepare/change-configuration", "Change the configuration: no real Mesos master", every, "write /etc/default/aurora-scheduler (0123456789ab -> ba9876543210):", "-mesos_master_address: zk://zk:2181/mesos -> zk://127.0.0.1:1/none"),
			}},
			{ID: "assess", Title: "Assess the damage", Source: "Assess the damage", Steps: []runner.Step{
				look("assess/look-at-schedulers", "Look whether schedulers fail over, and for unusual replicated-log messages", every),
				look("assess/compare-with-log", "Compare the backup with what the best replica's log still holds", onBot),
				look("assess/decide", "Is a restore needed, and is the log re-initialised?", onBot),
				look("assess/confirm", "A person confirms the assessment", onBot),
			}},
			{ID: "reinitialize", Title: "Re-initialise the replicated log", Source: "Re-initialising", Steps: []runner.Step{
				do("reinitialize/move-log-aside", "Move every log folder aside", every, "mv /var/db/aurora /var/db/aurora.dr-devcluster-20260102T0304Z"),
			}},
			{ID: "restore", Title: "Restore from backup", Source: "Restore from backup", Steps: []runner.Step{
				look("restore/find-leader", "Identify the leading scheduler", onBot),
				do("restore/stage", "Stage the backup on the leader", onLeader, "aurora_admin scheduler_stage_recovery devcluster scheduler-backup-2026-01-02-02-00"),
				drop,
				look("restore/compare-staged", "Print what is staged, and compare it with the backup task by task", onLeader),
				commit,
				look("restore/prove-commit", "Prove the commit: another leader loaded it, and its tasks are those staged", onBot),
				do("restore/restart-lingering", "Restart what lingers of the old leader", onLeader, "systemctl restart aurora-scheduler"),
			}},
			{ID: "cleanup", Title: "Cleanup", Source: "Cleanup", Undoes: "prepare", Steps: []runner.Step{
				look("cleanup/proof", "Go on only with a proved commit", onBot),
			}},
		},
		Gates: []runner.Gate{
			{ID: "start", Before: "prepare/supervision-off", Title: "Begin the outage? All schedulers of the cluster stop."},
			{ID: "assess", Before: "assess/confirm", Title: "Confirm the assessment?"},
			{ID: "commit", Before: "restore/commit", Title: "Overwrite the replicated log with the backup?", Binds: func(s *runner.State) any {
				return map[string]any{
					"leader": map[string]any{"host": "s2", "pid": 4711, "start": 99},
					"staged": map[string]any{"tasks": 65 - len(s.Dropped), "dropped": len(s.Dropped), "previous": 71},
					"loss":   map[string]any{"known": true, "against": "the log of s2 up to position 36", "killed": 8, "resurrected": 2, "jobs": 3, "total": total},
				}
			}},
		},
	}
}

// A scribe writes the journal of a made-up run, an event every five seconds.
type scribe struct {
	given  map[string][]string // By gate: who approved, and for what.
	t      testing.TB
	recipe *runner.Recipe
	events []runner.Event
	at     time.Time
}

func begin(t testing.TB) *scribe {
	s := &scribe{t: t, recipe: toy(), at: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
	s.say(runner.Event{Kind: runner.RunRequested, Who: ann, Data: encode(t, runner.Request{
		Recipe: "staged", Cluster: "devcluster", Backup: "scheduler-backup-2026-01-02-02-00", Hosts: hosts,
		Reason: "bad deploy deleted jobs", Channel: "C0DEV00001",
	})})
	return s
}

// also is a copy that goes its own way.
func (s *scribe) also() *scribe {
	c := *s
	c.events = slices.Clone(s.events)
	return &c
}

func encode(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *scribe) say(e runner.Event) {
	e.Seq, e.At, e.Run = len(s.events)+1, s.at, "devcluster-20260102T0304Z"
	s.at = s.at.Add(5 * time.Second)
	s.events = append(s.events, e)
}

func (s *scribe) state() *runner.State { return runner.Fold(s.events) }

func (s *scribe) phase(id string, k runner.Kind) { s.say(runner.Event{Kind: k, Phase: id}) }

// look takes a step that only looks on its hosts; words may hold a %s for the host.
func (s *scribe) look(id, words string, facts any) { s.take(id, words, facts, false) }

// do takes a step that changes something.
func (s *scribe) do(id, words string) { s.take(id, words, nil, true) }

func (s *scribe) take(id, words string, facts any, begun bool) {
	st, p := s.recipe.Step(id)
	if st == nil {
		s.t.Fatalf("no step %s", id)
	}
	on := st.On(s.state())
	if begun {
		for _, h := range on {
			s.say(runner.Event{Kind: runner.StepStarted, Phase: p.ID, Step: id, Host: h})
		}
	}
	for _, h := range on {
		e := runner.Event{Kind: runner.StepDone, Phase: p.ID, Step: id, Host: h, Why: strings.ReplaceAll(words, "%s", h)}
		if facts != nil {
			e.Facts = encode(s.t, facts)
		}
		s.say(e)
	}
}

func (s *scribe) takeBack(id, words string, phase string) {
	for _, h := range hosts {
		s.say(runner.Event{Kind: runner.UndoStarted, Phase: phase, Step: id, Host: h})
	}
	for _, h := range hosts {
		s.say(runner.Event{Kind: runner.UndoDone, Phase: phase, Step: id, Host: h, Why: strings.ReplaceAll(words, "%s", h)})
	}
}

func (s *scribe) gate(id string) *runner.Gate {
	i := slices.IndexFunc(s.recipe.Gates, func(g runner.Gate) bool { return g.ID == id })
	return &s.recipe.Gates[i]
}

func (s *scribe) digest(gate string) string {
	return runner.GateDigest(s.recipe, s.state(), s.gate(gate))
}

func (s *scribe) open(gate string, expires time.Time) {
	if gate == "start" {
		plan := runner.MakePlan(s.recipe, s.state())
		s.say(runner.Event{Kind: runner.PlanProposed, Digest: plan.Digest, Data: encode(s.t, plan)})
	}
	v := runner.GateView{Title: s.gate(gate).Title, Expires: expires}
	if b := s.gate(gate).Binds; b != nil {
		v.Binds = b(s.state())
	}
	s.say(runner.Event{Kind: runner.GateOpened, Gate: gate, Digest: s.digest(gate), Data: encode(s.t, v)})
}

// approve is an approval; what it counts for in the end stands in the passing of the gate.
func (s *scribe) approve(gate, who, factor string) {
	s.say(runner.Event{Kind: runner.GateApproved, Gate: gate, Digest: s.state().Gates[gate].Digest, Who: who, Why: factor})
	if s.given == nil {
		s.given = map[string][]string{}
	}
	s.given[gate] = append(s.given[gate], who+" for "+factor)
}

func (s *scribe) pass(gate string) {
	s.say(runner.Event{Kind: runner.GatePassed, Gate: gate, Digest: s.state().Gates[gate].Digest, Why: strings.Join(s.given[gate], ", ")})
	delete(s.given, gate)
}

func (s *scribe) stop(reason runner.StopReason, step, why string, on ...string) {
	s.say(runner.Event{Kind: runner.RunStopped, Step: step, Why: why, Data: encode(s.t, runner.Stop{Reason: reason, Step: step, Hosts: on})})
}

// preflight goes to the start gate.
func (s *scribe) preflight() {
	s.phase("prepare", runner.PhaseStarted)
	s.look("prepare/look", "scheduler runs as PID 100 on %s; quorum 2; backup here", nil)
	s.look("prepare/look-at-cluster", "backup scheduler-backup-2026-01-02-02-00 of 2026-01-02T02:00:00.5Z, 65 tasks, 57 active, on s1, s3", map[string]any{
		"backup": map[string]any{"bytes": 101302, "sha256": strings.Repeat("5a17c0de", 8), "timestamp": "2026-01-02T02:00:00.5Z",
			"tasks": map[string]any{"total": 65, "active": 57}, "jobs": 9},
		"from": []string{"s1", "s3"}, "warnings": []string{"s3 runs, but is no candidate in ZooKeeper"},
		"loss": map[string]any{"why": "the schedulers' logs are read when they have stopped", "total": health.LossOf(
			health.LossSource{Source: health.LossByMesos, Killed: 8, Complete: true, Jobs: map[string]int{"ads/prod/bidder": 7, "www-data/prod/`web`": 1}})},
	})
	s.look("prepare/diagnose", "restore: no quorum of the log votes", map[string]any{
		"verdict": health.Restore, "advice": "Restore: no quorum of the log votes (1 of 3 whole and VOTING, 2 needed).",
		"findings": []health.Finding{health.Found("log-damaged", "s1", "a checksum"), health.Found("log-damaged", "s2", "a checksum"), health.Found("no-leader", "devcluster", "nobody")},
	})
	s.open("start", time.Time{})
}

// prepare goes from the passed start gate to the end of Preparation.
func (s *scribe) prepare() {
	s.approve("start", bob, "1 of sre")
	s.pass("start")
	s.do("prepare/supervision-off", "nothing starts it again, neither at boot nor when it ends")
	s.do("prepare/stop-schedulers", "no process, ports closed")
	s.do("prepare/change-configuration", "written: %s")
	s.phase("prepare", runner.PhaseDone)
}

// assess goes to the assess gate.
func (s *scribe) assess() {
	s.phase("assess", runner.PhaseStarted)
	s.look("assess/look-at-schedulers", "active, LEADER_AWAITING_REGISTRATION", map[string]any{
		"runs": true, "found": []any{map[string]any{"finding": "log-catch-up", "severity": "warning", "count": 3, "example": "Starting catch-up from position 12"}},
	})
	s.look("assess/compare-with-log", "compared with the log of s2 up to position 36: 8 tasks will be killed, 2 come back, 3 jobs differ", map[string]any{
		"against": "the log of s2 up to position 36", "known": true, "killed": 8, "resurrected": 2, "jobs": 3,
		"total": total, "salvaged": salvaged, "create": []any{map[string]any{"job": "www-data/prod/web", "instances": 1, "each": health.Resources{CPUs: 0.5, RAMMB: 128, DiskMB: 64}}},
	})
	s.look("assess/decide", "A restore is needed.", map[string]any{
		"needed": true, "reinitialize": false, "why": []string{"The replicas together: no quorum (1 of 3 whole and VOTING, 2 needed)."},
	})
	s.open("assess", time.Time{})
}

// source is a backup that was made of a log.
var source = runner.Source{
	Name: "scheduler-backup-2026-01-02-03-01", File: "salvage-s2", SHA256: "5a17a6ed0123456789abcdef0123456789abcdef0123456789abcdef01234567",
	Host: "s2", Position: 36, Time: time.Date(2026, 1, 2, 3, 1, 30, 0, time.UTC),
	Dropped: []string{"position 37: written, but nobody has learned that it was agreed on"},
}

// salvaged is what is known of it: one task of Mesos is not in that log either.
var salvaged = map[string]any{
	"name": source.Name, "file": source.File, "sha256": source.SHA256, "host": source.Host, "position": source.Position, "time": source.Time,
	"backup": map[string]any{"bytes": 30321, "sha256": source.SHA256, "timestamp": "2026-01-02T03:01:30Z", "tasks": map[string]any{"total": 73, "active": 62}},
	"total": health.LossOf(health.LossSource{Source: health.LossByLog},
		health.LossSource{Source: health.LossByMesos, Killed: 1, Complete: true, Jobs: map[string]int{"ads/prod/bidder": 1}}),
	"dropped": source.Dropped,
}

// choose is bob's choice of the log at the assess gate, up to the gate's opening anew.
func (s *scribe) choose() {
	s.say(runner.Event{Kind: runner.GateVoided, Gate: "assess", Digest: s.digest("assess"), Why: "what the log of s2 still holds is restored instead of the backup: what is approved changes"})
	s.say(runner.Event{Kind: runner.StepsReopened, Data: encode(s.t, []string{"assess/compare-with-log", "assess/decide", "assess/confirm"})})
	s.say(runner.Event{Kind: runner.SourceChosen, Who: bob, Data: encode(s.t, source)})
	s.look("assess/compare-with-log", "compared with the log of s2 up to position 36: 0 tasks will be killed, 0 come back, 0 jobs differ", map[string]any{
		"against": "the log of s2 up to position 36", "known": true, "total": salvaged["total"], "salvaged": salvaged,
	})
	s.look("assess/decide", "A restore is needed.", map[string]any{
		"needed": true, "reinitialize": false, "why": []string{"The replicas together: no quorum (1 of 3 whole and VOTING, 2 needed)."},
	})
	s.open("assess", time.Time{})
}

// restore goes to the commit gate.
func (s *scribe) restore() {
	s.approve("assess", bob, "1 of sre")
	s.pass("assess")
	s.look("assess/confirm", "confirmed", nil)
	s.phase("assess", runner.PhaseDone)
	s.say(runner.Event{Kind: runner.PhaseSkipped, Phase: "reinitialize", Why: "the assessment says that the log need not be re-initialised"})
	s.phase("restore", runner.PhaseStarted)
	s.look("restore/find-leader", "s2 leads (PID 4711), disabled and ready", map[string]any{"host": "s2", "pid": 4711, "start": 99, "says": []string{"/vars of s2: LEADER_AWAITING_REGISTRATION"}})
	s.do("restore/stage", "65 tasks are staged on s2, the backup's")
	s.look("restore/compare-staged", "65 tasks staged, equal to the backup task by task (0 dropped); the leader's storage holds 71 now", map[string]any{"tasks": 65, "previous": 71})
	s.open("commit", s.at.Add(23*time.Hour))
}

// commit goes from the passed commit gate to the sent commit.
func (s *scribe) commit() {
	s.approve("commit", bob, "1 of sre")
	s.approve("commit", cat, "1 of leads")
	s.pass("commit")
	s.say(runner.Event{Kind: runner.StepStarted, Phase: "restore", Step: "restore/commit", Host: "s2"})
	s.say(runner.Event{Kind: runner.CommitSent, Phase: "restore", Step: "restore/commit", Host: "s2", Digest: s.state().Gates["commit"].Digest})
	s.say(runner.Event{Kind: runner.StepDone, Phase: "restore", Step: "restore/commit", Host: "s2", Why: "sent"})
}

// whole is a run from the request to its good end.
func whole(t testing.TB) *scribe {
	s := begin(t)
	s.preflight()
	s.prepare()
	s.assess()
	s.restore()
	s.commit()
	s.say(runner.Event{Kind: runner.CommitProved, Phase: "restore", Step: "restore/prove-commit", Host: runner.Bot, Why: "s1 leads since then (PID 4800, was PID 4711 on s2); its 65 tasks are exactly those staged"})
	s.look("restore/prove-commit", "s1 leads since then", nil)
	s.do("restore/restart-lingering", "another process than the one that committed")
	s.phase("restore", runner.PhaseDone)
	s.phase("cleanup", runner.PhaseStarted)
	s.look("cleanup/proof", "s1 leads since then", nil)
	for _, id := range []string{"prepare/change-configuration", "prepare/stop-schedulers", "prepare/supervision-off"} {
		s.takeBack(id, "as it was", "cleanup")
	}
	s.phase("cleanup", runner.PhaseDone)
	s.say(runner.Event{Kind: runner.RunClosed, Why: "recovered"})
	return s
}

// gateRules are whose consent the made-up policy needs.
var gateRules = policy.Rules{
	Teams: []string{"T0TEAM001"},
	Lists: map[string][]string{"sre": {"U0ANN00001", "U0BOB00001"}, "leads": {"U0CAT00001"}},
	Gates: map[string]policy.GateRule{
		"start":  {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}}},
		"assess": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}}},
		"commit": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"leads"}}}},
	},
}

func actor(key string) policy.Actor {
	team, user, _ := strings.Cut(key, "/")
	return policy.Actor{TeamID: team, UserID: user}
}

// many is s, whose loss is spread over more jobs than a message names.
func many(t testing.TB, s *scribe) *scribe {
	all := s.also()
	jobs := map[string]int{}
	for n := range 14 {
		jobs["ads/prod/job-"+string(rune('a'+n))] = 14 - n
	}
	loss := health.LossOf(health.LossSource{Source: health.LossByMesos, Killed: 105, Complete: true, Jobs: jobs})
	data := encode(t, runner.GateView{Title: s.gate("commit").Title, Binds: map[string]any{
		"leader": map[string]any{"host": "s2", "pid": 4711}, "staged": map[string]any{"tasks": 64, "dropped": 1, "previous": 71},
		"loss": map[string]any{"known": true, "against": "the log of s2 up to position 36", "killed": 105, "jobs": 1, "total": loss},
	}})
	all.events[len(all.events)-1].Data = data
	return all
}

// offline is s, whose log was loaded while all schedulers were stopped, with what binds
// says beside it.
func offline(t testing.TB, s *scribe, more map[string]any) *scribe {
	all := s.also()
	loaded := map[string]any{"host": "s1", "tasks": 64, "dropped": 1, "tree_sha256": strings.Repeat("3e6ec7efd133", 5), "copies": 3}
	maps.Copy(loaded, more)
	loss := health.LossOf(health.LossSource{Source: health.LossByMesos, Killed: 7, Complete: true, Jobs: map[string]int{"www/prod/api": 7}})
	all.events[len(all.events)-1].Data = encode(t, runner.GateView{Title: "Start the schedulers on the log that was loaded from the backup?", Binds: map[string]any{
		"loaded": loaded, "loss": map[string]any{"known": true, "against": "the log of s2 up to position 36", "killed": 7, "jobs": 1, "total": loss},
	}})
	return all
}

// moment is a run at an interesting moment.
type moment struct {
	name   string
	events []runner.Event
}

func moments(t *testing.T) []moment {
	var list []moment
	keep := func(name string, s *scribe) { list = append(list, moment{name, slices.Clone(s.events)}) }

	s := begin(t)
	keep("requested", s)
	s.preflight()
	keep("start-gate", s)
	one := s.also()
	one.approve("start", bob, "1 of sre")
	keep("start-gate-approved", one)
	running := s.also()
	running.approve("start", bob, "1 of sre")
	running.pass("start")
	running.do("prepare/supervision-off", "nothing starts it again, neither at boot nor when it ends")
	for _, h := range hosts {
		running.say(runner.Event{Kind: runner.StepStarted, Phase: "prepare", Step: "prepare/stop-schedulers", Host: h})
	}
	running.say(runner.Event{Kind: runner.StepDone, Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s1", Why: "no process, ports closed"})
	keep("running", running)

	failed := running.also()
	failed.say(runner.Event{Kind: runner.StepFailed, Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s2", Why: "systemctl stop: exit status 1: <!channel> Job failed", Changed: true})
	failed.stop(runner.StopFailed, "prepare/stop-schedulers", "s2: systemctl stop: exit status 1", "s2")
	keep("stopped", failed)
	undo := failed.also()
	digest, shown := runner.UndoGate(undo.state())
	undo.say(runner.Event{Kind: runner.GateOpened, Gate: runner.GateUndo, Digest: digest, Who: bob, Why: "s2 is broken", Data: encode(t, shown)})
	keep("undo-gate", undo)
	undoing := failed.also()
	undoing.say(runner.Event{Kind: runner.UndoRequested, Who: bob, Why: "s2 is broken"})
	undoing.takeBack("prepare/stop-schedulers", "runs as before", "prepare")
	keep("undoing", undoing)
	undoing.takeBack("prepare/supervision-off", "supervision is as it was", "prepare")
	undoing.say(runner.Event{Kind: runner.RunClosed, Why: "undone"})
	keep("undone", undoing)
	resumed := failed.also()
	resumed.say(runner.Event{Kind: runner.RunResumed, Who: bob})
	keep("resumed", resumed)
	without := failed.also()
	without.say(runner.Event{Kind: runner.HostAsked, Host: "s2", Who: ann, Why: "its disk is dead"})
	without.say(runner.Event{Kind: runner.RunResumed, Who: ann})
	without.say(runner.Event{Kind: runner.StepDone, Phase: "without", Step: "without/look", Host: "s2", Why: "it does not answer",
		Facts: encode(t, map[string]any{"proved": false, "says": []string{"no answer to SSH for 5 minutes"}, "unclear": []string{"whether its machine is off"}})})
	without.say(runner.Event{Kind: runner.GateOpened, Gate: runner.GateWithout, Digest: strings.Repeat("0a1b2c3d", 8), Data: encode(t, runner.GateView{Title: "Continue without it? It must stay off until it is settled."})})
	keep("without-gate", without)

	s.prepare()
	s.assess()
	keep("assess-gate", s)
	chosen := s.also()
	chosen.choose()
	keep("salvage-chosen", chosen)
	s.restore()
	keep("commit-gate", s)
	keep("commit-gate-many-jobs", many(t, s))
	keep("commit-gate-loaded", offline(t, s, nil))
	keep("commit-gate-loaded-one", offline(t, s, map[string]any{"copies": 1, "catch_up": true}))
	one = s.also()
	one.approve("commit", bob, "1 of sre")
	keep("commit-gate-1", one)
	two := one.also()
	two.approve("commit", cat, "1 of leads")
	keep("commit-gate-2", two)
	two.say(runner.Event{Kind: runner.GateVoided, Gate: "commit", Digest: two.digest("commit"), Why: "the approvals at the commit gate no longer count: it ended after 30 min"})
	two.stop(runner.StopExpired, "restore/commit", "the approvals at the commit gate no longer count: it ended after 30 min")
	keep("voided", two)
	two.say(runner.Event{Kind: runner.RunResumed, Who: ann})
	two.open("commit", two.at.Add(22*time.Hour))
	keep("voided-and-open-again", two)
	denied := one.also()
	denied.say(runner.Event{Kind: runner.GateDenied, Gate: "commit", Digest: denied.state().Gates["commit"].Digest, Who: cat, Why: "the backup is older than the last deploy"})
	denied.stop(runner.StopAborted, "restore/commit", "denied at the commit gate")
	keep("denied", denied)
	dropped := one.also()
	dropped.say(runner.Event{Kind: runner.TasksDropped, Who: ann, Data: encode(t, []string{"1400000000000-www-prod-hello-0-aa", "1400000000000-www-prod-hello-1-bb"})})
	dropped.say(runner.Event{Kind: runner.GateVoided, Gate: "commit", Digest: dropped.state().Gates["commit"].Digest, Why: "tasks were dropped from what is staged"})
	keep("dropped", dropped)
	aborted := one.also()
	aborted.say(runner.Event{Kind: runner.RunAborted, Who: cat, Why: "wrong cluster"})
	keep("aborted", aborted)
	s.commit()
	keep("commit-sent", s)
	s.say(runner.Event{Kind: runner.CommitUnknown, Phase: "restore", Step: "restore/prove-commit", Host: runner.Bot, Why: "no next leader yet: 0 schedulers say that they lead"})
	s.say(runner.Event{Kind: runner.StepFailed, Phase: "restore", Step: "restore/prove-commit", Host: runner.Bot, Why: "whether the commit took effect is unknown: no next leader yet"})
	s.stop(runner.StopUnknown, "restore/prove-commit", "whether the commit took effect is unknown: no next leader yet", runner.Bot)
	keep("unknown", s)

	end := whole(t)
	at := slices.IndexFunc(end.events, func(e runner.Event) bool { return e.Phase == "cleanup" && e.Kind == runner.UndoDone })
	list = append(list, moment{"cleanup", end.events[:at+1]})
	keep("recovered", end)
	return list
}
