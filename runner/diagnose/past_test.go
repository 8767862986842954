package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
)

// timed makes a finding's lines of a host that were logged at those times.
func (sc *scene) timed(host int, id string, at ...time.Time) {
	f := sc.facts[host]
	slices.SortFunc(at, time.Time.Compare)
	f.lines = slices.DeleteFunc(f.lines, func(m health.Match) bool { return m.Finding == id })
	if len(at) == 0 {
		return
	}
	last := at[len(at)-1]
	f.lines = append(f.lines, health.Match{
		Finding: id, Severity: health.Look(id).Severity, Count: len(at), Last: last.Format(time.RFC3339Nano), LastAt: last, FirstAt: at[0], Times: at, Example: "x",
	})
}

// flapped is a cluster whose leaders led for d each and ended at an entry of the
// log, from an hour before the last one was elected.
func flapped(t *testing.T, d time.Duration, last time.Time) *scene {
	sc := whole(t)
	elected, ended := map[int][]time.Time{}, map[int][]time.Time{}
	n := int(time.Hour / d)
	for i := range n {
		at := last.Add(-time.Duration(n-i) * d)
		elected[(i+1)%3] = append(elected[(i+1)%3], at)
		ended[(i+1)%3] = append(ended[(i+1)%3], at.Add(d-time.Second))
	}
	elected[0] = append(elected[0], last)
	for i := range sc.facts {
		sc.timed(i, "elected", elected[i]...)
		sc.timed(i, "log-record-error", ended[i]...)
		sc.timed(i, "start-failed", ended[i]...)
	}
	sc.facts[0].look.Process.Since, sc.facts[0].look.Uptime = last.Add(-10*time.Second), int64(noon.Sub(last).Seconds())+10
	for _, f := range sc.facts {
		f.report = nil // Nobody read the logs: doctor and pre-flight.
	}
	sc.ask.Logs = false
	return sc
}

// at looks at the scene at another time: what is an hour old is seen no more.
func (sc *scene) at(now time.Time) {
	sc.r.Now = func() time.Time { return now }
	for i, f := range sc.facts {
		for _, m := range slices.Clone(f.lines) {
			sc.timed(i, m.Finding, slices.DeleteFunc(slices.Clone(m.Times), func(at time.Time) bool { return now.Sub(at) > time.Hour || at.After(now) })...)
		}
	}
}

func flaps(ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, "flapping") })
}

// After an incident the present leader's time counts, once it leads longer than
// those before it did: 15 minutes, or twice the longest gap between elections.
func TestWhatWasBeforeAStableLeaderCountsNoMore(t *testing.T) {
	for _, tt := range []struct {
		led, leads time.Duration
		flaps      bool
	}{
		{4 * time.Minute, 14*time.Minute + 59*time.Second, true},
		{4 * time.Minute, 15 * time.Minute, false},
		{10 * time.Minute, 15 * time.Minute, true},
		{10 * time.Minute, 19*time.Minute + 59*time.Second, true},
		{10 * time.Minute, 20 * time.Minute, false},
	} {
		sc := flapped(t, tt.led, noon.Add(-tt.leads))
		sc.at(noon)
		if got := sc.alarms(); flaps(got) != tt.flaps || slices.Contains(got, "scheduler-keeps-ending") != tt.flaps {
			t.Errorf("leaders of %s, the present one leads for %s: found %v, want flapping %v", tt.led, tt.leads, got, tt.flaps)
		}
	}
}

// Leaders of four minutes each are never stable, seen at any second.
func TestFlappingIsSeenAtAnySecond(t *testing.T) {
	const led = 4 * time.Minute
	for s := range int(led / time.Second) {
		sc := flapped(t, led, noon.Add(-time.Duration(s)*time.Second))
		if s < 10 { // It is elected and not registered yet.
			sc.facts[0].registered = false
		}
		sc.at(noon)
		if got := sc.alarms(); !flaps(got) {
			t.Fatalf("%d s after the last election: found %v", s, got)
		}
	}
}

