package bot

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/handlers/view"
)

// statusKey is the key of a run's one message; its thread hangs below it.
const statusKey = "status"

// errParent says that what a message goes below is not there yet.
var errParent = errors.New("the message above it is not there")

// parentWithin is how long to wait for it.
const parentWithin = 30 * time.Second

// marker is the metadata event type that our messages carry, and by which they
// are found again.
const marker = "aurorabot_message"

// deliver makes Slack show i. sent: Slack was asked to change something.
func (o *outbox) deliver(ctx context.Context, i *item) (sent bool, err error) {
	thread, err := o.place(i)
	if err != nil {
		return false, err
	}
	if i.file != nil {
		return o.deliverFile(ctx, i, thread)
	}
	p := o.known(i)
	if p.TS == "" && !p.Trying.IsZero() {
		if p.TS, err = o.find(ctx, i, p, thread); err != nil {
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
	if p.Hash == i.hash {
		return false, nil
	}
	l, err := o.inSomeLayout(i, thread, func(l blocks.Layout, text string) error {
		_, _, _, err := o.bot.api.UpdateMessageContext(ctx, p.Channel, p.TS, say(l, text, "")...)
		return err
	})
	if err != nil && judge(err) == gone {
		// Somebody deleted it, or it is too old to be edited.
		return true, o.post(ctx, i, post{Run: i.run, Key: i.key, Channel: i.channel}, thread)
	}
	if err != nil {
		return true, err
	}
	p.Hash = i.hash
	o.putFiles(i, l.Files, "")
	return true, o.remember(i, p)
}

// place is the thread that i goes into, "" for the channel itself.
func (o *outbox) place(i *item) (string, error) {
	if i.run == "" || !i.below && !i.single {
		return i.thread, nil
	}
	status, ok := o.bot.store.post(i.run, statusKey)
	switch {
	case ok && status.TS != "" && status.Channel == i.channel:
		return status.TS, nil
	case i.below:
		return "", errParent
	case ok && status.TS != "" || i.thread != "" || o.bot.store.isClosed(i.run):
		// An answer that was asked for elsewhere.
		return i.thread, nil
	case o.bot.Now().Sub(i.since) < parentWithin/6:
		return "", errParent
	}
	return i.thread, nil
}

// known is what we know of i in Slack.
func (o *outbox) known(i *item) post {
	if i.single {
		return i.state
	}
	if p, ok := o.bot.store.post(i.run, i.key); ok {
		return p
	}
	return post{Run: i.run, Key: i.key, Channel: i.channel}
}

func (o *outbox) remember(i *item, p post) error {
	if i.single {
		i.state = p
		return nil
	}
	return o.bot.store.put(p)
}

// post posts i. That it begins to is remembered first: when the answer is
// lost, it is looked for before it is posted again.
func (o *outbox) post(ctx context.Context, i *item, p post, thread string) error {
	p.Channel, p.TS, p.Trying = i.channel, "", o.bot.Now()
	if err := o.remember(i, p); err != nil {
		return err
	}
	l, err := o.inSomeLayout(i, thread, func(l blocks.Layout, text string) error {
		options := append(say(l, text, thread), slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: marker, EventPayload: map[string]any{"run": i.run, "key": i.key},
		}))
		channel, ts, err := o.bot.api.PostMessageContext(ctx, i.channel, options...)
		if err == nil {
			p.Channel, p.TS = channel, ts
		}
		return err
	})
	if err != nil {
		if judge(err) != again {
			p.Trying = time.Time{}
			err = errors.Join(err, o.remember(i, p))
		}
		return err
	}
	p.Trying, p.Hash = time.Time{}, i.hash
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
func (o *outbox) putFiles(i *item, cut []view.File, thread string) {
	if i.single {
		for _, f := range slices.Concat(i.message.Files, cut) {
			o.put(&item{channel: i.channel, key: o.once(), thread: thread, single: true, file: &f})
		}
		return
	}
	if i.level == 0 {
		return
	}
	for _, f := range cut {
		file := &item{channel: i.channel, run: i.run, key: fileKey(i.key, f), below: true, file: &f, hash: hash(f)}
		if p := o.known(i); p.Channel != i.channel {
			// A direct message: asked for by the person's ID, it stands in a channel of
			// its own, and the run's thread is elsewhere.
			file.channel, file.thread, file.below = p.Channel, p.TS, false
		}
		o.put(file)
	}
}

// fileKey is the key of a file that goes with the message of a key.
func fileKey(key string, f view.File) string { return key + "#" + f.Name }

// inSomeLayout sends i in the first layout that Slack takes, and begins with
// that one the next time.
func (o *outbox) inSomeLayout(i *item, thread string, send func(blocks.Layout, string) error) (blocks.Layout, error) {
	m := o.bot.typed(i.message, thread != "")
	for ; ; i.level++ {
		l := layout(m, i.level)
		err := send(l, text(m, i.level))
		if err == nil || judge(err) != refit || i.level == layouts-1 {
			return l, err
		}
		o.bot.Log.Warn("slack: layout refused, trying a plainer one", "run", i.run, "key", i.key, "err", o.bot.secrets.err(err), "where", where(err))
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
// lost. "": it is not there. If Slack does not let us look, it is posted
// again: said twice is better than not said.
func (o *outbox) find(ctx context.Context, i *item, p post, thread string) (string, error) {
	oldest := strconv.FormatInt(p.Trying.Add(-time.Minute).Unix(), 10)
	var messages []slack.Message
	var err error
	if thread == "" {
		var h *slack.GetConversationHistoryResponse
		h, err = o.bot.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: p.Channel, Oldest: oldest, Limit: 200, IncludeAllMetadata: true})
		if err == nil {
			messages = h.Messages
		}
	} else {
		messages, _, _, err = o.bot.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: p.Channel, Timestamp: thread, Oldest: oldest, Limit: 200, IncludeAllMetadata: true})
	}
	if err != nil {
		if v := judge(err); v == again || v == later || v == fatal {
			return "", err
		}
		o.bot.Log.WarnContext(ctx, "slack: looking for a message that may be there already", "run", i.run, "key", i.key, "err", o.bot.secrets.err(err))
		return "", nil
	}
	for _, m := range messages {
		if m.Metadata.EventType == marker && m.Metadata.EventPayload["run"] == i.run && m.Metadata.EventPayload["key"] == i.key {
			return m.Timestamp, nil
		}
	}
	return "", nil
}

// deliverFile uploads a file once for each content.
func (o *outbox) deliverFile(ctx context.Context, i *item, thread string) (bool, error) {
	p := o.known(i)
	if !i.single && p.Hash == i.hash {
		return false, nil
	}
	f := *i.file
	if f.Text == "" && f.Data == nil {
		f.Text = "(empty)\n" // Slack takes no empty file.
	}
	if err := o.bot.upload(ctx, i.channel, thread, f); err != nil {
		return true, err
	}
	p.Channel, p.TS, p.Hash = i.channel, "file", i.hash
	return true, o.remember(i, p)
}
