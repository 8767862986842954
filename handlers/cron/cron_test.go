package cron

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

func readOnly(words []string) error {
	if words[0] != "report" {
		return errors.New(words[0] + " changes something: a schedule may only read")
	}
	return nil
}

func job(t *testing.T, spec, zone string) Job {
	t.Helper()
	j, err := NewJob(Schedule{Name: "backups", Spec: spec, Zone: zone, Words: []string{"report", "devcluster"}, Channel: "C0OPS"}, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestNewJobRefuses(t *testing.T) {
	good := Schedule{Name: "n", Spec: "0 9 * * *", Zone: "UTC", Words: []string{"report"}, Channel: "C0OPS"}
	for _, tt := range []struct {
		why    string
		change func(*Schedule)
	}{
		{"no name", func(s *Schedule) { s.Name = "" }},
		{"no channel", func(s *Schedule) { s.Channel = "" }},
		{"no command", func(s *Schedule) { s.Words = nil }},
		{"changes something", func(s *Schedule) { s.Words = []string{"recover", "devcluster"} }},
		{"no time zone", func(s *Schedule) { s.Zone = "" }},
		{"no time zone", func(s *Schedule) { s.Zone = "Local" }},
		{"time zone", func(s *Schedule) { s.Zone = "Mars/Olympus" }},
		{"belongs into zone", func(s *Schedule) { s.Spec = "CRON_TZ=UTC 0 9 * * *" }},
		{"times", func(s *Schedule) { s.Spec = "every day" }},
		{"times", func(s *Schedule) { s.Spec = "61 * * * *" }},
	} {
		s := good
		tt.change(&s)
		if _, err := NewJob(s, readOnly); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("NewJob(%+v) = %v, want %q", s, err, tt.why)
		}
	}
}

// Times are meant in the schedule's zone, whatever the machine's is, and over
// the changes of its clocks.
func TestNextIsInTheZone(t *testing.T) {
	for _, tt := range []struct{ spec, zone, from, want string }{
		{"0 9 * * *", "UTC", "2026-11-23T08:59:59Z", "2026-11-23T09:00:00Z"},
		{"0 9 * * *", "UTC", "2026-11-23T09:00:00Z", "2026-11-24T09:00:00Z"},
		{"0 9 * * *", "Europe/Berlin", "2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z"},
		{"0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00Z", "2026-03-29T07:00:00Z"},
		{"@every 1h", "UTC", "2026-11-23T08:10:00Z", "2026-11-23T09:10:00Z"},
		// In the night of 29 March the clocks leap from 2 to 3, and 02:30 is not.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"0 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"30 1 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T00:30:00Z"},
		{"0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"0 3 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"},
		{"5 * * * *", "Europe/Berlin", "2026-03-29T00:05:00Z", "2026-03-29T01:05:00Z"}, // The hour after it has its own.
		{"30 2 29 3 *", "Europe/Berlin", "2025-12-01T00:00:00Z", "2026-03-29T01:00:00Z"},
		{"30 2 1 6 *", "Europe/Berlin", "2026-03-01T00:00:00Z", "2026-06-01T00:30:00Z"},
		{"0 0 30 2 *", "Europe/Berlin", "2026-03-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"}, // By half an hour.
	} {
		from, _ := time.Parse(time.RFC3339, tt.from)
		if got := job(t, tt.spec, tt.zone).Next(from).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%q in %s after %s: %s, want %s", tt.spec, tt.zone, tt.from, got, tt.want)
		}
	}
}

// A board keeps what was posted, and when.
type board struct {
	mu    sync.Mutex
	posts []view.Message
	at    []time.Time

	outcomes []Outcome
}

func (b *board) Post(_ context.Context, channel string, m view.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if channel != "C0OPS" {
		return errors.New("wrong channel " + channel)
	}
	b.posts, b.at = append(b.posts, m), append(b.at, time.Now())
	return nil
}

func (b *board) heads() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var h []string
	for _, m := range b.posts {
		h = append(h, m.Head)
	}
	return h
}

