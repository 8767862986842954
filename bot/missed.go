package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

const (
	// missable is how short a time without links is not worth a look back:
	// Slack itself delivers an event again that nobody acknowledged.
	missable = 2 * time.Second

	// overlap is how much earlier than the last sign of life one looks: what was
	// said right before may have been on its way.
	overlap = 10 * time.Second

	// lookBack is how long ago something may have been said to be looked for.
	lookBack = time.Hour

	// lateAfter is how old a command may be to be carried out all the same: as
	// old as Slack's own redeliveries. Whoever said it before has gone on.
	lateAfter = 5 * time.Minute

	mostSpots = 64
	mostPages = 5
)

// A lookback finds what was said to the bot while it heard nothing from Slack.
type lookback struct {
	*app
	intake *intake
	ledger *ledger
}

// A spot is where people talk to the bot: a channel, or a thread of it.
type spot struct{ channel, thread string }

// spots are where people talked to the bot lately: there is no other way to know
// without asking for more scopes.
type spots struct {
	mu   sync.Mutex
	last map[spot]time.Time
}

func (s *spots) heard(at spot, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[spot]time.Time{}
	}
	s.last[at] = now
	for len(s.last) > mostSpots {
		oldest := at
		for k, t := range s.last {
			if t.Before(s.last[oldest]) {
				oldest = k
			}
		}
		delete(s.last, oldest)
	}
}

func (s *spots) all() []spot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []spot
	for at := range s.last {
		list = append(list, at)
	}
	return list
}

// where lists where to look: where people talked to the bot lately, where its
// open runs are, and their threads.
func (l *lookback) where() []spot {
	list := l.intake.spots.all()
	for _, run := range l.store.runs() {
		if p, ok := l.store.Post(run, outbox.StatusKey); ok && p.TS != "" {
			list = append(list, spot{p.Channel, p.TS})
		}
	}
	if l.Channel != "" {
		list = append(list, spot{channel: l.Channel})
	}
	for _, at := range slices.Clone(list) {
		list = append(list, spot{channel: at.channel})
	}
	slices.SortFunc(list, func(a, c spot) int {
		return cmp.Or(strings.Compare(a.channel, c.channel), strings.Compare(a.thread, c.thread))
	})
	return slices.Compact(list)
}

// look has what was said to the bot since then, and never reached it, handled
// as if it came now; or, if it is too old for that, answered with why it was
// not. What came twice, over a link too, is handled once.
func (l *lookback) look(since time.Time) {
	ctx := l.working
	now := l.Now()
	if since = since.Add(-overlap); now.Sub(since) > lookBack {
		since = now.Add(-lookBack)
	}
	found := map[string]*ask{}
	for _, at := range l.where() {
		for _, a := range l.said(ctx, at, since) {
			found[a.source] = a
		}
	}
	var list []*ask
	for _, a := range found {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, c *ask) int { return a.at.Compare(c.at) })
	n := 0
	for _, a := range list {
		if !l.intake.first(a) {
			continue
		}
		n++
		if l.Now().Sub(a.at) > lateAfter {
			l.tooLate(ctx, a)
			continue
		}
		if err := l.intake.enqueue(a); err != nil {
			l.intake.forget(a)
			l.outbox.Put(&outbox.Item{Channel: a.channel, Thread: a.thread, Key: l.outbox.Once(), Single: true, Message: l.intake.busy(err)})
		}
	}
	l.Log.InfoContext(ctx, "slack: looked for what was missed", "since", since, "found", n)
}

// tooLate tells, where it was said, that nothing came of it.
func (l *lookback) tooLate(ctx context.Context, a *ask) {
	l.ledger.keep(ctx, a)
	defer l.ledger.answered(a)
	l.outbox.Put(&outbox.Item{Channel: a.channel, Thread: a.thread, Key: l.outbox.Once(), Single: true, Message: view.Message{
		Tone: view.Warn,
		Head: "This did not reach the bot when it was said. Nothing was done.",
		Lines: []string{fmt.Sprintf("It was said at %s, when the bot heard nothing from Slack. Say it again if it is still wanted.",
			a.at.UTC().Format(time.RFC3339))},
	}})
}

