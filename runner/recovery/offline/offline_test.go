package offline

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/runnertest"
)

var update = flag.Bool("update", false, "write docs/runbook-offline.md")

func recipe(t testing.TB, schedulers ...string) *Recovery {
	t.Helper()
	c := &aurora.Cluster{
		Name: "devcluster", AdminName: "devcluster", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler",
		Firewall: "nft", Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", RecoveryTool: "recovery-tool", User: "aurora", Group: "aurora",
		FakeMaster: "zk://127.0.0.1:2/nonexistent/mesos", RegistrationWait: "360mins", SessionLimit: time.Second,
	}
	hosts := map[string]runner.Host{}
	for _, name := range schedulers {
		c.Schedulers = append(c.Schedulers, aurora.Scheduler{Name: name, Hostname: name, HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler", RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system"})
		hosts[name] = runnertest.NewHost(t, name)
	}
	p, err := aurora.ProfileOf(c.Version)
	if err != nil {
		t.Fatal(err)
	}
	return New(&recovery.Recovery{Nodes: &node.Nodes{Cluster: c, Profile: p, Hosts: hosts, Now: time.Now}})
}

// docs/runbook-offline.md is made from the steps that run.
func TestRecipeIsTheLaterRunbook(t *testing.T) {
	const file = "../../../docs/runbook-offline.md"
	r := recipe(t, "s1", "s2", "s3")
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	want := runnertest.Runbook(r.Recipe())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what the recipe says (%v); write it anew with `go test ./runner/recovery/offline -update`", file, err)
	}
}

// Aurora 0.20 has the tool, and no page that tells to use it.
func TestOnlyWhereItIsDocumented(t *testing.T) {
	r := recipe(t, "s1")
	r.Cluster.Version = aurora.Version{Minor: 20}
	r.Profile, _ = aurora.ProfileOf(r.Cluster.Version)
	if err := r.Validate(); err == nil {
		t.Error("a recipe for Aurora 0.20")
	}
}

// Who starts before the proof, and who waits for the snapshot: with --catch-up no more
// blank replicas than it takes to make a quorum together with the loaded one.
func TestWhoStartsWhen(t *testing.T) {
	all := []string{"s1", "s2", "s3", "s4", "s5"}
	for _, tt := range []struct {
		hosts       []string
		catchUp     bool
		loaded      string
		left        string
		first, rest []string
	}{
		{all[:1], false, "", "", all[:1], nil},
		{all[:1], true, "", "", all[:1], nil},
		{all[:3], false, "", "", all[:3], nil},
		{all[:3], true, "", "", []string{"s1", "s2"}, []string{"s3"}},
		{all, false, "", "", all, nil},
		{all, true, "", "", []string{"s1", "s2", "s3"}, []string{"s4", "s5"}},
		{all[:3], true, "s2", "s1", []string{"s2", "s3"}, nil},
		{all[:3], false, "s2", "", []string{"s2", "s1", "s3"}, nil},
	} {
		r := recipe(t, tt.hosts...)
		s := &runner.State{Request: runner.Request{CatchUp: tt.catchUp}, Steps: map[string]map[string]runner.StepState{}}
		if tt.loaded != "" {
			s.Steps[stepLoad] = map[string]runner.StepState{tt.loaded: {Progress: runner.Done}}
		}
		if tt.left != "" {
			s.Without = []runner.Leave{{Host: tt.left, Left: true}}
		}
		first, rest := r.first(s), r.rest(s)
		if !slices.Equal(first, tt.first) || !slices.Equal(rest, tt.rest) {
			t.Errorf("%+v: first %v, rest %v", tt, first, rest)
		}
	}
}

// A host that was loaded takes its work with it when it is left out before the commit;
// after it, with --catch-up, it may not be until a snapshot is written.
func TestWhoMayBeLeftOut(t *testing.T) {
	r := recipe(t, "s1", "s2", "s3")
	done := func(step, host string) map[string]runner.StepState {
		return map[string]runner.StepState{host: {Progress: runner.Done}}
	}
	s := &runner.State{Request: runner.Request{CatchUp: true}, Steps: map[string]map[string]runner.StepState{stepLoad: done(stepLoad, "s1")}}
	if again := r.rests(s, "s1"); !slices.Contains(again, stepLoad) || !slices.Contains(again, stepCommit) {
		t.Errorf("s1 left out before the commit: %v", again)
	}
	if again := r.rests(s, "s3"); len(again) != 0 {
		t.Errorf("a blank one left out: %v", again)
	}
	s.Commit.Sent = true
	if !r.alone(s, "s1") || r.alone(s, "s2") {
		t.Error("after the commit s1 alone holds the state")
	}
	if again := r.rests(s, "s1"); again != nil {
		t.Errorf("nothing is loaded again after the commit: %v", again)
	}
	s.Steps[stepSnapshot] = done(stepSnapshot, "s1")
	if r.alone(s, "s1") {
		t.Error("with a snapshot the others have it too")
	}
	s.Steps[stepSnapshot], s.Request.CatchUp = nil, false
	if r.alone(s, "s1") {
		t.Error("a copy lies on every host")
	}
}

// A copy of a folder cannot be compared where the path is itself a mount: that is said
// before anything is stopped.
func TestMountsAreLearned(t *testing.T) {
	r := recipe(t, "s1")
	s := &runner.State{}
	s.Apply(runner.Event{Kind: runner.StepDone, Step: "prepare/look", Host: "s1", Facts: []byte(`{"flags":{"native_log_file_path":"/data/db"},"log":{"exists":true,"mount":true},"recovery_tool":"/usr/bin/recovery-tool"}`)})
	h := r.Hosts["s1"].(*runnertest.Host)
	h.On([]string{"env"}, func(runner.Command) runner.Output {
		return runnertest.Out("Usage: RecoveryTool\n" + strings.Join(node.RecoveryFlags, "\n") + "\n")
	})
	task := &runner.Task{Host: h, On: "s1", Step: stepTool, State: s}
	if a, err := r.lookAtTool(t.Context(), task); err != nil || a.Yes || !strings.Contains(a.Evidence, "--catch-up") {
		t.Errorf("copying: %+v, %v", a, err)
	}
	s.Request.CatchUp = true
	if a, err := r.lookAtTool(t.Context(), task); err != nil || !a.Yes {
		t.Errorf("learning: %+v, %v", a, err)
	}
	h.On([]string{"env"}, func(runner.Command) runner.Output { return runnertest.Out("Usage: something else\n") })
	if a, err := r.lookAtTool(t.Context(), task); err != nil || a.Yes || !strings.Contains(a.Evidence, "does not name -from") {
		t.Errorf("another program: %+v, %v", a, err)
	}
}
