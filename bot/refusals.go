package bot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// refusals are the messages of runs that Slack does not take where they belong.
type refusals map[place]refusal

// A refusal is Slack's answer to a message: the bot is not in the channel, it is
// archived, the message is too long, or the like. People can mend that, and the bot
// tries again.
type refusal struct {
	channel string
	code    string
	at      time.Time
}

// How long the bot waits before it tries again what was refused: where people can see
// the run's gate elsewhere, and where they cannot. Shorter in tests.
var (
	refusedFor = 45 * time.Second
	soon       = 5 * time.Second
)

// refusedAtMost is how long after its end what is refused keeps a run from being done with.
const refusedAtMost = 15 * time.Minute

// lost remembers that a message was refused, and has people told elsewhere.
func (t *threads) lost(channel, run, key string, err error) {
	if t.store.Closed(run) {
		return
	}
	now := t.Now()
	t.mu.Lock()
	t.refusals[place{run, key}] = refusal{channel, cmp.Or(web.Code(err), "no reason"), now}
	t.mu.Unlock()
	t.changed(run)
	t.later(run, soon)
}

// taken remembers that a message was taken.
func (t *threads) taken(run, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.refusals, place{run, key})
}

// refused is what Slack answered last to a message of a run, "" if it was no refusal.
// Without a key it is the answer to any message in the run's own channel.
func (t *threads) refused(run, key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if key != "" {
		return t.refusals[place{run, key}].code
	}
	last := refusal{}
	for at, r := range t.refusals {
		if at.run == run && !strings.HasPrefix(at.key, elsewhereKey) && r.at.After(last.at) {
			last = r
		}
	}
	return last.code
}

// mayTry reports whether it is time for a message, as far as it was refused. What people
// are asked by, and do not see anywhere, is tried sooner.
func (t *threads) mayTry(run, key string, asks bool) bool {
	t.mu.Lock()
	r, ok := t.refusals[place{run, key}]
	t.mu.Unlock()
	if !ok {
		return true
	}
	wait := refusedFor
	if asks && !t.seen(run, key) {
		wait = soon
	}
	left := wait - t.Now().Sub(r.at)
	if left > 0 {
		t.later(run, left)
	}
	return left <= 0
}

// seen reports whether a message of a run stands in any place where people see it: in
// its channel, in the announce channel, or as somebody's direct message.
func (t *threads) seen(run, key string) bool {
	for _, prefix := range []string{"channel/", elsewhereKey} {
		key = strings.TrimPrefix(key, prefix)
	}
	places := t.store.under(run, "direct/"+key+"/")
	for _, prefix := range []string{"channel/", elsewhereKey} {
		if p, ok := t.store.Post(run, prefix+key); ok {
			places = append(places, p)
		}
	}
	return slices.ContainsFunc(places, func(p outbox.Post) bool { return p.TS != "" && p.TS != "file" })
}

// joined has all tried at once that a channel refused: the bot is in it now.
func (t *threads) joined(channel string) {
	t.mu.Lock()
	var runs []string
	for at, r := range t.refusals {
		if r.channel == channel {
			r.at = time.Time{}
			t.refusals[at] = r
			runs = append(runs, at.run)
		}
	}
	t.mu.Unlock()
	for _, run := range runs {
		t.changed(run)
	}
}

// over reports whether no more is to be tried for a run that is over: all stands and
// nothing is on its way, or Slack has refused something since the end for long enough.
func (t *threads) over(run string, whole bool) bool {
	t.mu.Lock()
	ended, ok := t.ended[run]
	if !ok {
		ended = t.Now()
		t.ended[run] = ended
	}
	t.mu.Unlock()
	if whole && !t.outbox.Holds(run) || t.Now().Sub(ended) >= refusedAtMost {
		return true
	}
	t.later(run, soon)
	return false
}

// present drops what was refused of messages that are no longer shown: a reminder that a
// later one replaced.
func (t *threads) present(run string, s view.Screens) {
	shown := map[string]bool{outbox.StatusKey: true}
	for _, k := range s.Channel {
		shown["channel/"+k.Key], shown[elsewhereKey+k.Key] = true, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.refusals, func(at place, _ refusal) bool { return at.run == run && !shown[at.key] })
}

// forget takes all of a run out of m.
func forget[V any](m map[place]V, run string) {
	maps.DeleteFunc(m, func(at place, _ V) bool { return at.run == run })
}

// forget forgets a run that is done with.
func (t *threads) forget(run string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	forget(t.refusals, run)
	forget(t.left, run)
	delete(t.looks, run)
	delete(t.sure, run)
	delete(t.ended, run)
}

