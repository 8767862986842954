package cron

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
)

// Limits of one check.
const (
	checkWithin = 10 * time.Minute // Longest time for a check.
	postWithin  = 30 * time.Minute // Longest time to get its answer posted.

	// nap is the longest sleep: a clock that was set, or a machine that was
	// suspended, is noticed after it.
	nap = 30 * time.Second
)

// team is the team of the actor that the audit shows for a schedule; the
// schedule's name is its user. No workspace of Slack has such an ID.
const team = "cron"

// A Service answers requests.
type Service interface {
	Handle(ctx context.Context, r handlers.Request) handlers.Response
}

// A Poster posts a message into a channel, and returns when it stands there.
type Poster interface {
	Post(ctx context.Context, channel string, m view.Message) error
}

// A Cron asks what its jobs say, when they say it.
type Cron struct {
	Jobs    []Job
	Service Service
	Post    Poster
	Now     func() time.Time
	Log     *slog.Logger

	// Last, if not nil, is when a schedule was last answered, in a former process
	// too; zero: never. What was due since then is made up for, and said.
	Last func(schedule string) time.Time

	// Ping, if not nil, tells somebody outside that a report stands in its
	// channel: who hears nothing for too long knows that the bot is dead.
	Ping func(ctx context.Context, schedule string) error

	// Told, if not nil, is called with what became of each time that was due,
	// from several goroutines at once.
	Told func(Outcome)
}

// An Outcome is what became of one time at which a job was due.
type Outcome struct {
	Schedule string
	At       time.Time // When it was over.
	Answered bool      // The command answered. False: it failed, hung or was left out, and the channel is told that.
	Posted   error     // Nil: the answer, or that there is none, stands in the channel.
}

// Run asks until ctx ends, and returns when no check is running any more.
func (c *Cron) Run(ctx context.Context) error {
	var jobs sync.WaitGroup
	for _, j := range c.Jobs {
		jobs.Go(func() { c.walk(ctx, j) })
	}
	jobs.Wait()
	return nil
}

// walk runs one job whenever it is due. A time that passed while the check
// before was still running is left out, and that is said.
func (c *Cron) walk(ctx context.Context, j Job) {
	var checks sync.WaitGroup
	defer checks.Wait()
	var mu sync.Mutex
	var running time.Time // When the check that runs was begun; zero: none runs.

	from := c.Now()
	if c.Last != nil {
		if last := c.Last(j.schedule.Name); !last.IsZero() && last.Before(from) {
			from = last
		}
	}
	for {
		due := j.Next(from)
		if due.IsZero() {
			c.Log.WarnContext(ctx, "cron: the schedule has no next time", "schedule", j.schedule.Name)
			return
		}
		if !c.sleepUntil(ctx, due) {
			return
		}
		// Several times may have passed while the bot did not run, or the machine
		// slept; one check answers for all.
		now := c.Now()
		missed := missedNote(j, due, now)
		from = now

		mu.Lock()
		since := running
		if since.IsZero() {
			running = now
		}
		mu.Unlock()
		if !since.IsZero() {
			checks.Go(func() { c.post(ctx, j, overdue(j, since), false) })
			continue
		}
		checks.Go(func() {
			m, answered := c.check(ctx, j, now)
			if missed != "" {
				m.Lines = append([]string{missed}, m.Lines...)
			}
			mu.Lock()
			running = time.Time{}
			mu.Unlock()
			// When the bot is stopped, the check did not fail.
			if ctx.Err() == nil {
				c.post(ctx, j, m, answered)
			}
		})
	}
}

// sleepUntil reports false if ctx ended before.
func (c *Cron) sleepUntil(ctx context.Context, due time.Time) bool {
	for {
		left := due.Sub(c.Now())
		if left <= 0 {
			return ctx.Err() == nil
		}
		t := time.NewTimer(min(left, nap))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// check asks, and has a message whatever becomes of it. answered is whether it
// is the command's own.
func (c *Cron) check(ctx context.Context, j Job, at time.Time) (m view.Message, answered bool) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c.Log.ErrorContext(ctx, "cron: panic in a check", "schedule", j.schedule.Name, "panic", fmt.Sprint(p))
			m, answered = failed(j, "The bot itself failed; the cause is in its log."), false
		}
	}()
	s := j.schedule
	r := c.Service.Handle(ctx, handlers.Request{
		Actor:   policy.Actor{TeamID: team, UserID: s.Name, Name: "schedule " + s.Name},
		Clock:   true,
		Channel: s.Channel,
		Words:   s.Words,
		At:      at,
		Source:  "cron:" + s.Name + ":" + at.UTC().Format(time.RFC3339),
	})
	said := r.Message.Head != "" || len(r.Message.Lines) > 0
	switch {
	case ctx.Err() != nil:
		return failed(j, fmt.Sprintf("It did not end within %s.", checkWithin)), false
	case !said && r.Exit != 0:
		return failed(j, fmt.Sprintf("It ended with status %d and said nothing.", r.Exit)), false
	case !said:
		return failed(j, "It said nothing."), false
	}
	m = r.Message
	m.Foot = strings.Trim(m.Foot+" · schedule "+s.Name, " ·")
	return m, true
}

// tardy is how late a check may be without a word: the naps, and a busy machine.
const tardy = 2 * time.Minute

// missedNote says which times were missed before now; "" if none was.
func missedNote(j Job, due, now time.Time) string {
	if now.Sub(due) <= tardy {
		return ""
	}
	n := 1
	for next := j.Next(due); n < 1000 && !next.IsZero() && !next.After(now.Add(-tardy)); next = j.Next(next) {
		n++
	}
	if n == 1 {
		return fmt.Sprintf("This one is late: it was due at %s, and the bot did not run then.", due.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%d were missed, the first at %s: the bot did not run. This one stands for all.", n, due.UTC().Format(time.RFC3339))
}

func failed(j Job, why string) view.Message {
	return view.Message{
		Tone:  view.Bad,
		Head:  "Check failed: " + j.schedule.Name,
		Lines: []string{why, "What it was to look at is unknown until it runs: `" + strings.Join(j.schedule.Words, " ") + "`."},
	}
}

func overdue(j Job, since time.Time) view.Message {
	return view.Message{
		Tone:  view.Warn,
		Head:  "Check left out: " + j.schedule.Name,
		Lines: []string{fmt.Sprintf("The one before is still running, since %s.", since.UTC().Format(time.RFC3339))},
	}
}

// post keeps trying for long: a report that nobody sees is none.
func (c *Cron) post(ctx context.Context, j Job, m view.Message, answered bool) {
	limited, cancel := context.WithTimeout(ctx, postWithin)
	defer cancel()
	err := c.Post.Post(limited, j.schedule.Channel, m)
	if c.Told != nil && ctx.Err() == nil {
		c.Told(Outcome{Schedule: j.schedule.Name, At: c.Now(), Answered: answered, Posted: err})
	}
	if err != nil && ctx.Err() == nil {
		c.Log.ErrorContext(ctx, "cron: posting", "schedule", j.schedule.Name, "channel", j.schedule.Channel, "err", err, "message", view.Text(m))
	}
	if err == nil && answered && c.Ping != nil {
		if err := c.Ping(limited, j.schedule.Name); err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "cron: telling outside that the report was made", "schedule", j.schedule.Name, "err", err)
		}
	}
}
