package outbox

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// StatusKey is the key of a run's one message; its thread hangs below it.
const StatusKey = "status"

// ErrParent says that what a message goes below is not there yet.
var ErrParent = errors.New("the message above it is not there")

// parentWithin is how long to wait for it.
const parentWithin = 30 * time.Second

// How long one call may take: Slack answers within a second, and while one hangs nothing
// else is said in its channel. A message that people are asked by hangs for less: what is
// given up is looked for before it is sent again.
const (
	callWithin   = 10 * time.Second
	urgentWithin = 6 * time.Second
	uploadWithin = 30 * time.Second // Three calls, and up to 50 MB.
)

// within bounds a call that sends i.
func (i *Item) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if i.Haste == Asked {
		return context.WithTimeout(ctx, urgentWithin)
	}
	return context.WithTimeout(ctx, callWithin)
}

// marker is the metadata event type that our messages carry, and by which they
// are found again.
const marker = "aurorabot_message"

// deliver makes Slack show i. sent: Slack was asked to change something.
func (o *Outbox) deliver(ctx context.Context, i *Item) (sent bool, err error) {
	if i.Run != "" && !i.Single && o.Memory.Closed(i.Run) {
		return false, nil // Where it stands is not known any more.
	}
	thread, err := o.place(i)
	if err != nil {
		return false, err
	}
	if i.File != nil {
		return o.deliverFile(ctx, i, thread)
	}
	p := o.known(i)
	if p.TS == "" && !p.Trying.IsZero() {
		if err := o.find(ctx, i, &p, thread); err != nil {
			return false, err
		}
		// What it says is not known: it will be edited.
		p.Trying, p.Hash = time.Time{}, ""
		if err := o.remember(i, p); err != nil {
			return false, err
		}
	}
	if p.TS == "" {
		return true, o.post(ctx, i, p, thread)
	}
	same := p.Hash == i.Hash
	if same && !i.Anew {
		return false, nil
	}
	l, err := o.inSomeLayout(i, thread, func(l blocks.Layout, text string) error {
		ctx, cancel := i.within(ctx)
		defer cancel()
		_, _, _, err := o.API.UpdateMessageContext(ctx, p.Channel, p.TS, Options(l, text, "")...)
		return err
	})
	if err != nil && web.Judge(err) == web.Gone {
		// Somebody deleted it, or it is too old to be edited.
		if web.Code(err) == "message_not_found" && o.Now().Sub(i.since) < goneAfter && o.stands(ctx, i, p, thread) {
			return true, errStands
		}
		return true, o.post(ctx, i, Post{Run: i.Run, Key: i.Key, Channel: i.Channel}, thread)
	}
	if same && err != nil && web.Judge(err) == web.Refit {
		return true, nil // What stands there says the same, more plainly.
	}
	if err != nil {
		return true, err
	}
	p.Hash, p.Level = i.Hash, i.level
	o.putFiles(i, l.Files, "")
	return true, o.remember(i, p)
}

// goneAfter is how long Slack's word that a message is not there is doubted while its
// history shows it: posted anew it would stand there twice.
const goneAfter = time.Minute

// errStands is tried again.
var errStands = errors.New("slack says that the message is not there, and shows it")

// stands reports whether the channel's history shows a message.
func (o *Outbox) stands(ctx context.Context, i *Item, p Post, thread string) bool {
	ctx, cancel := i.within(ctx)
	defer cancel()
	if thread != "" {
		messages, _, _, err := o.API.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: p.Channel, Timestamp: thread, Oldest: p.TS, Latest: p.TS, Inclusive: true, Limit: 2})
		return err == nil && slices.ContainsFunc(messages, func(m slack.Message) bool { return m.Timestamp == p.TS })
	}
	h, err := o.API.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: p.Channel, Oldest: p.TS, Latest: p.TS, Inclusive: true, Limit: 1})
	return err == nil && slices.ContainsFunc(h.Messages, func(m slack.Message) bool { return m.Timestamp == p.TS })
}

// A lookError is that it could not be seen whether a message stands already.
type lookError struct {
	method string
	err    error
}

func (e *lookError) Error() string { return e.method + ": " + e.err.Error() }
func (e *lookError) Unwrap() error { return e.err }

// place is the thread that i goes into, "" for the channel itself.
func (o *Outbox) place(i *Item) (string, error) {
	if i.Run == "" || !i.Below && !i.Single {
		return i.Thread, nil
	}
	status, ok := o.Memory.Post(i.Run, StatusKey)
	switch {
	case ok && status.TS != "" && status.Channel == i.Channel:
		return status.TS, nil
	case i.Below:
		return "", ErrParent
	case ok && status.TS != "" || i.Thread != "" || o.Memory.Closed(i.Run):
		// An answer that was asked for elsewhere.
		return i.Thread, nil
	case o.Now().Sub(i.since) < parentWithin/6:
		return "", ErrParent
	}
	return i.Thread, nil
}

// known is what we know of i in Slack.
func (o *Outbox) known(i *Item) Post {
	if i.Single {
		return i.state
	}
	if p, ok := o.Memory.Post(i.Run, i.Key); ok {
		return p
	}
	return Post{Run: i.Run, Key: i.Key, Channel: i.Channel}
}

func (o *Outbox) remember(i *Item, p Post) error {
	if i.Single {
		i.state = p
		return nil
	}
	return o.Memory.Remember(p)
}

