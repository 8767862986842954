package cron

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// Times are late by the same amount each time, within the limit; names differ in it.
func TestJitter(t *testing.T) {
	from := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	seen := map[time.Duration]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		j, err := NewJob(Schedule{Name: name, Spec: "0 * * * *", Zone: "UTC", Words: []string{"report"}, Channel: "C0OPS", Jitter: 10 * time.Minute}, readOnly)
		if err != nil {
			t.Fatal(err)
		}
		first := j.Next(from)
		late := first.Sub(from)
		if late > time.Hour {
			late -= time.Hour
		}
		if late = late % time.Hour; late < 0 || late > 10*time.Minute {
			t.Errorf("%s is late by %s", name, late)
		}
		if second := j.Next(first); second.Sub(first) != time.Hour {
			t.Errorf("%s: %s after %s", name, second, first)
		}
		seen[late] = true
	}
	if len(seen) < 4 {
		t.Errorf("all are late by the same: %v", seen)
	}
}

var well = service(func(context.Context, handlers.Request) handlers.Response {
	return handlers.Response{Message: view.Message{Head: "all well"}}
})

// What was due while the bot did not run is made up for once, and that is said.
func TestMissed(t *testing.T) {
	for _, tt := range []struct {
		ago  time.Duration // When it was last answered; zero: never.
		want string        // In the first line of the first post; "": it says nothing, and comes in its time.
	}{
		{0, ""},
		{3 * time.Minute, ""}, // 23:57; due at 00:00, which is now.
		{20 * time.Minute, "This one is late: it was due at 1999-12-31T23:50:00Z"},
		{72 * time.Minute, "7 were missed, the first at 1999-12-31T22:50:00Z"},
	} {
		b := &board{}
		synctest.Test(t, func(t *testing.T) {
			c := &Cron{Jobs: []Job{job(t, "*/10 * * * *", "UTC")}, Service: well, Post: b, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
			began := time.Now() // Midnight.
			c.Last = func(name string) time.Time {
				if tt.ago == 0 || name != "backups" {
					return time.Time{}
				}
				return began.Add(-tt.ago)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			if err := c.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		if len(b.posts) == 0 {
			t.Fatalf("%s ago: nothing was posted", tt.ago)
		}
		got := strings.Join(b.posts[0].Lines, " ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s ago: posted %q, want %q", tt.ago, got, tt.want)
		}
		if last := b.posts[len(b.posts)-1]; len(b.posts) > 1 && len(last.Lines) > 0 {
			t.Errorf("%s ago: said again: %q", tt.ago, last.Lines)
		}
	}
}

// Somebody outside is told of a report that stands in its channel, and of no other.
func TestPing(t *testing.T) {
	for name, tt := range map[string]struct {
		service service
		want    int
	}{
		"posted": {well, 1},
		"failed": {func(context.Context, handlers.Request) handlers.Response { return handlers.Response{} }, 0},
	} {
		pings := 0
		synctest.Test(t, func(t *testing.T) {
			c := &Cron{Jobs: []Job{job(t, "*/10 * * * *", "UTC")}, Service: tt.service, Post: &board{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
			c.Ping = func(context.Context, string) error { pings++; return errors.New("nobody there") }
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			if err := c.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		if pings != tt.want {
			t.Errorf("%s: %d pings, want %d", name, pings, tt.want)
		}
	}
}

// A watch speaks of changes only, again of what could not be posted, and of its
// own failure.
func TestWatch(t *testing.T) {
	b := &board{}
	said := 0
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		w := &Watch{Every: time.Minute, Channel: "C0OPS", Post: b, Now: time.Now, Look: func(context.Context) []Alert {
			switch looks++; looks {
			case 2:
				return []Alert{{Message: view.Message{Head: "stale"}, Said: func() { said++ }}}
			case 4:
				panic("oh")
			}
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+time.Second)
		defer cancel()
		w.Run(ctx)
		if looks != 5 {
			t.Errorf("%d looks, want 5", looks)
		}
		w.Channel, w.Look = "C0WRONG", func(context.Context) []Alert {
			return []Alert{{Message: view.Message{Head: "x"}, Said: func() { said += 100 }}}
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer cancel()
		w.Run(ctx)
	})
	if h := b.heads(); len(h) != 2 || h[0] != "stale" || h[1] != "Watching the backups failed" || said != 1 {
		t.Errorf("said %d, posted %q", said, h)
	}
}
