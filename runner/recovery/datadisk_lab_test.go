package recovery_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/ssh"
)

// A data disk behind a link of root's, and a folder above the log that is root's:
// only root can move the log there. The run is taken back by a bot of a later
// version: the run's folders are the account's, as older ones left them.
func TestUndoOnADataDisk(t *testing.T) {
	must := os.Getenv("AURORABOT_REAL") != ""
	err := host.Supported()
	if missing := host.Missing(); err == nil && len(missing) > 0 && !must {
		err = fmt.Errorf("not installed: %s; AURORABOT_REAL=1 installs it", strings.Join(missing, ", "))
	}
	if testing.Short() && !must {
		err = errors.New("-short")
	}
	if err != nil && !must {
		fmt.Printf("REAL HOSTS: SKIPPED (%v)\n", err)
		t.Skipf("REAL HOSTS: SKIPPED (%v)", err)
	}
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: t.TempDir(), Bin: bin, Real: true, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	exec := func(h host.Machine, script string) string {
		t.Helper()
		out, err := h.(*host.Real).Exec("env", "-C", "/", "sh", "-c", script)
		if err != nil {
			t.Fatalf("%s: %v: %s", h.Name(), err, out)
		}
		return string(out)
	}
	for _, h := range c.Hosts {
		exec(h, `cd / && systemctl stop aurora-scheduler && mkdir -m 0755 /data && mv /var/lib/aurora /data/aurora && ln -s /data/aurora /var/lib/aurora &&
			chown root:root /data/aurora /data/aurora/scheduler && chmod 0755 /data/aurora /data/aurora/scheduler && systemctl start aurora-scheduler`)
	}
	if _, err := c.WaitLeader(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := on(t, c)
	for _, h := range c.Hosts {
		_, port, _ := net.SplitHostPort(r.Cluster.Scheduler(h.Name()).HTTP)
		r.Cluster.Scheduler(h.Name()).HTTP = net.JoinHostPort(h.(*host.Real).IP(), port)
		s := ssh.New(ssh.Config{Name: h.Name(), Address: h.Address(), User: cluster.User, KeyFiles: []string{c.KeyFile}, KnownHosts: []string{c.KnownHosts}, RunDir: "/home/" + cluster.User + "/jobs", Now: time.Now})
		t.Cleanup(func() { s.Close() })
		r.Hosts[h.Name()] = s
	}
	confine(t, c, r)
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "always", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	if s.Gate != "commit" {
		t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
	}
	const folder = "/var/lib/aurorabot/runs"
	for _, h := range c.Hosts {
		l, _ := runner.Fact[node.Look]{Step: "prepare/look"}.Of(s, h.Name())
		w := l.Ways["/var/lib/aurora/scheduler/db"]
		if w.Real != "/data/aurora/scheduler/db" || len(w.Links) != 1 || l.LogParent.Writes {
			t.Errorf("%s: pre-flight kept %+v, the folder above may be written by the account: %v", h.Name(), w, l.LogParent.Writes)
		}
		said := exec(h, "stat -c '%U %a %n' "+folder+" "+folder+"/* "+folder+"/*/* /data/aurora/scheduler/db*")
		for line := range strings.Lines(said) {
			words := strings.Fields(line)
			leaf := strings.Count(words[2], "/") > strings.Count(folder, "/")+1 || strings.HasPrefix(words[2], "/data")
			if leaf != (words[0] == cluster.SchedulerUser) || !leaf && (words[0] != "root" || words[1] != "755") {
				t.Errorf("%s: %s", h.Name(), line)
			}
		}
		exec(h, fmt.Sprintf("chown %[1]s:%[1]s %[2]s %[2]s/*", cluster.SchedulerUser, folder))
	}
	e := &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) { t.Logf("%-12s %-28s %-3s %s", ev.Kind, ev.Step, ev.Host, ev.Why) }}
	if _, err := e.Append(run, runner.Event{Kind: runner.UndoRequested, Who: "T/UANN"}); err != nil {
		t.Fatal(err)
	}
	if s, err = e.Undo(t.Context(), r.Recipe(), run); err != nil || s.Outcome != "undone" {
		t.Fatalf("outcome %q, status %s: %s, %v", s.Outcome, s.Status, s.Why, err)
	}
	if _, err := c.WaitLeader(t.Context()); err != nil {
		t.Errorf("after undo no leader: %v", err)
	}
}
