package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// fleet is a service of clusters whose checks say what the test says.
func fleet(t *testing.T, says map[string]func(context.Context, []check.Window) (check.Result, error)) *bench {
	b := newBench(t)
	b.s.Clusters = nil
	for _, name := range []string{"good", "stale", "none", "gone"} {
		if does := says[name]; does != nil {
			b.s.Clusters = append(b.s.Clusters, &handlers.Cluster{Name: name, Hosts: []string{"s1"}, Check: does})
		}
	}
	return b
}

// checked is a check with findings of these kinds.
func checked(cluster string, restorable check.Restorable, ids ...string) func(context.Context, []check.Window) (check.Result, error) {
	r := check.Result{Cluster: cluster, At: time.Now(), State: check.Fresh, Severity: health.Info, Restorable: restorable, Says: cluster + ": said"}
	for _, id := range ids {
		r.Findings = append(r.Findings, health.Found(id, cluster, "seen"))
		if health.Any(r.Findings, health.Warning) {
			r.State = id
		}
	}
	r.Severity = health.Worst(r.Findings)
	if restorable == check.Yes {
		r.Newest = &check.Backup{Host: "s1", Name: "scheduler-backup-2026-01-02-03-00", Age: check.Span(time.Hour), Tasks: 65, Counts: true, Valid: true}
	}
	return func(context.Context, []check.Window) (check.Result, error) { return r, nil }
}

func (b *bench) report(words string) handlers.Response {
	b.t.Helper()
	return b.s.Handle(b.t.Context(), handlers.Request{Actor: person("UANN", "S1"), Channel: "C1", Words: strings.Fields(words), At: time.Now()})
}

// The exit status says whether there is something to mend, and the worst cluster
// comes first, in words and in JSON.
func TestReport(t *testing.T) {
	b := fleet(t, map[string]func(context.Context, []check.Window) (check.Result, error){
		"good": checked("good", check.Yes, "backup-fresh"), "stale": checked("stale", check.Yes, "backup-stale"), "none": checked("none", check.No, "backup-none"),
		"gone": func(context.Context, []check.Window) (check.Result, error) {
			return check.Result{}, errors.New("no such folder")
		},
	})
	for words, want := range map[string]struct {
		exit int
		head string
	}{
		"report good":                        {0, "good: said"},
		"report stale":                       {6, "stale: said"},
		"report stale --severity critical":   {0, "stale: said"},
		"report good --severity info":        {6, "good: said"},
		"report none --severity critical":    {6, "none: said"},
		"report gone":                        {6, "gone: CANNOT TELL whether there is a valid backup: no such folder"},
		"report gone --severity critical":    {6, "gone: CANNOT TELL"},
		"report good stale":                  {6, "1 of 2 clusters with something to mend: stale; 1 fresh"},
		"report":                             {6, "1 of 4 clusters could NOT be restored today: none; 1 of 4 clusters CANNOT be told: gone; 1 of 4 clusters with something to mend: stale; 1 fresh"},
		"report good --nagios":               {0, "BACKUP OK - good: said | 'good age'=3600s"},
		"report stale --nagios":              {1, "BACKUP WARNING - stale: said | "},
		"report nothing":                     {1, "report: there is no cluster \"nothing\""},
		"report good --severity bad":         {2, "report: unknown severity"},
		"report good good":                   {0, "good: said"},
		"report none --nagios --png out.png": {2, "BACKUP CRITICAL"},
		"report gone --nagios":               {3, "BACKUP UNKNOWN - gone: CANNOT TELL"},
	} {
		r := b.report(words)
		head := strings.Join(append([]string{r.Message.Head}, r.Message.Lines...), "; ") // A long one is two lines.
		if r.Exit != want.exit || !strings.HasPrefix(head, want.head) {
			t.Errorf("%s: exit %d, %s; want %d, %s", words, r.Exit, head, want.exit, want.head)
		}
	}
	js, err := json.Marshal(b.report("report").Data)
	if err != nil {
		t.Fatal(err)
	}
	var order []struct {
		Cluster, State, Restorable string
		Findings                   []struct {
			Finding, Severity, Do string
		}
	}
	if err := json.Unmarshal(js, &order); err != nil || len(order) != 4 {
		t.Fatalf("%v: %s", err, js)
	}
	if order[0].Cluster != "none" || order[1].Cluster != "gone" || order[3].Cluster != "good" || order[0].Restorable != "no" || order[0].Findings[0].Finding != "backup-none" || order[0].Findings[0].Do == "" {
		t.Errorf("%s", js)
	}
}

