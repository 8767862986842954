package recovery_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/durable"
)

const (
	hostileChild = "RECOVERY_TEST_HOSTILE_CHILD"
	mostMemory   = 256 // MiB, of the bot with both clusters of the lab in it.
)

// One host of a cluster answers without end on every channel: standard output,
// standard error, SFTP, the API. The recovery of the cluster beside it ends right, and
// the bot takes no more memory than it may. The peak is that of a process of its own,
// as the kernel counts it.
func TestHostileHostBesideAHealthyClusterOnLab(t *testing.T) {
	if os.Getenv(hostileChild) != "" {
		besideHostile(t)
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the peak is read from Linux's /proc")
	}
	if raceDetector {
		t.Skip("the race detector's own memory would count")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), hostileChild+"=1")
	out, err := cmd.CombinedOutput()
	peak := regexp.MustCompile(`peak (\d+) kB after (\d+) floods`).FindSubmatch(out)
	if err != nil || peak == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kb, _ := strconv.Atoi(string(peak[1]))
	t.Logf("%s", peak[0])
	unit, err := os.ReadFile("../../deploy/systemd/aurorabot.service")
	if err != nil {
		t.Fatal(err)
	}
	most := regexp.MustCompile(`(?m)^MemoryMax=(\d+)M$`).FindSubmatch(unit)
	if most == nil {
		t.Fatal("the service unit has no MemoryMax in MiB")
	}
	if mb, _ := strconv.Atoi(string(most[1])); kb > mb<<10 {
		t.Errorf("the service would have been killed: the peak is %d MiB, MemoryMax is %d", kb>>10, mb)
	}
	if kb > mostMemory<<10 {
		t.Errorf("the peak is %d MiB, want %d at most", kb>>10, mostMemory)
	}
}

func besideHostile(t *testing.T) {
	debug.SetMemoryLimit(192 << 20) // As serve does.
	c, r := lab(t, "missing:1")
	hostile, at := lab(t, "")
	bad := hostile.Hosts[1].(*host.Host)
	bad.Flood(host.FloodErrors | host.FloodOutputs | host.FloodFiles | host.FloodDials)

	ctx, stop := context.WithCancel(t.Context())
	var asked atomic.Int32
	var wg sync.WaitGroup
	h, n := at.Hosts[bad.Name()], at.Node(bad.Name())
	dir := t.TempDir()
	command := func(ctx context.Context) error {
		_, err := h.Run(ctx, runner.Command{Argv: []string{"true"}, Limit: 20 * time.Second, Output: 32 << 20})
		return err
	}
	for _, ask := range map[string]func(context.Context) error{
		"a command": command, "another command": command, "a third command": command,
		"variables": func(ctx context.Context) error { _, err := n.Client().Vars(ctx); return err },
		"tasks":     func(ctx context.Context) error { _, err := n.Client().Tasks(ctx); return err },
		"a file":    func(ctx context.Context) error { _, err := n.ReadConfig(ctx); return err },
		"a backup": func(ctx context.Context) error {
			f, err := os.CreateTemp(dir, "")
			if err != nil {
				return err
			}
			defer f.Close()
			var w io.Writer
			if w, err = (durable.Room{Dir: dir, Most: 64 << 20}).Writer(ctx, f); err == nil {
				_, err = h.Get(ctx, n.Scheduler.ConfigFile, "root", w)
			}
			return err
		},
	} {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = ask(ctx) // Where the connection is given up for another one's sake it may even look like an end.
				asked.Add(1)
			}
		})
	}
	s, _ := walk(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"})
	stop()
	bad.Flood(0)
	wg.Wait()
	if s.Outcome != "recovered" {
		t.Errorf("outcome %q, status %s: %s", s.Outcome, s.Status, s.Why)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("peak %s kB after %d floods\n", regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)[1], asked.Load())
}
