package recovery_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
)

// The bot is upgraded while a run waits at the start gate. It is called that, with
// what to do, and no host's fault; resume puts the new reader on the hosts.
func TestUpgradeWithARunOpenOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "start")
	if s.Gate != "start" {
		t.Fatalf("gate %q: %s", s.Gate, s.Why)
	}
	open, _, err := r.Helper(runtime.GOARCH)
	must(t, err)
	file, err := open()
	must(t, err)
	program, err := io.ReadAll(file)
	must(t, err)
	must(t, file.Close())
	program = append(program, '\n') // Another hash; the program is read up to its end only.
	sum := sha256.Sum256(program)
	newer := hex.EncodeToString(sum[:])
	r.Helper = func(string) (func() (io.ReadCloser, error), string, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(program)), nil }, newer, nil
	}
	p := &play{t: t, c: c, r: r, j: j, e: &runner.Engine{Journal: j, Now: time.Now}}
	p.say(runner.Event{Kind: runner.GatePassed, Gate: "start", Digest: s.Gates["start"].Digest})
	s, err = p.e.Advance(t.Context(), r.Recipe(), run)
	if err != nil || s.Status != runner.Stopped || s.Stop.Reason != runner.StopHold || !strings.Contains(s.Why, "the bot was upgraded while this run was open") || !strings.Contains(s.Why, "sudoers "+cluster.Name) {
		t.Fatalf("%s, %+v: %s, %v; want it stopped and called an upgrade", s.Status, s.Stop, s.Why, err)
	}
	p.say(runner.Event{Kind: runner.RunResumed})
	s, err = p.e.Advance(t.Context(), r.Recipe(), run)
	if err != nil || s.Status != runner.Stopped || !strings.Contains(s.Why, "sudo: a password is required") {
		t.Fatalf("resumed before sudo allows the new program: %s: %s, %v", s.Status, s.Why, err)
	}
	confine(t, c, r) // As an operator installs what `sudoers` prints.
	if s = p.toGate("assess"); s.Status != runner.Gated {
		t.Fatalf("resumed: %s: %s", s.Status, s.Why)
	}
	for _, host := range r.Cluster.Names() {
		if _, err := os.Stat(c.Host(host).Path("/var/lib/aurorabot/bin/aurorabot-" + newer[:16])); err != nil {
			t.Error(err)
		}
	}
}
