package handlers_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// memoryOf keeps what was said in memory.
func memoryOf(t *testing.T, remind time.Duration) (*handlers.Alerts, *map[string]handlers.Alerted) {
	t.Helper()
	kept := map[string]handlers.Alerted{}
	return &handlers.Alerts{
		Remind: remind, Load: func() (map[string]handlers.Alerted, error) { return maps.Clone(kept), nil },
		Save: func(all map[string]handlers.Alerted) error { kept = all; return nil },
	}, &kept
}

// A cluster is spoken of when its state changes, again while nobody knows, and
// when it is mended; never otherwise.
func TestAlerts(t *testing.T) {
	b := fleet(t, map[string]func(context.Context, []check.Window) (check.Result, error){"good": checked("good", check.Yes), "stale": checked("stale", check.Yes)})
	alerts, _ := memoryOf(t, time.Hour)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b.s.Alerts, b.s.Now = alerts, func() time.Time { return now }
	look := func(want ...string) {
		t.Helper()
		found, err := b.s.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range found {
			got = append(got, a.Message.Head+" / "+strings.Join(a.Message.Lines, " "))
			if err := alerts.Said(a.Cluster, a.Becomes); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("said %q, want %q", got, want)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("said %q, want %q", got[i], want[i])
			}
		}
	}
	becoming := func(restorable check.Restorable, ids ...string) func(context.Context, []check.Window) (check.Result, error) {
		return checked("stale", restorable, ids...)
	}
	becomes := func(restorable check.Restorable, ids ...string) { b.s.Clusters[1].Check = becoming(restorable, ids...) }

	look()
	becomes(check.Yes, "backup-stale")
	look("Changed: it was fresh.")
	look()
	now = now.Add(59 * time.Minute)
	look()
	now = now.Add(time.Minute)
	look("Still: stale: said / Since 2026-11-23T12:00:00Z")
	look()
	now = now.Add(30 * time.Minute)
	becomes(check.No, "backup-none")
	look("Changed: it was backup-stale.")
	if r := b.report("acknowledge stale --reason on-it"); r.Exit != 0 || !strings.Contains(r.Message.Head, "stale: backup-none is known to T1/UANN") {
		t.Errorf("%d: %+v", r.Exit, r.Message)
	}
	now = now.Add(48 * time.Hour)
	look()
	becomes(check.Yes, "backup-stale")
	look("Changed: it was backup-none.")
	now = now.Add(time.Hour)
	look("Still: ")
	becomes(check.Yes)
	look("Mended: it was backup-stale since")
	look()
	// What comes behind what the first line tells of is said, whoever knows of that;
	// what goes is not, but when it comes again.
	becomes(check.Yes, "backup-stale")
	look("Changed: it was fresh.")
	acknowledge := func() {
		t.Helper()
		if r := b.s.Handle(t.Context(), handlers.Request{Actor: person("UANN", "S1"), Channel: "C1", Words: []string{"acknowledge", "stale"}, At: now}); r.Exit != 0 {
			t.Errorf("%d: %+v", r.Exit, r.Message)
		}
	}
	acknowledge()
	b.s.Clusters[1].Check = alsoFound(becoming(check.Yes, "backup-stale"), "backup-disk-full")
	look("New: backup-disk-full stale. It was backup-stale since")
	look()
	now = now.Add(time.Hour)
	look("Still: ") // Nobody knows of that.
	becomes(check.Yes, "backup-stale")
	look()
	b.s.Clusters[1].Check = alsoFound(becoming(check.Yes, "backup-stale"), "backup-disk-full", "backup-disk-full", "backup-gap")
	look("New: backup-disk-full stale. It")
	// Acknowledged while a reminder was on its way.
	now = now.Add(time.Hour)
	found, err := b.s.Watch(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	now = now.Add(time.Second)
	acknowledge()
	if err := alerts.Said(found[0].Cluster, found[0].Becomes); err != nil {
		t.Fatal(err)
	}
	now = now.Add(48 * time.Hour)
	look()
	becomes(check.Yes)
	look("Mended: ")
	for words, exit := range map[string]int{"acknowledge stale": 1, "acknowledge good": 1, "acknowledge nothing": 1} {
		if r := b.report(words); r.Exit != exit {
			t.Errorf("%s: %d, %s", words, r.Exit, r.Message.Head)
		}
	}
}

// alsoFound is a check that found more, of which the first line does not tell.
func alsoFound(look func(context.Context, []check.Window) (check.Result, error), ids ...string) func(context.Context, []check.Window) (check.Result, error) {
	return func(ctx context.Context, runs []check.Window) (check.Result, error) {
		r, err := look(ctx, runs)
		for _, id := range ids {
			r.Findings = append(r.Findings, health.Found(id, r.Cluster, "seen, too"))
		}
		return r, err
	}
}

// What was not posted is said again; what cannot be remembered is an error.
func TestAlertsAreNotLost(t *testing.T) {
	b := fleet(t, map[string]func(context.Context, []check.Window) (check.Result, error){"stale": checked("stale", check.Yes, "backup-stale")})
	b.s.Alerts, _ = memoryOf(t, time.Hour)
	for range 2 {
		if found, err := b.s.Watch(t.Context()); err != nil || len(found) != 1 {
			t.Errorf("%v, %v", found, err)
		}
	}
	b.s.Alerts.Load = func() (map[string]handlers.Alerted, error) { return nil, errors.New("torn") }
	if _, err := b.s.Watch(t.Context()); err == nil || !strings.Contains(err.Error(), "torn") {
		t.Errorf("%v", err)
	}
	// Who may only look does not acknowledge.
	r := b.s.Handle(t.Context(), handlers.Request{Actor: person("UEVE"), Channel: "C1", Words: []string{"acknowledge", "stale"}, At: time.Now()})
	if r.Exit != handlers.ExitRefused {
		t.Errorf("%d: %s", r.Exit, r.Message.Head)
	}
}
