package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner/durable"
)

// people asks Slack where it is connected. Without Slack there are only the
// lists of the policy: nobody is in a user group then. What Slack said last is kept as
// long as policy.identity_cache says, for decisions from the terminal while Slack can't
// be reached.
type people struct {
	keep time.Duration // policy.identity_cache. Zero: nothing is kept.
	file durable.Values[vouch]
	now  func() time.Time
	log  *slog.Logger

	mu    sync.Mutex
	slack handlers.Directory
	known map[string]vouch // By "TEAM/USER"; what the file holds.
	stale chan struct{}    // Has an element when something was dropped: it is asked for again.
}

// A vouch is an answer of Slack's about a person.
type vouch struct {
	At  time.Time    `json:"at"`
	Who policy.Actor `json:"who"`
}

// newPeople reads what was kept. A file that can't be read is as good as none.
func newPeople(keep time.Duration, file string, now func() time.Time, log *slog.Logger) *people {
	p := &people{keep: keep, now: now, log: log, stale: make(chan struct{}, 1)}
	p.file.File = file
	known, err := p.file.Load()
	if err != nil {
		log.Warn("identity_cache: what Slack said earlier is not known", "err", err)
	}
	p.known = known
	if keep == 0 && len(known) > 0 {
		p.drop(everybody)
	}
	return p
}

func (p *people) use(d handlers.Directory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slack = d
}

// Person implements handlers.Directory.
func (p *people) Person(ctx context.Context, team, user string, purpose handlers.Purpose) (policy.Actor, error) {
	p.mu.Lock()
	d := p.slack
	p.mu.Unlock()
	if d == nil {
		return policy.Actor{TeamID: team, UserID: user}, nil
	}
	asked := p.now()
	who, err := d.Person(ctx, team, user, purpose)
	key := policy.Actor{TeamID: team, UserID: user}.Key()
	why, silent := unaskedBy(err)
	switch {
	case p.keep == 0:
	case err == nil && full(who):
		if purpose != handlers.Looking && len(who.Unknown) == 0 {
			p.put(key, vouch{asked, who})
		}
	case err == nil, !silent: // They left, are a guest now, or Slack does not know them.
		p.drop(func(k string, _ vouch) bool { return k == key })
	case why.Barred:
		p.drop(everybody)
	case why.Away && purpose == handlers.Vouched:
		return p.vouched(key, err)
	}
	return who, err
}

// full reports whether somebody is a member of our workspace and no less.
func full(a policy.Actor) bool { return !a.Bot && !a.Guest && !a.Foreign && !a.Deactivated }

// vouched is what Slack said last of a person, where that is new enough; else why.
func (p *people) vouched(key string, why error) (policy.Actor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.known[key]
	switch age := p.now().Sub(v.At); {
	case !ok:
		return policy.Actor{}, fmt.Errorf("%w; there is no earlier answer of Slack's about them (policy.identity_cache)", why)
	case age > p.keep || age < 0:
		return policy.Actor{}, fmt.Errorf("%w; Slack's last answer about them, of %s, is older than policy.identity_cache allows (%s)", why, v.At.UTC().Format(time.RFC3339), p.keep)
	}
	who := v.Who
	who.Known = v.At
	return who, nil
}

// put keeps an answer.
func (p *people) put(key string, v vouch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[key] = v
	p.save()
}

func everybody(string, vouch) bool { return true }

// drop forgets answers, in the file too.
func (p *people) drop(which func(key string, v vouch) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.known)
	maps.DeleteFunc(p.known, which)
	if len(p.known) == before {
		return
	}
	p.save()
	select {
	case p.stale <- struct{}{}:
	default: // Somebody is about to ask.
	}
}

// save writes what is known. What can't be written is not kept either: after a restart
// an answer would count that was dropped.
func (p *people) save() {
	if err := p.file.Save(p.known); err != nil {
		clear(p.known)
		p.log.Error("identity_cache: nothing is kept", "err", err)
	}
}

// changed forgets the people of ids, and who was in a group of ids; "" is everybody.
func (p *people) changed(ids []string) {
	p.drop(func(key string, v vouch) bool {
		return slices.ContainsFunc(ids, func(id string) bool {
			return id == "" || strings.HasSuffix(key, "/"+id) || slices.Contains(v.Who.Groups, id)
		})
	})
}

const (
	// askEvery is how often Slack is asked who the accounts of this machine are, at
	// most; a quarter of the cache if that is less.
	askEvery = time.Hour

	// askAgain is after how long it is asked again that did not answer: at first, and
	// doubled up to a minute.
	askAgain = time.Second
)

// refresh keeps what Slack says of the people whom policy maps accounts to, so that it
// is there when Slack no longer is. It returns when ctx ends.
func (p *people) refresh(ctx context.Context, accounts map[string]string) {
	if p.keep == 0 {
		return
	}
	again := askAgain
	for {
		next, failed := min(askEvery, p.keep/4), false
		for _, key := range slices.Compact(slices.Sorted(maps.Values(accounts))) {
			team, user, _ := strings.Cut(key, "/")
			_, err := p.Person(ctx, team, user, handlers.Deciding)
			failed = failed || err != nil
		}
		if failed {
			next, again = min(next, again), min(2*again, time.Minute)
		} else {
			again = askAgain
		}
		select {
		case <-ctx.Done():
			return
		case <-p.stale:
		case <-time.After(next):
		}
	}
}
