package recovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
	"aurorabot/runner/runnertest"
	"aurorabot/runner/tbinary"
)

// stateFile is a backup with these tasks.
func stateFile(ids ...string) []byte {
	b := backup.New()
	b.SetTimestamp(noon.UnixMilli())
	for _, id := range ids {
		key := (&tbinary.Struct{}).SetStr(1, "ads").SetStr(2, "prod").SetStr(3, "web")
		assigned := (&tbinary.Struct{}).SetStr(1, id).SetStruct(4, (&tbinary.Struct{}).SetStruct(28, key))
		b.Add(backup.TaskSet, (&tbinary.Struct{}).SetStruct(1, assigned).SetI32(2, 2))
	}
	return b.Append(nil)
}

func sumOf(ids ...string) string {
	set := map[string]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return idsSum(set)
}

// A leader that was elected after the commit has written a snapshot of its own
// and cut the commit's off: the state that its log amounts to tells, where it
// can; else it stays unknown.
func TestJudgeCommitByContent(t *testing.T) {
	const end = 40
	before, staged := sumOf("a", "b"), sumOf("c")
	for name, tt := range map[string]struct {
		stake     stake
		log       []string
		unlearned bool
		fails     error
		want      runner.CommitOutcome // "" for committed.
	}{
		"the staged tasks":           {stake: stake{Tasks: 1, IDs: staged, Previous: 2, Before: before}, log: []string{"c"}},
		"those of before":            {stake: stake{Tasks: 1, IDs: staged, Previous: 2, Before: before}, log: []string{"a", "b"}, want: runner.Absent},
		"others":                     {stake: stake{Tasks: 1, IDs: staged, Previous: 2, Before: before}, log: []string{"a"}, want: runner.Unknown},
		"both states are the same":   {stake: stake{Tasks: 1, IDs: staged, Previous: 1, Before: staged, Equal: true}, log: []string{"c"}, want: runner.Unknown},
		"what was before is unknown": {stake: stake{Tasks: 1, IDs: staged, Previous: 2}, log: []string{"c"}, want: runner.Unknown},
		"it is not agreed on":        {stake: stake{Tasks: 1, IDs: staged, Previous: 2, Before: before}, log: []string{"a", "b"}, unlearned: true, want: runner.Unknown},
		"it can't be read":           {stake: stake{Tasks: 1, IDs: staged, Previous: 2, Before: before}, fails: errors.New("connection reset"), want: runner.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRecovery(t)
			dir := t.TempDir()
			r.Files = func(string) (string, error) { return dir, nil }
			s := &runner.State{}
			say := func(ev runner.Event) error { s.Apply(ev); return nil }
			done := func(step, host string, facts any) {
				_ = say(runner.Event{Kind: runner.StepDone, Step: step, Host: host, Facts: asJSON(facts)})
			}
			done(stepCluster, runner.Bot, clusterLook{Backup: backup.Report{Timestamp: noon.Add(-2 * time.Hour).Format(time.RFC3339)}})
			done(stepElected, runner.Bot, fence{Host: "s1", PID: 3})
			done(stepCompare, "s1", tt.stake)
			_ = say(runner.Event{Kind: runner.CommitSent, Host: "s1", Data: asJSON(commitReceipt{End: end, Snap: 9})})
			for _, host := range r.Cluster.Names() {
				p := replica.Report{State: replica.StateOK, Status: "VOTING", Begin: end + 2, End: end + 3, Aurora: &replica.Aurora{
					LastSnapshot: end + 2, LastSnapshotEnd: end + 2, LastSnapshotTime: replica.Millis(noon.UnixMilli()), LastUnread: -1,
				}}
				if tt.unlearned {
					p.Unlearned = replica.Ranges{{First: end + 2, Last: end + 3}}
				}
				done(stepUnknownRead, host, p)
				done(stepLook, host, node.Look{Flags: map[string]string{"native_log_file_path": "/log"}})
				on := answering(t, r, host, s, func(probe.Request) probe.Facts { return probe.Facts{} }, nil)
				h := r.Hosts[host].(*runnertest.Host)
				h.On([]string{"/var/lib/aurorabot/bin/aurorabot-0", "log", "salvage", "--json", "/log", "-o"}, func(c runner.Command) runner.Output {
					if tt.fails != nil {
						return runnertest.Exit(1, tt.fails.Error())
					}
					if err := on.Host.Put(t.Context(), runner.File{Path: c.Argv[len(c.Argv)-1], Content: stateFile(tt.log...)}); err != nil {
						t.Error(err)
					}
					return runnertest.Out(fmt.Sprintf(`{"sha256": %q, "position": %d}`, node.SHA256(stateFile(tt.log...)), end+3))
				})
			}
			a, err := r.proving().judgeCommit(t.Context(), &runner.Task{On: runner.Bot, Step: stepUnknownJudge, State: s, Say: say})
			var stop *runner.Ending
			stays := errors.As(err, &stop) && stop.Reason == runner.StopUnknown
			if err != nil && !stays || stays != (tt.want == runner.Unknown) || s.Commit.Outcome != tt.want {
				t.Fatalf("outcome %q, %+v, %v; want %q", s.Commit.Outcome, a, err, tt.want)
			}
			if by, _ := a.Facts.(logsSay); !stays && by.ByContent != (tt.want == "") {
				t.Errorf("facts %+v", a.Facts)
			}
			if tt.fails != nil && !strings.Contains(stop.Why, tt.fails.Error()) {
				t.Errorf("it says %q", stop.Why)
			}
		})
	}
}