// How long an open gate may stand nowhere before it is said, in the log, and again each
// unseenSaid; and before the bot is not ready because of it.
const (
	unseenAfter  = 10 * time.Second
	unseenSaid   = time.Minute
	notReadyFrom = 30 * time.Second
)

// An unshown is an open gate that Slack shows nowhere.
type unshown struct {
	head, typing string
	since, said  time.Time
}

// watch notes which open gates of a run stand nowhere, and says so in the log.
func (t *threads) watch(run string, s view.Screens) {
	now := t.Now()
	open := map[string]bool{}
	for _, k := range s.Channel {
		if !decides(k.Message) || t.seen(run, "channel/"+k.Key) {
			continue
		}
		open[k.Key] = true
		t.later(run, soon)
		t.mu.Lock()
		u, known := t.unseen[place{run, k.Key}]
		if !known {
			u.since = now
		}
		u.head, u.typing = k.Message.Head, outbox.Typing(k.Message)
		say := now.Sub(u.since) >= unseenAfter && now.Sub(u.said) >= unseenSaid
		if say {
			u.said = now
		}
		t.unseen[place{run, k.Key}] = u
		t.mu.Unlock()
		if say {
			t.Log.Error("slack shows an open gate nowhere: decide it on the command line", "run", run, "gate", u.head, "since", u.since.UTC(), "type", u.typing, "err", t.refused(run, "channel/"+k.Key))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.unseen, func(at place, _ unshown) bool { return at.run == run && !open[at.key] })
}

// waits reports whether Slack has not taken an open gate for a while.
func (t *threads) waits(run, key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, ok := t.unseen[place{run, key}]
	return ok && t.Now().Sub(u.since) >= soon-time.Second
}

// unseenFor is an error if an open gate has stood nowhere for so long that nobody may
// know of it.
func (t *threads) unseenFor(d time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	for at, u := range t.unseen {
		if now.Sub(u.since) >= d {
			return fmt.Errorf("slack: an open gate of %s is shown nowhere since %s (%s): type `aurorabot status %s`", at.run, u.since.UTC().Format(time.RFC3339), u.head, at.run)
		}
	}
	return nil
}

// elsewhereKey begins the keys of messages that stand in the announce channel because
// the run's own channel refuses them.
const elsewhereKey = "elsewhere/"

// elsewhere shows in the announce channel what people must not miss and the run's own
// channel refuses: gates, with their buttons, stops and the end. It is one gate,
// wherever it stands. whole: all that is shown there stands.
func (t *threads) elsewhere(b board, s view.Screens) (whole bool) {
	whole = true
	if t.Channel == "" || t.Channel == b.channel || strings.HasPrefix(b.channel, "D") {
		return true // What is said to the bot alone is not for everybody.
	}
	b.channel = t.Channel
	for _, k := range s.Channel {
		key := elsewhereKey + k.Key
		p, ok := t.store.Post(b.run, key)
		known := ok && (p.TS != "" || !p.Trying.IsZero())
		why := t.refused(b.run, "channel/"+k.Key)
		wanted := decides(k.Message) || strings.HasPrefix(k.Key, view.RemindKey) || strings.HasPrefix(k.Key, "stop/") && !k.Final || k.Key == "closed"
		if !known && (why == "" || !wanted) {
			continue
		}
		line := "The run's own channel shows this too. It is decided once, here or there."
		if own, _ := t.store.Post(b.run, "channel/"+k.Key); why != "" || own.TS == "" {
			line = "Slack does not show this in the run's own channel. " + notShown(why)
		}
		k.Message.Lines = append([]string{line}, k.Message.Lines...)
		whole = t.message(b, key, k) && whole
	}
	return whole
}

// remindersOver takes back the reminders of gates that are not open any more, wherever
// they stand: nobody is to come for nothing.
func (t *threads) remindersOver(run string, s view.Screens) (whole bool) {
	whole = true
	over := view.Message{Tone: view.Plain, Head: "This reminder is over: that gate is not open any more"}
	for _, prefix := range []string{"channel/", elsewhereKey, "direct/"} {
		for _, p := range t.store.under(run, prefix+view.RemindKey) {
			key := strings.TrimPrefix(p.Key, prefix)
			open := slices.ContainsFunc(s.Channel, func(k view.Keyed) bool {
				return decides(k.Message) && strings.HasPrefix(key, view.RemindKey+k.Key+"~") || k.Key == key
			})
			switch {
			case open || p.TS == "" || p.TS == "file":
			case prefix == "direct/":
				whole = t.directs.want(run, p.Key, key[strings.LastIndexByte(key, '/')+1:], over) && whole
			default:
				whole = t.outbox.Want(&outbox.Item{Channel: p.Channel, Run: run, Key: p.Key, Message: over, Hash: outbox.Hash(over)}) && whole
			}
		}
	}
	return whole
}