// post posts i. That it begins to is remembered first: when the answer is
// lost, it is looked for before it is posted again.
func (o *Outbox) post(ctx context.Context, i *Item, p Post, thread string) error {
	p.Channel, p.TS, p.Trying = i.Channel, "", o.Now()
	if err := o.remember(i, p); err != nil {
		return err
	}
	l, err := o.inSomeLayout(i, thread, func(l blocks.Layout, text string) error {
		options := append(Options(l, text, thread), slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: marker, EventPayload: map[string]any{"run": i.Run, "key": i.Key},
		}))
		ctx, cancel := i.within(ctx)
		defer cancel()
		channel, ts, err := o.API.PostMessageContext(web.Into(ctx, i.Channel), i.Channel, options...)
		if err == nil {
			p.Channel, p.TS = channel, ts
		}
		return err
	})
	if err != nil {
		if web.Judge(err) != web.Again {
			p.Trying = time.Time{}
			err = errors.Join(err, o.remember(i, p))
		}
		return err
	}
	p.Trying, p.Hash, p.Level = time.Time{}, i.Hash, i.level
	if err := o.remember(i, p); err != nil {
		return err
	}
	if thread == "" {
		thread = p.TS
	}
	o.putFiles(i, l.Files, thread)
	return nil
}

// putFiles has the files of a message sent that Slack has now. Those of a
// run's messages are the business of threads, but for what only a plainer
// layout had to cut.
func (o *Outbox) putFiles(i *Item, cut []view.File, thread string) {
	if i.Single {
		for _, f := range slices.Concat(i.Message.Files, cut) {
			o.Put(&Item{Channel: i.Channel, Key: o.Once(), Thread: thread, Single: true, File: &f})
		}
		return
	}
	if i.level == 0 {
		return
	}
	for _, f := range cut {
		file := &Item{Channel: i.Channel, Run: i.Run, Key: FileKey(i.Key, f), Below: true, File: &f, Hash: Hash(f)}
		if p := o.known(i); p.Channel != i.Channel {
			// A direct message: asked for by the person's ID, it stands in a channel of
			// its own, and the run's thread is elsewhere.
			file.Channel, file.Thread, file.Below = p.Channel, p.TS, false
		}
		o.Put(file)
	}
}

// FileKey is the key of a file that goes with the message of a key.
func FileKey(key string, f view.File) string { return key + "#" + f.Name }

// inSomeLayout sends i in the first layout that Slack takes, and begins with
// that one the next time.
func (o *Outbox) inSomeLayout(i *Item, thread string, send func(blocks.Layout, string) error) (blocks.Layout, error) {
	m, typing := o.typed(i.Message, thread != "")
	for ; ; i.level++ {
		l := layout(m, i.level)
		err := send(l, text(m, i.level, typing))
		if err == nil || web.Judge(err) != web.Refit || i.level == Layouts-1 || i.Anew && o.known(i).Hash == i.Hash {
			return l, err
		}
		o.Log.Warn("slack: layout refused, trying a plainer one", "run", i.Run, "key", i.Key, "err", o.Secrets.Err(err), "where", where(err))
	}
}

// where is what Slack says about refused blocks.
func where(err error) []string {
	if r, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return r.ResponseMetadata.Messages
	}
	return nil
}

// find looks for a message that may have been posted though the answer was
// lost, and says in p where it stands; no TS: it is not there. If Slack does not let us
// look, it is posted again: said twice is better than not said.
func (o *Outbox) find(ctx context.Context, i *Item, p *Post, thread string) error {
	ctx, cancel := i.within(ctx)
	defer cancel()
	channel, messages, err := o.lookFor(ctx, *p, thread)
	if err != nil {
		// What people are asked by does not wait for a limit on looking.
		if v := web.Judge(err); v == web.Again || v == web.Fatal || v == web.Later && i.Haste < Asked {
			return err
		}
		o.Log.WarnContext(ctx, "slack: looking for a message that may be there already", "run", i.Run, "key", i.Key, "err", o.Secrets.Err(err))
		return nil
	}
	for _, m := range messages {
		if m.Metadata.EventType == marker && m.Metadata.EventPayload["run"] == i.Run && m.Metadata.EventPayload["key"] == i.Key {
			p.Channel, p.TS = channel, m.Timestamp
			return nil
		}
	}
	return nil
}

// lookFor is what was said, where p belongs, since posting it began. An error is a
// *lookError.
func (o *Outbox) lookFor(ctx context.Context, p Post, thread string) (channel string, _ []slack.Message, _ error) {
	oldest := strconv.FormatInt(p.Trying.Add(-time.Minute).Unix(), 10)
	channel = p.Channel
	if strings.HasPrefix(channel, "U") || strings.HasPrefix(channel, "W") {
		// A person's ID stands for the conversation with them only where one posts.
		c, _, _, err := o.API.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{channel}})
		if err != nil {
			return "", nil, &lookError{"conversations.open", err}
		}
		channel = c.ID
	}
	if thread != "" {
		messages, _, _, err := o.API.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: channel, Timestamp: thread, Oldest: oldest, Limit: 200, IncludeAllMetadata: true})
		if err != nil {
			return "", nil, &lookError{"conversations.replies", err}
		}
		return channel, messages, nil
	}
	h, err := o.API.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Oldest: oldest, Limit: 200, IncludeAllMetadata: true})
	if err != nil {
		return "", nil, &lookError{"conversations.history", err}
	}
	return channel, h.Messages, nil
}

// deliverFile uploads a file once for each content.
func (o *Outbox) deliverFile(ctx context.Context, i *Item, thread string) (bool, error) {
	p := o.known(i)
	if !i.Single && p.Hash == i.Hash {
		return false, nil
	}
	f := *i.File
	if f.Text == "" && f.Data == nil {
		f.Text = "(empty)\n" // Slack takes no empty file.
	}
	within, cancel := context.WithTimeout(ctx, uploadWithin)
	defer cancel()
	if err := o.Upload(within, i.Channel, thread, f); err != nil {
		return true, err
	}
	p.Channel, p.TS, p.Hash = i.Channel, "file", i.Hash
	return true, o.remember(i, p)
}
