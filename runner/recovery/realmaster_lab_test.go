package recovery_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner"
)

// meddled is a host on which somebody writes a file right before each start.
type meddled struct {
	runner.Host
	file     string
	original []byte
}

func (m *meddled) Run(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	if slices.Contains(cmd.Argv, "start") && cmd.Argv[0] == "systemctl" {
		if err := os.WriteFile(m.file, m.original, 0o644); err != nil {
			return runner.Output{}, err
		}
	}
	return m.Host.Run(ctx, cmd)
}

// A configuration manager puts the real Mesos master back between the bot's last
// look at the file and the start: the scheduler is stopped again before it
// registers, the run stops and says who it was.
func TestRealMasterIsNotMet(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	file := c.Host("s2").Path("/etc/default/aurora-scheduler")
	original, err := os.ReadFile(file)
	must(t, err)
	r.Hosts["s2"] = &meddled{Host: r.Hosts["s2"], file: file, original: original}
	s, _ := walkTo(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}, "assess")
	if s.Status != runner.Stopped || s.Stop.Step != "prepare/start-schedulers" || !strings.Contains(s.Why, "was started for the Mesos master at zk://") || !strings.Contains(s.Why, "stopped at once") {
		t.Errorf("%s at %q: %s; want it stopped for the real master", s.Status, s.Stop.Step, s.Why)
	}
	for _, pid := range c.Host("s2").(*host.Host).Processes() {
		if argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(argv), "-native_log_file_path") {
			t.Errorf("the scheduler still runs on s2: PID %d", pid)
		}
	}
}

// eager is a host on which somebody starts the scheduler once its configuration
// is changed.
type eager struct {
	runner.Host
	file string
}

func (e *eager) Run(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	out, err := e.Host.Run(ctx, cmd)
	if err == nil && cmd.Argv[0] == "mv" && cmd.Argv[len(cmd.Argv)-1] == e.file {
		return e.Host.Run(ctx, runner.Command{Argv: []string{"systemctl", "start", "aurora-scheduler"}, User: "root"})
	}
	return out, err
}

// A scheduler that somebody else started, disabled as it must be, is not taken
// over: the run starts its own, knows it, and takes it back.
func TestSomebodyStartedIt(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	r.Hosts["s1"] = &eager{Host: r.Hosts["s1"], file: c.Host("s1").Path("/etc/default/aurora-scheduler")}
	s, _ := walkTo(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}, "assess")
	if s.Status != runner.Gated || s.Gate != "assess" {
		t.Fatalf("%s at %q: %s; want it at the assess gate", s.Status, s.Stop.Step, s.Why)
	}
	if st := s.Of("prepare/start-schedulers", "s1"); !st.Begun || st.Progress != runner.Done {
		t.Errorf("the start on s1 is %q, begun: %v; want it done by this run", st.Progress, st.Begun)
	}
}
