package bot

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aurorabot/bot/blocks"
	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// threads make Slack show of each run what its events say. They are told that
// a run changed, never what: they ask for the whole, and put what differs from
// what Slack has into the outbox.
type threads struct {
	*app
	directs *directs
	homes   *homes
	wake    chan struct{}

	mu       sync.Mutex
	stale    []string // Runs to look at, oldest first.
	busy     bool
	refusals refusals
	looks    map[string]time.Time // When a run is looked at because time has passed.
	sure     map[string]surety
	ended    map[string]time.Time // When a run was first seen to be over.
	unseen   map[place]unshown
	left     map[place]leftOut
	leftOut  atomic.Int64 // How often something was left out.
}

// breath is what the walk waits after it looked at a run: events come in bursts,
// Slack takes one post a second, and a look reads and renders the whole run.
const breath = 400 * time.Millisecond

func newThreads(b *app, d *directs, h *homes) *threads {
	t := &threads{
		app: b, directs: d, homes: h, wake: make(chan struct{}, 1),
		refusals: refusals{}, looks: map[string]time.Time{}, sure: map[string]surety{}, ended: map[string]time.Time{}, unseen: map[place]unshown{}, left: map[place]leftOut{},
	}
	d.later = t.later
	return t
}

// changed has a run looked at. It does not block.
func (t *threads) changed(run string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.stale {
		if r == run {
			return
		}
	}
	t.stale = append(t.stale, run)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// later has a run looked at when d has passed, unless it is before.
func (t *threads) later(run string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	if due := t.looks[run]; due.After(now) && !due.After(now.Add(d)) {
		return
	}
	t.looks[run] = now.Add(d)
	time.AfterFunc(d, func() { t.changed(run) })
}

// pending reports whether a run waits to be looked at.
func (t *threads) pending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.busy || len(t.stale) > 0
}

func (t *threads) next() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy = len(t.stale) > 0; !t.busy {
		return "", false
	}
	run := t.stale[0]
	t.stale = t.stale[1:]
	return run, true
}

