package bot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aurorabot/bot/blocks"
	"aurorabot/handlers/view"
)

const (
	// ledgerWithin is how long an acknowledgement waits for the disk at most:
	// a disk that hangs is no reason to have a command fail in Slack.
	ledgerWithin = 300 * time.Millisecond

	// ledgerLines is how many requests are written together at most.
	ledgerLines = 256

	// tellable is how long ago a request may have been taken to be spoken of
	// after a restart: whoever asked before that has long gone on.
	tellable = 24 * time.Hour
)

// A ledger writes down what is taken before Slack is told that it is: what
// Slack believes to be in good hands must not be forgotten, whatever ends this
// process in the next moment. Those who come while the disk is busy are written
// together.
type ledger struct {
	*app
	entries chan entry
	waiting atomic.Int64
	before  []taken // What the process before this one took and did not end.
}

type entry struct {
	ask *ask
	ack func()
}

// newLedger makes one that is never full: each entry is of a request in hand.
func newLedger(b *app) *ledger {
	return &ledger{app: b, before: b.store.left(), entries: make(chan entry, 2*b.Queue+ledgerLines)}
}

// put has a written down, and acknowledged right after that. It does not block.
// a.kept is closed when a is written down, or cannot be.
func (g *ledger) put(a *ask, ack func()) {
	ack = sync.OnceFunc(ack)
	g.waiting.Add(1)
	select {
	case g.entries <- entry{a, ack}:
		time.AfterFunc(ledgerWithin, ack)
	default:
		g.waiting.Add(-1)
		ack()
		close(a.kept)
	}
}

// walk writes until ctx ends.
func (g *ledger) walk(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-g.entries:
			batch := []entry{one}
			for len(g.entries) > 0 && len(batch) < ledgerLines {
				batch = append(batch, <-g.entries)
			}
			g.write(ctx, batch)
		}
	}
}

func (g *ledger) write(ctx context.Context, batch []entry) {
	var list []record
	for _, e := range batch {
		if t := e.ask.taken(g.Now()); t != nil {
			list = append(list, record{Taken: t})
		}
	}
	if err := g.store.append(list...); err != nil {
		g.Log.ErrorContext(ctx, "slack: remembering requests", "requests", len(list), "err", err)
	}
	for _, e := range batch {
		e.ack()
		close(e.ask.kept)
		g.waiting.Add(-1)
	}
}

// taken is what has to outlast this process of a; nil: nothing, for it can not
// be recognised.
func (a *ask) taken(now time.Time) *taken {
	keys := a.keys()
	if len(keys) == 0 {
		return nil
	}
	about := "a request"
	if len(a.words) > 0 {
		about = blocks.Redact(strings.Join(a.words[:min(len(a.words), 2)], " "))
	}
	if r := []rune(about); len(r) > 120 {
		about = string(r[:119]) + "…"
	}
	t := &taken{ID: keys[0], Keys: keys, User: a.user, Team: a.team, Channel: a.channel, Thread: a.thread, About: about, At: now.UTC()}
	if a.alone {
		t.Thread = ""
	}
	return t
}

// keep makes it last over a restart that a was there, before anything is done
// about it. What came over a link is being written down already.
func (g *ledger) keep(ctx context.Context, a *ask) {
	if a.kept != nil {
		select {
		case <-a.kept:
		case <-ctx.Done():
		}
		return
	}
	a.kept = make(chan struct{})
	close(a.kept)
	if t := a.taken(g.Now()); t != nil {
		if err := g.store.append(record{Taken: t}); err != nil {
			g.Log.ErrorContext(ctx, "slack: remembering a request", "err", err)
		}
	}
}

// answered ends a request: whoever asked was told what there is to tell.
func (g *ledger) answered(a *ask) {
	keys := a.keys()
	if len(keys) == 0 || g.working.Err() != nil {
		return // Cut short, whatever was to be told may not have been.
	}
	g.keep(g.working, a) // What ends is not written before what begins.
	if err := g.store.answered(keys[0]); err != nil {
		g.Log.Error("slack: remembering an answer", "err", err)
	}
}

// left tells whoever asked for something that the process before took and did
// not bring to its end. Nothing is done again by itself: it may have taken effect.
func (g *ledger) left(ctx context.Context) {
	for _, t := range g.before {
		a := &ask{team: t.Team, user: t.User, channel: t.Channel, thread: t.Thread}
		if g.Now().Sub(t.At) <= tellable {
			g.Log.WarnContext(ctx, "slack: a request was in hand when the bot ended", "user", t.User, "about", t.About, "at", t.At)
			if err := g.tell(ctx, a, interrupted(t, g.Command)); err != nil {
				g.Log.ErrorContext(ctx, "slack: telling a person", "user", t.User, "err", err)
				continue // The next start tells it.
			}
		}
		if err := g.store.answered(t.ID); err != nil {
			g.Log.ErrorContext(ctx, "slack: remembering an answer", "err", err)
		}
	}
}

func interrupted(t taken, command string) view.Message {
	return view.Message{
		Tone: view.Warn,
		Head: "The bot was restarted while it had your request in hand",
		Lines: []string{
			fmt.Sprintf("It was `%s`, taken at %s. Whether it took effect is not known here.", t.About, t.At.Format(time.RFC3339)),
			fmt.Sprintf("`%s status` shows how things stand. If nothing came of it, ask again.", command),
		},
	}
}
