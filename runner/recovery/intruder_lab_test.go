package recovery_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
)

// atCommit walks a run to the commit gate of a whole cluster.
func atCommit(t *testing.T) *play {
	t.Helper()
	c, r := lab(t, "")
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "never", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	if s.Gate != "commit" {
		t.Fatalf("gate %q: %s", s.Gate, s.Why)
	}
	begun := time.Now()
	return &play{t: t, c: c, r: r, j: j, e: &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) {
		t.Logf("%6.1fs %-15s %-30s %-4s %s", time.Since(begun).Seconds(), ev.Kind, ev.Step+ev.Gate, ev.Host, ev.Why)
	}}}
}

// While a run is undone somebody else acts on the hosts: starts a scheduler whose
// log is about to be put back, which stops the undo until it is stopped; makes a
// folder of the name that the disabled log is moved to; starts one with the
// disabled flags right before all are started as before. The latter is stopped, or
// it would lead and keep all from registering, and nobody's folder is touched.
func TestUndoBesideAnIntruderOnLab(t *testing.T) {
	t.Parallel()
	p := atCommit(t)
	taken := p.c.LogDir(p.c.Host("s1")) + ".dr-" + run + ".disabled"
	config := p.c.Host("s3").Path("/etc/default/aurora-scheduler")
	disabled, err := os.ReadFile(config)
	must(t, err)
	systemctl := func(verb, host string) {
		if out, err := p.c.Systemctl(p.c.Host(host), verb, "aurora-scheduler"); err != nil {
			t.Errorf("%s on %s: %s, %v", verb, host, out, err)
		}
	}
	recipe := p.r.Recipe()
	acted := map[string]bool{}
	before := func(step, host string, act func()) {
		st, _ := recipe.Step(step)
		undo := st.Undo
		st.Undo = func(ctx context.Context, task *runner.Task, receipt runner.Receipt) (runner.Answer, error) {
			if task.On == host && !acted[step] {
				acted[step] = true
				act()
			}
			return undo(ctx, task, receipt)
		}
	}
	before("prepare/change-configuration", "s2", func() { systemctl("start", "s2") })
	before("prepare/read-logs", "s1", func() {
		must(t, os.Mkdir(taken, 0o700))
		must(t, os.WriteFile(filepath.Join(taken, "theirs"), []byte("x"), 0o600))
		// The disabled scheduler wrote nothing in a run without new logs.
		must(t, os.WriteFile(filepath.Join(p.c.LogDir(p.c.Host("s1")), "written"), []byte("x"), 0o600))
	})
	before("prepare/stop-schedulers", "s3", func() {
		original, err := os.ReadFile(config)
		must(t, err)
		must(t, os.WriteFile(config, disabled, 0o600))
		systemctl("start", "s3")
		// It has read its configuration when it answers.
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if _, err := clientOf(p.c, p.c.Host("s3")).Vars(t.Context()); err == nil {
				break
			}
		}
		must(t, os.WriteFile(config, original, 0o600))
	})
	undo := func() *runner.State {
		p.say(runner.Event{Kind: runner.UndoRequested, Who: "T/UANN"})
		s, err := p.e.Undo(t.Context(), recipe, run)
		must(t, err)
		return s
	}
	if s := undo(); s.Status != runner.Stopped || !strings.Contains(s.Why, "s2") || !strings.Contains(s.Why, "stop it there and undo again") {
		t.Fatalf("a scheduler runs whose log is to be put back: %s, %s", s.Status, s.Why)
	}
	systemctl("stop", "s2")
	if s := undo(); s.Outcome != "undone" {
		t.Fatalf("outcome %q, status %s: %s", s.Outcome, s.Status, s.Why)
	}
	if len(acted) != 3 {
		t.Errorf("acted at %v only", acted)
	}
	if _, err := p.c.WaitLeader(t.Context()); err != nil {
		t.Error(err)
	}
	for _, h := range p.c.Hosts {
		vars, err := clientOf(p.c, h).Vars(t.Context())
		if command := vars["jvm_prop_sun.java.command"]; err != nil || !strings.Contains(command, "mesos_master_address") || strings.Contains(command, p.r.Cluster.FakeMaster) {
			t.Errorf("%s runs for the fake master: %s, %v", h.Name(), command, err)
		}
	}
	if files, err := filepath.Glob(taken + "/*"); err != nil || len(files) != 1 || filepath.Base(files[0]) != "theirs" {
		t.Errorf("in the folder of somebody else: %v, %v", files, err)
	}
	if aside, err := filepath.Glob(taken + "-*"); err != nil || len(aside) != 1 {
		t.Errorf("the log of the disabled scheduler: %v, %v", aside, err)
	}
	if changed, err := p.c.ChangedFiles(); err != nil || len(changed) > 0 {
		t.Errorf("files changed in /etc: %v, %v", changed, err)
	}
}

// Somebody unloads what is staged before tasks are dropped from it. To look again
// would find the same for ever: the run stops, says so, and a resume stages the
// backup again, drops the tasks, and asks for approvals anew. One commit in all.
func TestDropFromWhatSomebodyUnloadedOnLab(t *testing.T) {
	t.Parallel()
	p := atCommit(t)
	dropped, err := json.Marshal(p.c.Truth.Tasks[:1])
	must(t, err)
	again, err := json.Marshal(p.r.Recipe().Drop)
	must(t, err)
	for _, h := range p.c.Hosts { // One of them has it staged.
		_, err := clientOf(p.c, h).Unload(t.Context())
		must(t, err)
	}
	p.say(runner.Event{Kind: runner.TasksDropped, Who: "T/UANN", Data: dropped},
		runner.Event{Kind: runner.GateVoided, Gate: "commit", Why: "a task is dropped"},
		runner.Event{Kind: runner.StepsReopened, Data: again})
	s, err := p.e.Advance(t.Context(), p.r.Recipe(), run)
	if err != nil || s.Status != runner.Stopped || s.Stop.Reason != runner.StopExpired || !strings.Contains(s.Why, "nothing is staged any more") {
		t.Fatalf("unloaded: %s, %+v: %s, %v", s.Status, s.Stop, s.Why, err)
	}
	events, err := p.j.Events(run)
	must(t, err)
	if said := slices.ContainsFunc(events, func(ev runner.Event) bool { return strings.Contains(string(ev.Data), `"staged-differs"`) }); !said {
		t.Error("no finding staged-differs in the journal")
	}
	p.say(runner.Event{Kind: runner.RunResumed})
	if s = p.toGate("commit"); s.Gate != "commit" || s.Gates["commit"].Passed {
		t.Fatalf("resumed: %s at %q, %s", s.Status, s.Gate, s.Why)
	}
	if s = p.toGate(""); s.Outcome != "recovered" {
		t.Fatalf("%s: %s", s.Status, s.Why)
	}
	if n := p.c.Calls("commitRecovery"); n != 1 {
		t.Errorf("the schedulers received %d commits", n)
	}
}
