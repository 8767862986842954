package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/web"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
)

const (
	// freshFor is how old an answer may be that something is decided by:
	// enough for two people who approve in the same second.
	freshFor = 5 * time.Second

	// lookFor is how old one may be that something is shown by, if nobody is asked
	// for it: Slack answers 20 questions a minute about groups, and tells of changes
	// of groups and of people meanwhile.
	lookFor = time.Minute

	// knownFor is how old one may be where Slack cannot be asked.
	knownFor = 24 * time.Hour

	// askWithin is the longest time to wait for Slack's answer, lookPatience where
	// there is an older one to show something by.
	askWithin    = 10 * time.Second
	lookPatience = 2 * time.Second

	// unheardFor is how long it is tried where nobody answers at all: a break in the
	// net, or a failover at Slack's side, is over by then, and an outage is not.
	unheardFor = 2 * time.Second

	// restFor is how long nothing is asked in order to show something, after a
	// question without an answer.
	restFor = 20 * time.Second
)

// An answer is what Slack said of a person or a group.
type answer struct {
	at      time.Time // When it was asked for. Zero: it never was.
	who     policy.Actor
	members []string
	never   error // Slack refuses to say it, for good.
}

// known is what is known of one person or group.
type known struct {
	answer answer
	rest   time.Time // Until then it is not asked for in order to show something,
	why    error     // for this.
	away   time.Time // When nobody answered at all. Zero: somebody did since.
	asking *question
}

// A question is on its way to Slack, for all who wait for its answer.
type question struct {
	began  time.Time
	done   chan struct{} // Closed when the rest is known.
	answer answer
	err    error
	final  bool // Slack refuses to say it, for good.
}

// ask returns an answer that is fresh enough for p, as [handlers.Directory] says.
// Of several who ask for the same, one asks Slack; nobody waits longer than they
// would alone.
func (d *directory) ask(ctx context.Context, key string, p handlers.Purpose, look func(context.Context) (answer, error)) (answer, error) {
	start := d.Now()
	since := start.Add(-freshFor)
	if p == handlers.Looking {
		since = start.Add(-lookFor)
	}
	for tries := 0; ; tries++ {
		k, old, q, err := d.consult(ctx, key, p, since, look)
		if q == nil {
			return old, err
		}
		err = d.await(ctx, q, !old.at.IsZero())
		switch {
		case p == handlers.Looking && err != nil && !old.at.IsZero() && !q.over():
			return old, nil
		case p == handlers.Looking || tries == 2:
		case err != nil && q.began.Before(start) && ctx.Err() == nil:
			continue // It was somebody else's question, and its time was over earlier.
		case err == nil && (!q.answer.at.After(since) || d.dropped(key, k)):
			continue // It was asked for too early, or Slack took it back meanwhile.
		}
		if err != nil {
			return answer{}, d.secrets.Err(err)
		}
		return q.answer, nil
	}
}

// consult returns what is known of key and is good enough, or what to wait for,
// with the answer that is good enough if that brings none.
func (d *directory) consult(ctx context.Context, key string, p handlers.Purpose, since time.Time, look func(context.Context) (answer, error)) (k *known, old answer, q *question, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k = d.known[key]
	if k == nil {
		k = &known{}
		d.known[key] = k
	}
	now := d.Now()
	if k.answer.at.After(since) {
		return k, k.answer, nil, nil
	}
	if p == handlers.Looking {
		if now.Sub(k.answer.at) < knownFor {
			old = k.answer
		}
		if wait := k.rest.Sub(now); wait > 0 {
			if old.at.IsZero() {
				err = d.secrets.Err(fmt.Errorf("%w; %s", k.why, tryIn(wait)))
			}
			return k, old, nil, err
		}
	}
	// From the terminal there is another way than to ask. That nobody answers is as good
	// as new for as long as an answer is.
	if p == handlers.Vouched && k.away.After(since) {
		return k, answer{}, nil, d.secrets.Err(k.why)
	}
	if k.asking == nil {
		asking := &question{began: now, done: make(chan struct{})}
		k.asking = asking
		// It goes on without whoever began it: others may wait for it longer.
		go web.Guard(d.panicked, func() { d.put(context.WithoutCancel(ctx), k, asking, look) })
	}
	return k, old, k.asking, nil
}

// over reports whether q was answered by a refusal for good.
func (q *question) over() bool {
	select {
	case <-q.done:
		return q.final
	default:
		return false
	}
}

// await waits for the answer to q, for a short time if there is something else to
// go by. An error says why there is none.
func (d *directory) await(ctx context.Context, q *question, otherwise bool) error {
	patience := askWithin
	if otherwise {
		patience = lookPatience - d.Now().Sub(q.began) // Whoever comes later waits for the rest of it.
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return handlers.Unasked{Why: silent(ctx.Err()) + "; try again in a minute", Away: errors.Is(ctx.Err(), context.DeadlineExceeded)}
	}
}

// dropped reports whether an entry was forgotten.
func (d *directory) dropped(key string, k *known) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[key] != k
}

// put asks Slack, again while that may help, and keeps the answer. What was
// forgotten meanwhile is kept where nobody looks.
func (d *directory) put(ctx context.Context, k *known, q *question, look func(context.Context) (answer, error)) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if d.working != nil && d.working.Err() == nil {
		defer context.AfterFunc(d.working, cancel)()
	}
	var a answer
	err := errors.New("the bot itself failed at asking Slack")
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		k.asking, k.rest, k.away = nil, time.Time{}, time.Time{}
		switch {
		case err == nil:
			k.answer, q.answer, q.err = a, a, nil
		case passes(err):
			rest := restFor
			if limit, ok := errors.AsType[*slack.RateLimitedError](err); ok {
				rest = limit.RetryAfter
			}
			k.rest, k.why = d.Now().Add(rest), handlers.Unasked{Why: silent(err), Away: web.Unheard(err), Barred: web.Judge(err) == web.Fatal}
			if web.Unheard(err) {
				k.away = d.Now()
			}
			q.err = fmt.Errorf("%w; %s", k.why, tryIn(rest))
		default:
			k.answer, q.err, q.final = answer{}, errors.New(never(err)), true
		}
		close(q.done)
	}()
	err = web.Retry(ctx, func() error {
		// The answer is as old as the question.
		at := d.Now()
		var err error
		a, err = look(ctx)
		a.at = at
		if err != nil && web.Unheard(err) && d.Now().Sub(q.began) >= unheardFor {
			cancel() // Whoever waits has another way, or none.
		}
		return err
	})
}

// silent says why Slack gave no answer.
func silent(err error) string {
	_, limited := errors.AsType[*slack.RateLimitedError](err)
	code := web.Code(err)
	switch {
	case limited:
		return "Slack limits how often that is asked"
	case web.Judge(err) == web.Fatal:
		return "Slack does not let the bot in (" + code + ")"
	case code != "":
		return "Slack answers " + code
	case errors.Is(err, context.DeadlineExceeded):
		return "Slack gave no answer within " + view.Age(askWithin)
	case errors.Is(err, context.Canceled):
		return "the bot is stopping"
	}
	return "Slack can't be reached (" + err.Error() + ")"
}

func tryIn(d time.Duration) string {
	return "try again in " + view.Age(max(d, time.Second))
}