// said is what was said to the bot at a spot since then, as asks.
func (l *lookback) said(ctx context.Context, at spot, since time.Time) []*ask {
	var asks []*ask
	cursor := ""
	for range mostPages {
		messages, next, err := l.history(ctx, at, since, cursor)
		if err != nil {
			l.Log.WarnContext(ctx, "slack: looking for what was missed", "channel", at.channel, "thread", at.thread, "err", l.secrets.Err(err))
			break
		}
		for _, m := range messages {
			if at.thread == "" && m.ReplyCount > 0 {
				asks = append(asks, l.said(ctx, spot{at.channel, m.Timestamp}, since)...)
			}
			if !slices.Contains([]string{"", "thread_broadcast", "file_share"}, m.SubType) {
				continue // Slack's own words: who joined, what was pinned.
			}
			u := utterance{
				team: cmp.Or(m.Team, l.self().team), user: m.User, bot: m.BotID, channel: at.channel,
				ts: m.Timestamp, thread: m.ThreadTimestamp, text: m.Text,
				mention: strings.Contains(m.Text, "<@"+l.self().user+">") || strings.Contains(m.Text, "<@"+l.self().user+"|"),
			}
			direct := strings.HasPrefix(at.channel, "D")
			if a := l.heard(u.ask(l.self().user)); a != nil && (u.mention || direct) && a.at.After(since) {
				asks = append(asks, a)
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	return asks
}

// history is one page of a channel's messages, or of a thread's.
func (l *lookback) history(ctx context.Context, at spot, since time.Time, cursor string) (list []slack.Message, next string, err error) {
	oldest := strconv.FormatInt(since.Unix(), 10)
	err = web.RetryTwice(ctx, func() error {
		var err error
		if at.thread != "" {
			list, _, next, err = l.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
				ChannelID: at.channel, Timestamp: at.thread, Oldest: oldest, Cursor: cursor, Limit: 200})
			return err
		}
		h, err := l.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: at.channel, Oldest: oldest, Cursor: cursor, Limit: 200})
		if err == nil {
			list, next = h.Messages, h.ResponseMetaData.NextCursor
		}
		return err
	})
	return list, next, err
}

// mentionable is how long a time without any link must be to be told of:
// within it Slack's own users saw their commands fail.
const mentionable = time.Minute

// heardEvery is how often it is written down that the bot hears: a new process
// knows by that since when nobody did.
const heardEvery = time.Minute

// listening writes down that the bot hears, until ctx ends.
func (b *Bot) listening(ctx context.Context) {
	for web.Pause(ctx, heardEvery) == nil {
		if b.deaf() != nil {
			continue
		}
		if err := b.store.hears(b.Now()); err != nil {
			b.Log.ErrorContext(ctx, "slack: remembering that it hears", "err", err)
		}
	}
}

// back is called after a time without links. What was said to the bot meanwhile is looked
// for. If the time was long, the threads of open runs are told: somebody may
// have pressed a button or typed a command, which Slack keeps nowhere.
func (l *lookback) back(since time.Time) {
	now := l.Now()
	if now.Sub(since) < missable {
		return
	}
	look := func() { l.look(since) }
	if l.work.put("", "missed", look) != nil && l.quick.put("", "missed", look) != nil {
		l.Log.ErrorContext(context.Background(), "slack: too busy to look for what was missed", "since", since)
	}
	if now.Sub(since) < mentionable {
		return
	}
	l.Log.WarnContext(context.Background(), "slack: heard nothing", "since", since, "for", now.Sub(since))
	m := view.Message{
		Tone: view.Warn,
		Head: "The bot heard nothing from Slack for " + view.Age(now.Sub(since)),
		Lines: []string{fmt.Sprintf("From %s to %s. Slash commands and presses of that time did not reach it: do them again. What mentions it is looked for and answered now. The run itself was not held up.",
			since.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))},
	}
	for _, run := range l.store.runs() {
		if p, ok := l.store.Post(run, outbox.StatusKey); ok && p.TS != "" {
			l.outbox.Put(&outbox.Item{Channel: p.Channel, Thread: p.TS, Key: l.outbox.Once(), Single: true, Message: m})
		}
	}
}