// A leader of which nobody knows when it was elected is not called stable.
func TestUnreadLogsMakeNobodyStable(t *testing.T) {
	sc := flapped(t, 4*time.Minute, noon.Add(-30*time.Minute))
	sc.at(noon)
	sc.facts[2].scanned, sc.facts[2].lines = false, nil
	if got := sc.alarms(); !flaps(got) {
		t.Errorf("found %v", got)
	}
}

// What the bot did is not held against the cluster, and what was before a run that
// recovered it is over.
func TestOwnActsDoNotCount(t *testing.T) {
	at := func(m time.Duration) time.Time { return noon.Add(-m * time.Minute) }
	own := func(sc *scene, recovered bool) {
		sc.r.Acts = func() []Act { return []Act{{From: at(12), To: at(5), Recovered: recovered}} }
	}
	within := []time.Time{at(11), at(10), at(8), at(6)}
	for _, tt := range []struct {
		name      string
		times     []time.Time
		recovered bool
		flaps     bool
	}{
		{"within the run", within, false, false},
		{"after it", []time.Time{at(4), at(3), at(2), at(1)}, true, true},
		{"before one that was undone", []time.Time{at(40), at(30), at(20), at(13)}, false, true},
		{"before one that recovered", []time.Time{at(40), at(30), at(20), at(13)}, true, false},
	} {
		sc := whole(t)
		own(sc, tt.recovered)
		sc.timed(0, "elected", append(slices.Clone(tt.times), at(4))...)
		sc.timed(1, "leadership-lost", tt.times...)
		sc.timed(1, "new-framework", tt.times...)
		got := sc.alarms()
		if flaps(got) != tt.flaps || slices.Contains(got, "new-framework") != tt.flaps && tt.name != "before one that was undone" {
			t.Errorf("%s: found %v, want flapping %v", tt.name, got, tt.flaps)
		}
	}
}

// Once a run has ended, its debts are those of single hosts: nobody is told to
// resume it for the sake of the others.
func TestEndedRunWithADebtJudgesTheOthersAsEver(t *testing.T) {
	sc := whole(t)
	sc.ask.Run = &Run{ID: "dev-20260102T0304Z", Disabled: true, Left: []string{"s3"}, Debts: []runner.Debt{{Host: "s3"}}}
	sc.facts[2].silent, sc.facts[2].report, sc.facts[2].look = fmt.Errorf("no answer"), nil, node.Look{}
	if got := sc.alarms(); !slices.Contains(got, "supervision-on") {
		t.Errorf("while the run is open: found %v, want supervision-on of those that it disabled", got)
	}
	sc.ask.Run.Disabled = false
	if got := sc.alarms(); !slices.Equal(got, []string{"host-owes", "host-silent"}) {
		t.Errorf("after its end: found %v, want what s3 owes alone", got)
	}
	sc.facts[0].look.Unit.Enabled = false
	if got := sc.alarms(); !slices.Contains(got, "supervision-off") {
		t.Errorf("after its end, with supervision off on s1: found %v", got)
	}
}

// That Mesos refuses the framework is told before anything is stopped, if it was
// said since the time that counts.
func TestRemovedFramework(t *testing.T) {
	said := noon.Add(-10 * time.Minute)
	looks := map[string]node.Look{"s2": {Scanned: true, Lines: []health.Match{{
		Finding: "framework-removed", Severity: health.Critical, Count: 1, Times: []time.Time{said}, LastAt: said, Example: "Got error 'Framework has been removed'",
	}}}}
	sc := whole(t)
	if got := sc.r.Removed(looks, Before{}); len(got) != 1 || got[0].ID != "framework-removed" || got[0].Subject != "s2" || got[0].Severity != health.Critical {
		t.Errorf("%+v, want framework-removed on s2", got)
	}
	if got := sc.r.Removed(looks, Before{From: noon}); len(got) != 0 {
		t.Errorf("of before the present leader: %+v", got)
	}
}