// walk looks at runs until ctx ends.
func (t *threads) walk(ctx context.Context) {
	for {
		run, ok := t.next()
		if !ok {
			select {
			case <-t.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if t.store.Closed(run) {
			continue
		}
		err := errors.New("panic")
		web.Guard(t.panicked, func() { err = t.show(run) })
		if err != nil {
			t.Log.ErrorContext(ctx, "slack: showing a run, will try again", "run", run, "err", t.secrets.Err(err))
			t.later(run, 30*time.Second)
		}
		select {
		case <-time.After(breath):
		case <-ctx.Done():
			return
		}
	}
}

// show puts into the outbox what Slack does not have of a run.
func (t *threads) show(run string) error {
	s, err := t.service.Screens(run)
	if err != nil {
		return err
	}
	channel := t.home(run, s.Home)
	if channel == "" || s.Status.Head == "" && len(s.Status.Lines) == 0 {
		return nil // Nowhere to show it, or nothing to show.
	}
	t.present(run, s)
	anew := t.makeSure(run, s)
	on := board{run, channel, anew}
	whole := true
	p, ok := t.store.Post(run, outbox.StatusKey)
	if !ok { // It stands above what follows; later it gives way to that.
		whole = t.message(on, outbox.StatusKey, view.Keyed{Message: s.Status})
	}
	for _, k := range s.Channel {
		whole = t.message(on, "channel/"+k.Key, k) && whole
	}
	if ok {
		whole = t.message(on, outbox.StatusKey, view.Keyed{Message: t.pointed(run, s), Final: s.Closed}) && whole
	}
	if p.TS != "" || t.refused(run, outbox.StatusKey) == "" {
		for _, k := range s.Thread {
			whole = t.below(on, "thread/"+k.Key, k) && whole
		}
	}
	why := t.refused(run, "")
	whole = t.elsewhere(on, s) && whole
	whole = t.remindersOver(run, s) && whole
	whole = t.directs.show(run, s, channel, why) && whole
	t.watch(run, s)
	t.homes.changed()
	if !s.Until.IsZero() {
		t.later(run, max(s.Until.Sub(t.Now()), 0)+time.Millisecond)
	}
	if s.Closed && t.over(run, whole) {
		t.forget(run)
		t.directs.forget(run)
		return t.store.close(run)
	}
	return nil
}

// A board is where a run is shown. anew: what is there already is sent again, once.
type board struct {
	run, channel string
	anew         bool
}

var channelID = regexp.MustCompile(`^[CDG][A-Z0-9]{5,}$`)

// home is the channel of a run: where its status stands, else where it was
// asked. "": it is shown nowhere.
func (t *threads) home(run, asked string) string {
	if p, ok := t.store.Post(run, outbox.StatusKey); ok && p.Channel != "" {
		return p.Channel
	}
	if asked == "" || channelID.MatchString(asked) {
		return asked
	}
	return t.Channel
}

// pointed is the status, with where the open gate's buttons are: never a message
// that is not there.
func (t *threads) pointed(run string, s view.Screens) view.Message {
	m := s.Status
	for _, k := range s.Channel {
		if !decides(k.Message) {
			continue
		}
		line := ""
		if p, ok := t.store.Post(run, "channel/"+k.Key); ok && p.TS != "" {
			line = "To approve or deny, use the buttons on the gate's own message: it has the evidence."
		} else if t.refused(run, "channel/"+k.Key) != "" || t.waits(run, k.Key) {
			line = "Slack does not show the gate's message here. To decide, type " + outbox.Typing(k.Message) + "."
		}
		if line != "" {
			m.Lines = append(m.Lines[:len(m.Lines):len(m.Lines)], line)
		}
	}
	return m
}

// message puts into the outbox what differs of a message that stands in the channel
// itself. whole: nothing does.
func (t *threads) message(b board, key string, k view.Keyed) (whole bool) {
	if !t.mayTry(b.run, key, decides(k.Message)) {
		return false
	}
	i := &outbox.Item{
		Channel: b.channel, Run: b.run, Key: key, Message: k.Message, Hash: outbox.Hash(k.Message),
		Haste: haste(key, k),
		Told:  func() { t.taken(b.run, key) }, Lost: func(err error) { t.lost(b.channel, b.run, key, err) },
	}
	whole = t.outbox.Want(i)
	p, _ := t.store.Post(b.run, key)
	if whole && b.anew && (p.Level > 0 || key == outbox.StatusKey || decides(k.Message)) {
		i.Anew = true
		t.outbox.Put(i)
	}
	if strings.HasPrefix(key, elsewhereKey) {
		return whole // Its files are in the run's thread.
	}
	return t.files(b, key, k, false) && whole
}

// haste is how much people wait for a message in the channel itself: for open gates,
// stops and ends most, and for the run's one message where it is about those.
func haste(key string, k view.Keyed) outbox.Haste {
	switch {
	case key == outbox.StatusKey && !k.Final && k.Message.Tone != view.Bad:
		return outbox.Live
	case strings.Contains(key, "/gate/") && !decides(k.Message):
		return outbox.Live
	}
	return outbox.Asked
}

// below is message, for one that hangs below the run's status.
func (t *threads) below(b board, key string, k view.Keyed) (whole bool) {
	i := &outbox.Item{Message: k.Message, Hash: outbox.Hash(k.Message)}
	return t.told(b, key, "A message", i) && t.files(b, key, k, true)
}

// told puts into the outbox what is only told: a message or a file below the status.
// Where Slack refuses it for good a note stands in its place, and nothing waits for it.
func (t *threads) told(b board, key, what string, i *outbox.Item) (whole bool) {
	i.Channel, i.Run, i.Key, i.Below = b.channel, b.run, key, true
	at := place{b.run, key}
	t.mu.Lock()
	left := t.left[at]
	t.mu.Unlock()
	if left.times >= outbox.FileTries && left.hash == i.Hash {
		note := view.Message{Tone: view.Warn, Head: "Something of this run cannot be shown here", Lines: []string{
			what + " was refused by Slack: " + left.why + ". On the bot's machine `export " + b.run + "` has all of the run.",
		}}
		if left.times >= 2*outbox.FileTries {
			return true // The note is refused, too: the log has it.
		}
		return t.outbox.Want(&outbox.Item{Channel: b.channel, Run: b.run, Key: key + "/note", Below: true, Message: note, Hash: outbox.Hash(note), Lost: func(error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if l := t.left[at]; l.hash == i.Hash {
				l.times++
				t.left[at] = l
			}
			time.AfterFunc(soon, func() { t.changed(b.run) })
		}})
	}
	i.Lost = func(err error) {
		if t.store.Closed(b.run) {
			return
		}
		t.mu.Lock()
		l := leftOut{1, err.Error(), i.Hash}
		if old := t.left[at]; old.hash == i.Hash {
			l.times += old.times
		}
		if i.File != nil && web.Judge(err) != web.Refuse {
			l.times = outbox.FileTries // The outbox tried it so often.
		}
		if t.left[at] = l; l.times == outbox.FileTries {
			t.leftOut.Add(1)
		}
		t.mu.Unlock()
		t.later(b.run, soon)
		if l.times >= outbox.FileTries {
			t.changed(b.run)
		}
	}
	return t.outbox.Want(i)
}

// leftOut is what Slack refused of what is only told.
type leftOut struct {
	times int
	why   string
	hash  string // Of the content: another one is tried.
}

// leavesOut is how much of open runs Slack does not show.
func (t *threads) leavesOut() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, l := range t.left {
		if l.times >= outbox.FileTries {
			n++
		}
	}
	return n
}

// files puts the files of a message into the outbox.
func (t *threads) files(b board, key string, k view.Keyed, below bool) (whole bool) {
	whole = true
	files := k.Message.Files
	if k.Final {
		// What was cut goes along once it does not change any more.
		files = append(files[:len(files):len(files)], blocks.Lay(t.outbox.Typed(k.Message, below)).Files...)
	}
	for _, f := range files {
		whole = t.told(b, outbox.FileKey(key, f), "The file "+f.Name, &outbox.Item{File: &f, Hash: outbox.Hash(f)}) && whole
	}
	return whole
}

// A surety is when the messages of a run that people decide by were last made sure to
// stand.
type surety struct {
	at    time.Time
	asked bool // Slack does not know one of them: make sure now.
}

// missing is told when Slack does not know the message that something goes below:
// somebody deleted it. Whether it is so is asked, and it is posted again.
func (t *threads) missing(run string) {
	t.mu.Lock()
	if last := t.sure[run]; t.Now().Sub(last.at) > soon {
		t.sure[run] = surety{last.at, true}
	}
	t.mu.Unlock()
	t.changed(run)
}

// makeSure reports whether it is time to send again what should stand: somebody may
// have deleted a gate's message, and what Slack took only as plain text may be taken
// as it should look now.
func (t *threads) makeSure(run string, s view.Screens) bool {
	status, _ := t.store.Post(run, outbox.StatusKey)
	wanted := status.Level > 0
	for _, k := range s.Channel {
		p, _ := t.store.Post(run, "channel/"+k.Key)
		wanted = wanted || p.Level > 0 || decides(k.Message)
	}
	wanted = wanted && !s.Closed
	if wanted {
		t.later(run, refusedFor)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	last, known := t.sure[run]
	now := t.Now()
	due := last.asked || wanted && known && now.Sub(last.at) >= refusedFor
	if due || !known && wanted {
		t.sure[run] = surety{at: now}
	}
	return due
}
