package cron

import (
	"context"
	"errors"
	"io"
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

// run lets a schedule of every ten minutes run for d, in the bubble's time.
func run(t *testing.T, d time.Duration, s service) *board {
	b := &board{}
	synctest.Test(t, func(t *testing.T) {
		c := &Cron{Jobs: []Job{job(t, "*/10 * * * *", "UTC")}, Service: s, Post: b, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
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
	r := asked[0]
	if r.Actor.Key() != "cron/backups" || r.Words[0] != "report" || r.Channel != "C0OPS" || r.At.Minute() != 10 || r.Source == asked[1].Source {
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
