package recovery_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aurorabot/handlers/files"
	"aurorabot/lab/cluster"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/ssh"
	"aurorabot/runner/zk"
)

// The test binary plays the programs of the hosts, and the helper that the
// recipe uploads.
func TestMain(m *testing.M) {
	if status, ok := cluster.RunProgram(os.Args); ok {
		os.Exit(status)
	}
	if len(os.Args) > 1 && strings.HasPrefix(filepath.Base(os.Args[0]), "aurorabot-") {
		exit, _ := files.Run(context.Background(), os.Args[1:], files.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now})
		os.Exit(exit)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain")) // It ends half a second after its database.
}

// on makes the recipe for a lab cluster.
func on(t *testing.T, c *cluster.Cluster) *recovery.Recovery {
	t.Helper()
	k := &aurora.Cluster{
		Name: cluster.Name, AdminName: cluster.Name, Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler",
		Firewall: "nft", Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", User: cluster.SchedulerUser, Group: cluster.SchedulerUser,
		FakeMaster: "zk://127.0.0.1:2/nonexistent/mesos", RegistrationWait: "360mins", FirewallLease: 12 * time.Hour,
		SessionLimit: 6 * time.Second, MaxBackupAge: 100000 * time.Hour, MaxClockSkew: 30 * time.Second, ZooKeeper: "bot", MesosTasks: true,
	}
	hosts := map[string]runner.Host{}
	for _, h := range c.Hosts {
		http := strings.TrimPrefix(c.HTTP(h), "http://")
		k.Schedulers = append(k.Schedulers, aurora.Scheduler{
			Name: h.Name(), Hostname: strings.Split(http, ":")[0], HTTP: http, ConfigFile: h.Prefix() + "/etc/default/aurora-scheduler",
			RunDir: h.Prefix() + "/var/lib/aurorabot", RuntimeDir: h.Prefix() + "/run/systemd/system",
		})
		s := ssh.New(ssh.Config{Name: h.Name(), Address: h.Address(), User: cluster.User, KeyFiles: []string{c.KeyFile}, KnownHosts: []string{c.KnownHosts}, RunDir: h.Prefix() + "/var/lib/aurorabot-ssh", Now: time.Now})
		t.Cleanup(func() { s.Close() })
		hosts[h.Name()] = s
	}
	p, err := aurora.ProfileOf(k.Version)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	mine := t.TempDir()
	nodes := &node.Nodes{
		Cluster: k, Profile: p, Hosts: hosts, Now: time.Now, Poll: 200 * time.Millisecond,
		ZooKeeper: func(endpoints string, dial zk.Dialer) (node.ZooKeeper, error) {
			servers, err := zk.ParseEndpoints(endpoints)
			return zk.New(zk.Address{Servers: servers}, dial), err
		},
		Helper: func(arch string) (func() (io.ReadCloser, error), string, error) {
			if arch != runtime.GOARCH {
				t.Errorf("asked for a helper for %s", arch)
			}
			return func() (io.ReadCloser, error) { return os.Open(self) }, hex.EncodeToString(sum[:]), nil
		},
	}
	r := &recovery.Recovery{Nodes: nodes, Files: func(string) (string, error) { return mine, nil }}
	r.Assess = r.Diagnose
	return r
}

// lab brings a cluster up with damage, "" for none.
func lab(t *testing.T, damage string, env ...string) (*cluster.Cluster, *recovery.Recovery) {
	t.Helper()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt := cluster.Options{Dir: t.TempDir(), Bin: bin, Env: env}
	if damage != "" {
		if opt.Damage, err = cluster.ParseDamage(damage, 3); err != nil {
			t.Fatal(err)
		}
	}
	c, err := cluster.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, h := range c.Hosts {
				t.Logf("%s:\n%s", h.Name(), c.SchedulerLog(h, 40))
			}
		}
		c.Close()
	})
	r := on(t, c)
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	confine(t, c, r)
	if err := c.RememberFiles(); err != nil {
		t.Fatal(err)
	}
	return c, r
}

