package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/script"
)

// BenchmarkRecovery has a whole recovery done on real hosts by the bot and by a
// shell script over plain ssh that does the same steps, in turn. What the
// bot's people take at the gates does not count.
//
//	go test ./lab -run '^$' -bench Recovery -benchtime 3x
func BenchmarkRecovery(b *testing.B) {
	if err := host.Supported(); err != nil {
		b.Skipf("REAL HOSTS: SKIPPED (%v)", err)
	}
	var bots, scripts, own []time.Duration
	for b.Loop() {
		took, mine := botRecovery(b)
		bots, own = append(bots, took), append(own, mine)
		scripts = append(scripts, scriptRecovery(b))
	}
	middle := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	bot, shell, share := middle(bots), middle(scripts), middle(own)
	b.ReportMetric(bot.Seconds(), "bot-s")
	b.ReportMetric(shell.Seconds(), "script-s")
	b.ReportMetric(float64(shell)/float64(bot), "times-as-fast")
	b.ReportMetric(100*float64(share)/float64(bot), "%-own-CPU")
	b.ReportMetric(0, "ns/op")
}

// botRecovery plays one through Slack and returns how long it took but for the
// gates, and the processor time of the bot itself.
func botRecovery(b *testing.B) (took, own time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, labProgram, "--auto", "--json", "--hosts", "real", "--bot", botProgram)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-done:
			waiting = false
		case <-time.After(200 * time.Millisecond):
			own = max(own, served(cmd.Process.Pid))
		}
	}
	if err != nil {
		b.Fatalf("lab: %v\n%s", err, errs.String())
	}
	var begun, opened time.Time
	for line := range strings.Lines(out.String()) {
		var e script.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.Fatalf("a line of --json is no event: %v: %.200s", err, line)
		}
		switch e.Kind {
		case "run.requested":
			begun = e.At
		case "gate.opened":
			opened = e.At
		case "gate.passed":
			took -= e.At.Sub(opened)
		case "run.closed":
			took += e.At.Sub(begun)
		}
	}
	return took, own
}

// served is the processor time of the bot that a lab started, so far; zero if
// there is none.
func served(lab int) time.Duration {
	// A child belongs to the thread that started it. All are gone with the lab.
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", lab))
	var children strings.Builder
	for _, thread := range threads {
		list, _ := os.ReadFile(thread)
		children.Write(list)
	}
	for pid := range strings.FieldsSeq(children.String()) {
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if !strings.HasPrefix(string(line), botProgram+"\x00serve") {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest)
		if len(f) < 13 {
			continue
		}
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		return time.Duration(user+system) * 10 * time.Millisecond
	}
	return 0
}

func scriptRecovery(b *testing.B) time.Duration {
	b.Helper()
	dir := b.TempDir()
	c, err := cluster.Start(b.Context(), cluster.Options{Dir: dir, Bin: labProgram, Real: true})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	leader, err := c.WaitLeader(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	backup := filepath.Join(dir, c.Truth.Backup)
	for _, h := range c.Hosts {
		if data, err := os.ReadFile(filepath.Join(c.BackupDir(h), c.Truth.Backup)); err == nil {
			if err := os.WriteFile(backup, data, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	var config strings.Builder
	env := append(os.Environ(), "CLUSTER="+cluster.Name, "BACKUP="+backup, "CONFIG="+filepath.Join(dir, "ssh_config"))
	var names []string
	for _, h := range c.Hosts {
		ip, port, _ := strings.Cut(h.Address(), ":")
		fmt.Fprintf(&config, "Host %s\n  HostName %s\n  Port %s\n  User %s\n  IdentityFile %s\n  UserKnownHostsFile %s\n  StrictHostKeyChecking yes\n  BatchMode yes\n", h.Name(), ip, port, cluster.User, c.KeyFile, c.KnownHosts)
		names = append(names, h.Name())
		env = append(env, "ADDRESS_"+h.Name()+"="+c.HTTP(h))
	}
	if err := os.WriteFile(filepath.Join(dir, "ssh_config"), []byte(config.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), "testdata/recover.sh")
	cmd.Env = append(env, "HOSTS="+strings.Join(names, " "))
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begun)
	if err != nil || !strings.Contains(string(out), "is registered") {
		b.Fatalf("the script: %v\n%s\n%s", err, out, c.SchedulerLog(leader, 20))
	}
	// What was committed is the backup, or the script's time is of nothing.
	next, err := c.WaitLeader(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ids, err := c.TaskIDs(b.Context(), next)
	if err != nil || !slices.Equal(ids, c.Truth.Tasks) {
		b.Fatalf("after the script %d tasks are there, want %d: %v", len(ids), len(c.Truth.Tasks), err)
	}
	return took
}