type service func(context.Context, handlers.Request) handlers.Response

func (s service) Handle(ctx context.Context, r handlers.Request) handlers.Response { return s(ctx, r) }

func (b *board) told(o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = append(b.outcomes, o)
}

// run lets a schedule of every ten minutes run for d, in the bubble's time.
func run(t *testing.T, d time.Duration, s service) *board {
	b := &board{}
	synctest.Test(t, func(t *testing.T) {
		c := &Cron{Jobs: []Job{job(t, "*/10 * * * *", "UTC")}, Service: s, Post: b, Now: time.Now, Told: b.told, Log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestAsksWhenDue(t *testing.T) {
	var asked []handlers.Request
	b := run(t, 35*time.Minute, func(_ context.Context, r handlers.Request) handlers.Response {
		asked = append(asked, r)
		return handlers.Response{Message: view.Message{Tone: view.Good, Head: "all well"}}
	})
	if len(asked) != 3 || len(b.posts) != 3 {
		t.Fatalf("asked %d, posted %d, want 3 and 3", len(asked), len(b.posts))
	}
	for i, o := range b.outcomes {
		if len(b.outcomes) != 3 || !o.Answered || o.Posted != nil || o.Schedule != "backups" || o.At.IsZero() {
			t.Errorf("outcome %d of %d: %+v", i+1, len(b.outcomes), o)
		}
	}
	r := asked[0]
	if !r.Clock || r.Actor.Key() != "cron/backups" || r.Words[0] != "report" || r.Channel != "C0OPS" || r.At.Minute() != 10 || r.Source == asked[1].Source {
		t.Errorf("request %+v", r)
	}
	if !strings.Contains(b.posts[0].Foot, "schedule backups") {
		t.Errorf("foot %q does not say where it comes from", b.posts[0].Foot)
	}
}

// Whatever becomes of a check, the channel hears of it.
func TestNeverSilent(t *testing.T) {
	for name, tt := range map[string]struct {
		service service
		want    string
	}{
		"nothing said":  {func(context.Context, handlers.Request) handlers.Response { return handlers.Response{} }, "It said nothing"},
		"only a status": {func(context.Context, handlers.Request) handlers.Response { return handlers.Response{Exit: 1} }, "status 1"},
		"a panic":       {func(context.Context, handlers.Request) handlers.Response { panic("oh") }, "itself failed"},
		"hangs": {func(ctx context.Context, _ handlers.Request) handlers.Response {
			<-ctx.Done()
			return handlers.Response{Message: view.Message{Head: "half"}}
		}, "did not end within"},
		"fails in words": {func(context.Context, handlers.Request) handlers.Response {
			return handlers.Response{Exit: 1, Message: view.Message{Head: "no host answers", Lines: []string{"dial"}}}
		}, "dial"},
	} {
		t.Run(name, func(t *testing.T) {
			b := run(t, 21*time.Minute, tt.service)
			found := false
			for _, m := range b.posts {
				found = found || strings.Contains(strings.Join(m.Lines, " "), tt.want)
			}
			for _, o := range b.outcomes {
				if o.Answered != (name == "fails in words") {
					t.Errorf("outcome %+v", o)
				}
			}
			if !found {
				t.Errorf("posted %+v, want %q", b.posts, tt.want)
			}
		})
	}
}

// A check that is still running is not begun a second time; that is said.
func TestSkipsWhileRunning(t *testing.T) {
	running, most := 0, 0
	var mu sync.Mutex
	b := run(t, 25*time.Minute, func(ctx context.Context, _ handlers.Request) handlers.Response {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		// It hangs, and does not even notice that its time is over.
		time.Sleep(14 * time.Minute)
		mu.Lock()
		running--
		mu.Unlock()
		return handlers.Response{Message: view.Message{Head: "late"}}
	})
	if most != 1 {
		t.Errorf("%d checks at once, want 1", most)
	}
	if h := b.heads(); len(h) == 0 || !strings.HasPrefix(h[0], "Check left out") {
		t.Errorf("posted %q, want that a check was left out", h)
	}
}