// The whole recipe on the embedded lab: whole, and with each kind of damage.
// With a reason every run ends restored, re-initialised where it must be.
func TestRecoveryOnLab(t *testing.T) {
	for damage, reinitialized := range map[string]bool{
		// The other kinds and numbers are stories of the whole program: lab/lab_test.go.
		"": false, "flapping": true, "missing:1": true, "missing:3": true, "corrupt:2": true,
	} {
		t.Run("damage-"+strings.ReplaceAll(damage, ":", "-"), func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, damage)
			s, _ := walk(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"})
			if s.Outcome != "recovered" {
				t.Fatalf("outcome %q, status %s: %s", s.Outcome, s.Status, s.Why)
			}
			// What is then killed: the lab looks at the master in its own stories.
			want := fmt.Sprint(len(c.Truth.Lost), false, map[string]int{"www-data/prod/after-the-backup": len(c.Truth.Lost)})
			for _, step := range []string{"prepare/look-at-cluster", "assess/compare-with-log"} {
				if got := foreseen(t, s, step); got != want {
					t.Errorf("%s foresees a loss of %s, want %s", step, got, want)
				}
			}
			if damage == "" {
				onlyInTheLog(t, r, s, len(c.Truth.Lost))
			}
			if got := s.Phases["reinitialize"] == runner.PhaseDone; got != reinitialized {
				t.Errorf("re-initialised: %v, want %v", got, reinitialized)
			}
			if changed, err := c.ChangedFiles(); err != nil || len(changed) > 0 {
				t.Errorf("files changed in /etc: %v, %v", changed, err)
			}
		})
	}
}

// One replica of three is damaged and nobody gave a reason: the advice is to let
// it catch up, and nothing is left behind.
func TestNotNeededOnLab(t *testing.T) {
	for _, damage := range []string{"empty:1", "", "down"} {
		t.Run("damage-"+strings.ReplaceAll(damage, ":", "-"), func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, damage)
			s, _ := walk(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto"})
			// Where all are down nothing was stopped either: their logs are read before.
			if s.Outcome != string(runner.StopNotNeeded) && (damage == "down" || s.Stop.Reason != runner.StopNotNeeded) {
				t.Errorf("outcome %q, status %s, %+v: %s", s.Outcome, s.Status, s.Stop, s.Why)
			}
			t.Log(s.Of("prepare/look-at-cluster", runner.Bot).Why)
		})
	}
}

// Undo right before the commit puts everything back as it was found: logs by
// their hashes, files, firewall, supervision; what was down stays down.
func TestUndoOnLab(t *testing.T) {
	for _, damage := range []string{"", "corrupt:2"} {
		t.Run("damage-"+strings.ReplaceAll(damage, ":", "-"), func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, damage)
			req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
			s, j := walkTo(t, r, req, "commit")
			if s.Gate != "commit" {
				t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
			}
			e := &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) { t.Logf("%-12s %-28s %-3s %s", ev.Kind, ev.Step, ev.Host, ev.Why) }}
			if _, err := e.Append(run, runner.Event{Kind: runner.UndoRequested, Who: "T/UANN"}); err != nil {
				t.Fatal(err)
			}
			s, err := e.Undo(t.Context(), r.Recipe(), run)
			if err != nil || s.Outcome != "undone" {
				t.Fatalf("outcome %q, status %s: %s, %v", s.Outcome, s.Status, s.Why, err)
			}
			if changed, err := c.ChangedFiles(); err != nil || len(changed) > 0 {
				t.Errorf("files changed in /etc: %v, %v", changed, err)
			}
			for _, h := range c.Hosts {
				if rules, err := c.Ruleset(h); err != nil || strings.Contains(rules, "aurorabot") {
					t.Errorf("%s: rules left: %v\n%s", h.Name(), err, rules)
				}
			}
			warned := r.Recipe().UndoWarning(s)
			if (warned != "") != (damage != "") {
				t.Errorf("warning before undo: %q", warned)
			}
			if damage == "" {
				if _, err := c.WaitLeader(t.Context()); err != nil {
					t.Errorf("after undo no leader: %v", err)
				}
			}
		})
	}
}

