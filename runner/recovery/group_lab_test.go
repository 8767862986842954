package recovery_test

import (
	"encoding/json"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
)

// died is the journal of a bot that died while it started a scheduler: what it
// noted before the start is not there.
type died struct {
	*runner.Memory
	step, host string
}

func (d died) Append(e runner.Event) (runner.Event, error) {
	if e.Kind == runner.StepDone && e.Step == d.step && e.Host == d.host {
		e.Receipt = nil
	}
	return d.Memory.Append(e)
}

// Where the members before a start are not known, a member that seems older than
// the start is not called left over: ZooKeeper's clock and the bot's differ here
// by 20 s, which is allowed. The run ended at cleanup/in-group, for ever.
func TestMemberThatSeemsOlderOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	ahead := func() time.Time { return time.Now().Add(20 * time.Second) }
	r.Now = ahead
	e := &runner.Engine{Journal: died{&runner.Memory{}, "prepare/start-schedulers", "s1"}, Now: ahead, Told: func(ev runner.Event) {
		t.Logf("%-14s %-28s %-3s %s", ev.Kind, ev.Step+ev.Gate, ev.Host, ev.Why)
	}}
	req, err := json.Marshal(runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"})
	must(t, err)
	_, err = e.Append(run, runner.Event{Kind: runner.RunRequested, Who: "T/UANN", Data: req})
	must(t, err)
	for {
		s, err := e.Advance(t.Context(), r.Recipe(), run)
		must(t, err)
		if s.Status != runner.Gated {
			if s.Outcome != "recovered" {
				t.Errorf("outcome %q, status %s: %s", s.Outcome, s.Status, s.Why)
			}
			return
		}
		_, err = e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest})
		must(t, err)
	}
}
