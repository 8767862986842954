package cluster

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/host"
	"aurorabot/runner/backup"
	"aurorabot/runner/replica"
)

// The test binary is also the multi-call program of the hosts that it starts.
func TestMain(m *testing.M) {
	if status, ok := RunProgram(os.Args); ok {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, opt Options) *Cluster {
	t.Helper()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt.Dir, opt.Bin, opt.Log = t.TempDir(), bin, t.Output()
	begun := time.Now()
	c, err := Start(context.WithoutCancel(t.Context()), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %s", time.Since(begun).Round(time.Millisecond))
	t.Cleanup(func() {
		if t.Failed() {
			for _, h := range c.Hosts {
				t.Logf("%s:\n%s", h.Name(), c.SchedulerLog(h, 60))
			}
		}
		c.Close()
		for _, h := range c.all {
			if left := h.Processes(); len(left) > 0 {
				t.Errorf("%s left processes behind: %v", h.Name(), left)
			}
		}
	})
	return c
}

// run runs a command line on a host, as the bot's user.
func run(t *testing.T, c *Cluster, h host.Machine, line string) string {
	t.Helper()
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ssh.Dial("tcp", h.Address(), &ssh.ClientConfig{
		User: User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(h.(*host.Host).HostKey()), Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	session, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.CombinedOutput(line)
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s", h.Name(), line, err, out)
	}
	return string(out)
}

// A cluster without damage: a leader is registered, its state is the backup's
// and what came after, and an operator finds the backup with aurora_admin.
func TestWhole(t *testing.T) {
	c := start(t, Options{})
	leader := c.Leader(t.Context())
	if leader == nil {
		t.Fatal("no leader is registered")
	}
	ids, err := c.TaskIDs(t.Context(), leader)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(append(slices.Clone(c.Truth.Tasks), c.Truth.Lost...)))
	if !slices.Equal(ids, want) || len(c.Truth.Tasks) != 65 || len(c.Truth.Lost) != 7 {
		t.Errorf("the leader knows %d tasks, want %d of the backup and %d after it", len(ids), len(c.Truth.Tasks), len(c.Truth.Lost))
	}
	if out := run(t, c, leader, "aurora_admin get_scheduler "+Name); !strings.Contains(out, c.HTTP(leader)) {
		t.Errorf("get_scheduler: %q, want %s in it", out, c.HTTP(leader))
	}
	if c.Truth.BackupHost == leader.Name() {
		t.Error("the backup lies on the leader")
	}
	if out := run(t, c, c.Host(c.Truth.BackupHost), "ls "+c.BackupDir(c.Host(c.Truth.BackupHost))); !strings.Contains(out, c.Truth.Backup) {
		t.Errorf("backups: %q, want %s", out, c.Truth.Backup)
	}
	if n := c.Calls("commitRecovery"); n != 0 {
		t.Errorf("calls of commitRecovery: %d", n)
	}
	run(t, c, leader, "aurora_admin scheduler_list_backups "+Name)
	if n := c.Calls("listBackups"); n != 1 {
		t.Errorf("calls of listBackups: %d, want 1", n)
	}
}

// What the hosts' logs hold can be read from copies, while schedulers run.
func TestCopiedLogsHoldTheState(t *testing.T) {
	c := start(t, Options{Extra: -1})
	dir := t.TempDir()
	if err := c.CopyLogs(dir); err != nil {
		t.Fatal(err)
	}
	got, err := c.StateOf(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if !backup.Equal(got, c.Truth.State) {
		t.Error("the state in the logs is not the backup's")
	}
}

// Each damage has the effect that it is meant to have, and the backup is there.
func TestDamage(t *testing.T) {
	tests := []struct {
		damage string
		leader bool
		state  replica.State // Of the damaged logs, before a scheduler saw them again; "" is not looked at.
	}{
		{"corrupt:1", true, replica.StateDamaged},
		{"missing:1", true, replica.StateMissing},
		{"empty:1", true, replica.StateNotALog},
		{"corrupt", false, ""},
		{"missing", false, ""},
		{"empty:3", false, ""},
		{"exit-at-start:2", false, ""},
		{"flapping", false, replica.StateOK},
		{"unlisted-host", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.damage, func(t *testing.T) {
			d, err := ParseDamage(tt.damage, 3)
			if err != nil {
				t.Fatal(err)
			}
			c := start(t, Options{Damage: d})
			if got := c.Leader(t.Context()) != nil; got != tt.leader {
				t.Errorf("a leader is registered: %v, want %v", got, tt.leader)
			}
			for _, name := range c.Truth.Damaged {
				if tt.state == "" {
					break
				}
				copied := t.TempDir()
				if err := c.CopyLogs(copied); err != nil {
					t.Fatal(err)
				}
				report, err := replica.Inspect(t.Context(), copied+"/"+name+"/log")
				if err != nil {
					t.Fatal(err)
				}
				if report.State != tt.state {
					t.Errorf("the log of %s is %q (%v), want %q", name, report.State, report.Damage, tt.state)
				}
				if d.Kind == Flapping && (report.Aurora == nil || report.Aurora.Undecodable != 1) {
					t.Errorf("the log of %s: %+v, want one entry that cannot be decoded", name, report.Aurora)
				}
			}
		})
	}
}

func TestParseDamage(t *testing.T) {
	tests := []struct {
		text string
		want Damage
		ok   bool
	}{
		{"corrupt", Damage{Corrupt, 2}, true},
		{"missing:1", Damage{Missing, 1}, true},
		{"empty:3", Damage{EmptyLog, 3}, true},
		{"empty:4", Damage{EmptyLog, 4}, false},
		{"empty:0", Damage{EmptyLog, 0}, false},
		{"empty:x", Damage{EmptyLog, 2}, false},
		{"fire", Damage{"fire", 2}, false},
	}
	for _, tt := range tests {
		got, err := ParseDamage(tt.text, 3)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseDamage(%q) = %+v, %v; want %+v, ok %v", tt.text, got, err, tt.want, tt.ok)
		}
	}
}