// knob changes a fault of the stand-in scheduler that leads now.
func knob(t *testing.T, c *cluster.Cluster, name, value string) {
	t.Helper()
	for _, h := range c.Hosts { // Whoever leads is found out by asking everybody.
		resp, err := http.Post("http://"+strings.TrimPrefix(c.HTTP(h), "http://")+"/lab/knobs?"+name+"="+value, "", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

// A commit whose answer lies or never comes is unknown first, and then proved,
// by another leader or by the replicas themselves. It is sent once.
func TestUnknownCommitOnLab(t *testing.T) {
	for fault, want := range map[string]struct {
		outcome runner.CommitOutcome
	}{
		"drop-reply":   {runner.Committed},
		"crash-after":  {runner.Committed},
		"timeout":      {runner.Committed},
		"crash-before": {runner.Absent},
		"timeout-lost": {runner.Absent},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, "")
			r.ProofWait = 15 * time.Second
			req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
			s, j := walkTo(t, r, req, "commit")
			if s.Gate != "commit" {
				t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
			}
			knob(t, c, "COMMIT_FAULT", fault)
			e := &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) { t.Logf("%-14s %-28s %-3s %s", ev.Kind, ev.Step, ev.Host, ev.Why) }}
			if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: "commit", Digest: s.Gates["commit"].Digest}); err != nil {
				t.Fatal(err)
			}
			s, err := e.Advance(t.Context(), r.Recipe(), run)
			if err != nil {
				t.Fatal(err)
			}
			resumes := 0
			for s.Commit.Outcome == runner.Unknown && s.Stop.Reason == runner.StopUnknown && resumes < 3 {
				if _, err := e.Undo(t.Context(), r.Recipe(), run); !errors.Is(err, runner.ErrIrreversible) {
					t.Errorf("undo of an unknown commit: %v", err)
				}
				resumes++
				if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
					t.Fatal(err)
				}
				if s, err = e.Advance(t.Context(), r.Recipe(), run); err != nil {
					t.Fatal(err)
				}
			}
			events, err := j.Events(run)
			if err != nil {
				t.Fatal(err)
			}
			sent, unknown := 0, false
			for _, ev := range events {
				switch ev.Kind {
				case runner.CommitSent:
					sent++
				case runner.CommitUnknown:
					unknown = true
				}
			}
			if s.Commit.Outcome != want.outcome || sent != 1 || !unknown {
				t.Errorf("outcome %q after %d resumes, sent %d times, was unknown %v; want %q (%s)", s.Commit.Outcome, resumes, sent, unknown, want.outcome, s.Why)
			}
			if want.outcome == runner.Absent && (s.Status != runner.Stopped || s.Irreversible()) {
				t.Errorf("status %s, irreversible %v: undo must be possible now", s.Status, s.Irreversible())
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with the world before anything is done stops the run in
// pre-flight, says what, where and why, and leaves the hosts as they were.
func TestBadWorldOnLab(t *testing.T) {
	c, r := lab(t, "")
	s2 := c.Hosts[1]
	backups := c.BackupDir(s2)
	var from string
	for _, h := range c.Hosts {
		if h.Name() == c.Truth.BackupHost {
			from = filepath.Join(c.BackupDir(h), c.Truth.Backup)
		}
	}
	whole, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	put := func(dir string, b []byte) func() {
		file := filepath.Join(dir, c.Truth.Backup)
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.WriteFile(from, whole, 0o644); err != nil {
				t.Fatal(err)
			}
			if file != from {
				os.Remove(file)
			}
		}
	}
	config := s2.Path("/etc/default/aurora-scheduler")
	edit := func(old, with string) func() func() {
		return func() func() {
			text, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), old, with, 1)
			if changed == string(text) {
				t.Fatalf("%s has no %q", config, old)
			}
			if err := os.WriteFile(config, []byte(changed), 0o644); err != nil {
				t.Fatal(err)
			}
			return func() { os.WriteFile(config, text, 0o644) }
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func() (mend func())
		want  []string
	}{
		{"backup nowhere", func() func() { os.Rename(from, from+".away"); return func() { os.Rename(from+".away", from) } }, []string{"is on none of the hosts"}},
		{"two contents", func() func() {
			if backups == filepath.Dir(from) {
				return put(c.BackupDir(c.Hosts[0]), append([]byte{}, whole[:len(whole)/2]...))
			}
			return put(backups, whole[:len(whole)/2])
		}, []string{"different content on different hosts", "which one is meant"}},
		{"cut in half", func() func() { return put(filepath.Dir(from), whole[:len(whole)/2]) }, []string{"does not decode to its end", "byte"}},
		{"host down", func() func() { s2.Down(); return func() { must(t, s2.Up()) } }, []string{"s2", "refused"}},
		{"sudo asks", func() func() { must(t, s2.AskPassword(true)); return func() { must(t, s2.AskPassword(false)) } }, []string{"s2", "sudo"}},
		{"line twice in the configuration", edit("MESOS_MASTER=", "MESOS_MASTER=zk://x:2181/mesos\nMESOS_MASTER="), []string{"s2", "MESOS_MASTER is assigned twice"}},
		{"an old scheduler that nobody supervises", func() func() {
			if _, err := c.Systemctl(s2, "stop", "aurora-scheduler"); err != nil {
				t.Fatal(err)
			}
			left := exec.Command("sh", "-c", "read x", "-native_log_file_path="+c.LogDir(s2), "-serverset_path=/aurora/scheduler")
			in, err := left.StdinPipe()
			must(t, err)
			must(t, left.Start())
			return func() {
				in.Close()
				_ = left.Wait()
				_, err := c.Systemctl(s2, "start", "aurora-scheduler")
				must(t, err)
			}
		}, []string{"s2", "the supervisor says failed", "left from a commit"}},
		{"another host key", func() func() { must(t, s2.ChangeHostKey()); return func() {} }, []string{"s2", "host key"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mend := tt.spoil()
			s, j := walkTo(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}, "start")
			mend()
			if s.Status != runner.Stopped || s.Stop.Reason != runner.StopFailed || s.Phase != "prepare" {
				t.Fatalf("status %s at %s%s: %s", s.Status, s.Step, s.Gate, s.Why)
			}
			for _, w := range tt.want {
				if !strings.Contains(strings.ToLower(s.Why), strings.ToLower(w)) {
					t.Errorf("it says %q, without %q", s.Why, w)
				}
			}
			e := &runner.Engine{Journal: j, Now: time.Now}
			if _, err := e.Append(run, runner.Event{Kind: runner.UndoRequested}); err != nil {
				t.Fatal(err)
			}
			if s, err := e.Undo(t.Context(), r.Recipe(), run); (err != nil || s.Status != runner.Closed) && tt.name != "another host key" {
				t.Errorf("undo: %v, %s", err, s.Why)
			}
			if changed, err := c.ChangedFiles(); err != nil || len(changed) > 0 {
				t.Errorf("files changed in /etc: %v, %v", changed, err)
			}
		})
	}
	if _, err := c.WaitLeader(t.Context()); err != nil {
		t.Errorf("the cluster was disturbed: %v", err)
	}
}

