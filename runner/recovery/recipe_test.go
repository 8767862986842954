package recovery

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
	"aurorabot/runner/runnertest"
)

var update = flag.Bool("update", false, "write docs/runbook.md")

func testRecovery(t testing.TB) *Recovery {
	t.Helper()
	c := &aurora.Cluster{
		Name: "devcluster", AdminName: "devcluster", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler",
		Firewall: "nft", Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", User: "aurora", Group: "aurora",
		FakeMaster: "zk://127.0.0.1:2/nonexistent/mesos", RegistrationWait: "360mins", FirewallLease: 12 * time.Hour, SessionLimit: time.Second,
	}
	hosts := map[string]runner.Host{}
	for _, name := range []string{"s1", "s2", "s3"} {
		c.Schedulers = append(c.Schedulers, aurora.Scheduler{
			Name: name, Hostname: name, HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler", RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system",
		})
		hosts[name] = runnertest.NewHost(t, name)
	}
	p, err := aurora.ProfileOf(c.Version)
	if err != nil {
		t.Fatal(err)
	}
	return &Recovery{Nodes: &node.Nodes{Cluster: c, Profile: p, Hosts: hosts, Now: time.Now}}
}

// The recipe keeps the rules of recipes.
func TestRecipeIsValid(t *testing.T) {
	if err := testRecovery(t).Validate(); err != nil {
		t.Fatal(err)
	}
}

// docs/runbook.md is made from the steps that run.
func TestRecipeIsTheRunbook(t *testing.T) {
	const file = "../../docs/runbook.md"
	want := runnertest.Runbook(testRecovery(t).Recipe())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the recipe says; write it anew with `go test ./runner/recovery -run Runbook -update`", file)
	}
}

// RUNBOOK, Cleanup: stop all; restore every file; start all (and a leader
// registered); supervision on; traffic open last, after which only the reader goes.
func TestCleanupOrder(t *testing.T) {
	want := []string{stepStart, stepConfigure, stepStop, stepSupervise, stepBlock, stepHelper}
	if got := runnertest.UndoOrder(testRecovery(t).Recipe(), "prepare"); !slices.Equal(got, want) {
		t.Errorf("Cleanup takes back %v, want %v", got, want)
	}
}

// The phases and gates have the names that scripts rely on.
func TestPhasesAndGates(t *testing.T) {
	r := testRecovery(t).Recipe()
	var phases, gates []string
	for _, p := range r.Phases {
		phases = append(phases, p.ID)
		for _, st := range p.Steps {
			if !strings.HasPrefix(st.ID, p.ID+"/") {
				t.Errorf("step %s is in phase %s", st.ID, p.ID)
			}
		}
	}
	for _, g := range r.Gates {
		gates = append(gates, g.ID)
	}
	if !slices.Equal(phases, []string{"prepare", "assess", "reinitialize", "restore", "cleanup"}) || !slices.Equal(gates, []string{"start", "assess", "commit", "without"}) {
		t.Errorf("phases %v, gates %v", phases, gates)
	}
}

// Every effect either has an undo, or says why not: Cleanup leaves nothing out
// by mistake, and a step that is kept says why.
func TestNothingIsLeftOut(t *testing.T) {
	r := testRecovery(t).Recipe()
	covered := runnertest.UndoOrder(r, "prepare")
	for _, p := range r.Phases {
		for _, st := range p.Steps {
			if st.ReadOnly() || st.OneWay != "" || st.Keeps != "" || slices.Contains(covered, st.ID) {
				continue
			}
			t.Errorf("%s is neither undone by Cleanup nor says why it is kept", st.ID)
		}
	}
}

// The commit is once, dangerous, one-way, and behind the commit gate.
func TestCommitStep(t *testing.T) {
	r := testRecovery(t).Recipe()
	st, _ := r.Step(stepCommit)
	if !st.Once || !st.Dangerous || st.OneWay == "" || st.Undo != nil {
		t.Errorf("commit step: %+v", st)
	}
	if !slices.ContainsFunc(r.Gates, func(g runner.Gate) bool { return g.ID == "commit" && g.Before == stepCommit && g.Needed == nil }) {
		t.Error("no gate, or one that can be passed by, stands before the commit")
	}
}