// In a channel the picture goes along; on the command line where it is asked for.
func TestReportPicture(t *testing.T) {
	b := fleet(t, map[string]func(context.Context, []check.Window) (check.Result, error){"good": checked("good", check.Yes)})
	r := b.report("report")
	if len(r.Message.Files) != 1 || r.Message.Files[0].Name != "report.png" {
		t.Fatalf("files %+v", r.Message.Files)
	}
	if _, err := png.Decode(bytes.NewReader(r.Message.Files[0].Data)); err != nil {
		t.Error(err)
	}
	b.s.Rules.Access[1].Channels = []string{"*"}
	cli := func(words ...string) handlers.Response {
		return b.s.Handle(t.Context(), handlers.Request{Actor: person("UANN", "S1"), Channel: "cli", Words: words, At: time.Now()})
	}
	if r := cli("report"); r.Exit != 0 || len(r.Message.Files) != 0 {
		t.Errorf("%+v", r)
	}
	if r := cli("report", "--png", "/some/where.png"); len(r.Message.Files) != 1 || r.Message.Files[0].Name != "where.png" {
		t.Errorf("%+v", r)
	}
}

// Who may not look at a cluster is not told of it.
func TestReportKeepsToPolicy(t *testing.T) {
	b := fleet(t, map[string]func(context.Context, []check.Window) (check.Result, error){"good": checked("good", check.Yes), "stale": checked("stale", check.Yes, "backup-stale")})
	for i := range b.s.Rules.Access {
		b.s.Rules.Access[i].Clusters = []string{"good"}
	}
	if r := b.report("report"); r.Message.Head != "good: said" || r.Exit != 0 {
		t.Errorf("%d, %s", r.Exit, r.Message.Head)
	}
	if r := b.report("report stale"); r.Exit != handlers.ExitRefused {
		t.Errorf("%d, %s", r.Exit, r.Message.Head)
	}
}

// Every check is told, the times of recoveries go along, and of one cluster only
// one check runs at a time.
func TestChecks(t *testing.T) {
	var mu sync.Mutex
	var told []string
	var windows [][]check.Window
	now, most := 0, 0
	b := fleet(t, map[string]func(context.Context, []check.Window) (check.Result, error){"good": func(_ context.Context, runs []check.Window) (check.Result, error) {
		mu.Lock()
		now++
		most = max(most, now)
		windows = append(windows, runs)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return check.Result{Cluster: "good"}, nil
	}})
	b.s.Checked = func(r check.Result) { mu.Lock(); told = append(told, r.Cluster); mu.Unlock() }
	begin := func(run string, kinds ...runner.Event) {
		data, _ := json.Marshal(runner.Request{Cluster: "good"})
		for _, e := range append([]runner.Event{{Kind: runner.RunRequested, Data: data}}, kinds...) {
			if _, err := b.s.Engine.Append(run, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	passed := runner.Event{Kind: runner.GatePassed, Gate: "start"}
	begin("good-1", runner.Event{Kind: runner.GateOpened, Gate: "start"}, passed, runner.Event{Kind: runner.RunClosed, Why: "recovered"})
	begin("good-2", runner.Event{Kind: runner.RunClosed, Why: "not-needed"})
	begin("good-3")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { b.report("report good") })
	}
	wg.Wait()
	if most != 1 || len(told) != 3 {
		t.Errorf("%d at once, told %v", most, told)
	}
	var runs []string
	for _, w := range windows[0] {
		runs = append(runs, w.Run)
		if w.From.IsZero() || w.To.IsZero() != (w.Run == "good-3") {
			t.Errorf("%+v", w)
		}
	}
	if !slices.Equal(runs, []string{"good-1", "good-3"}) {
		t.Errorf("recoveries %v", runs)
	}
}