// The bot died after it journaled the commit and before the commit left: the
// leader still leads and still has the backup staged. That is proof enough that
// nothing was committed; the next approvals send it, once.
func TestCommitThatNeverLeftOnLab(t *testing.T) {
	c, r := lab(t, "")
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	if s.Gate != "commit" {
		t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
	}
	gate := s.Gates["commit"]
	leader := ""
	for host := range s.Steps["restore/compare-staged"] {
		leader = host
	}
	before := &runner.Engine{Journal: j, Now: func() time.Time { return time.Now().Add(-2 * time.Minute) }}
	for _, ev := range []runner.Event{
		{Kind: runner.GatePassed, Gate: "commit", Digest: gate.Digest},
		{Kind: runner.StepStarted, Phase: "restore", Step: "restore/commit", Host: leader},
		{Kind: runner.CommitSent, Phase: "restore", Step: "restore/commit", Host: leader, Data: json.RawMessage(`{"end":1,"last_snapshot":-1}`)},
		{Kind: runner.RunStopped, Why: "the bot went away", Data: json.RawMessage(`{"reason":"crash"}`)},
		{Kind: runner.RunResumed, Who: "T/UANN"},
	} {
		if _, err := before.Append(run, ev); err != nil {
			t.Fatal(err)
		}
	}
	e := &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) { t.Logf("%-14s %-28s %-3s %s", ev.Kind, ev.Step, ev.Host, ev.Why) }}
	s, err := e.Advance(t.Context(), r.Recipe(), run)
	if err != nil || s.Commit.Outcome != runner.Absent || s.Irreversible() || s.Status != runner.Stopped {
		t.Fatalf("outcome %q, status %s, irreversible %v: %s, %v", s.Commit.Outcome, s.Status, s.Irreversible(), s.Why, err)
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
		t.Fatal(err)
	}
	if s, err = e.Advance(t.Context(), r.Recipe(), run); err != nil || s.Gate != "commit" || len(s.Gates["commit"].Approvals) != 0 {
		t.Fatalf("gate %q, status %s: %s, %v; want the commit gate open anew", s.Gate, s.Status, s.Why, err)
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: "commit", Digest: s.Gates["commit"].Digest}); err != nil {
		t.Fatal(err)
	}
	if s, err = e.Advance(t.Context(), r.Recipe(), run); err != nil || s.Outcome != "recovered" {
		t.Fatalf("outcome %q, status %s: %s, %v", s.Outcome, s.Status, s.Why, err)
	}
}
