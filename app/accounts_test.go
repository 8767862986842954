package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/policy"
)

// Who acts as another person's account, by su or sudo, only looks. Root is nobody, two
// accounts of one person are one person, and where the login can't be told nothing is
// decided, but the way out stays open.
func TestWhoLoggedIn(t *testing.T) {
	const forged, failed = "sudo-as-other", "error"
	for _, c := range []struct {
		name                   string
		who                    cli.Account
		looks, aborts, decides string
		as                     string
	}{
		{"logged in as themselves", cli.Account{UID: 1001, Name: "ann", Login: 1001, LoginName: "ann"}, "", "", "", "T0/U1"},
		{"a service", cli.Account{UID: 1001, Name: "ann", Login: cli.Nobody}, "", "", "", "T0/U1"},
		{"by another account of theirs", cli.Account{UID: 1003, Login: 1001, LoginName: "ann"}, "", "", "", "T0/U1"},
		{"sudo as another", cli.Account{UID: 1002, Name: "bob", Login: 1001, LoginName: "ann"}, "", forged, forged, "T0/U2"},
		{"sudo by nobody we know", cli.Account{UID: 1002, Name: "bob", Login: 1009, LoginName: "eve"}, "", forged, forged, "T0/U2"},
		{"sudo by root", cli.Account{UID: 1002, Name: "bob", Login: 0, LoginName: "root"}, "", forged, forged, "T0/U2"},
		{"a login that can't be told", cli.Account{UID: 1001, Name: "ann", Login: cli.Nobody, Doubt: errors.New("no /proc")}, "", "", failed, "T0/U1"},
		{"root", cli.Account{UID: 0, Name: "root", Login: 0, LoginName: "root"}, failed, failed, failed, ""},
		{"root by another name", cli.Account{UID: 0, Name: "ann", Login: 0}, failed, failed, failed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := wired(t)
			a.cfg.Policy.OSUsers = map[string]string{"ann": "T0/U1", "bob": "T0/U2", "1003": "T0/U1", "root": "T0/U1"}
			for p, want := range map[handlers.Purpose]string{handlers.Looking: c.looks, handlers.Retreating: c.aborts, handlers.Deciding: c.decides} {
				who, refusal, err := a.osUser(t.Context(), c.who, p)
				got := ""
				switch {
				case err != nil:
					got = failed
				case refusal != nil:
					got = refusal.Rule
				}
				if got != want || got != failed && who.Key() != c.as {
					t.Errorf("purpose %d: %q as %s (%v), want %q as %s", p, got, who.Key(), err, want, c.as)
				}
			}
		})
	}
}

// A directory that answers as Slack does just now.
type now struct {
	who policy.Actor
	err error
}

func (n *now) Person(context.Context, string, string, handlers.Purpose) (policy.Actor, error) {
	return n.who, n.err
}

// While Slack can't be reached at all, its last answer counts as long as policy says,
// and not after Slack said something else: that they left, that the bot is not let in,
// that they changed. What was kept outlives a restart.
func TestWhatSlackSaidLast(t *testing.T) {
	const keep = 4 * time.Hour
	member := policy.Actor{TeamID: "T0", UserID: "U1", Name: "Ann", Groups: []string{"S1"}}
	away := handlers.Unasked{Why: "no connection", Away: true}
	guest, gone := member, member
	guest.Guest, gone.Deactivated = true, true
	for _, c := range []struct {
		name    string
		after   time.Duration
		then    []now // What Slack says between.
		changed []string
		last    error // What it says in the end.
		slack   bool  // It is asked for in Slack, not from the terminal.
		counts  bool
	}{
		{name: "an hour later", after: time.Hour, last: away, counts: true},
		{name: "as long as it may", after: keep, last: away, counts: true},
		{name: "a moment longer", after: keep + 1, last: away},
		{name: "before it was said", after: -time.Second, last: away},
		{name: "not from the terminal", after: time.Hour, last: away, slack: true},
		{name: "limited", after: time.Hour, last: handlers.Unasked{Why: "429"}},
		{name: "not let in", after: time.Hour, last: handlers.Unasked{Why: "invalid_auth", Barred: true}},
		{name: "away after it did not let the bot in", after: time.Hour, then: []now{{err: handlers.Unasked{Why: "invalid_auth", Barred: true}}}, last: away},
		{name: "away after it knew no such person", after: time.Hour, then: []now{{err: errors.New("user_not_found")}}, last: away},
		{name: "away after they became a guest", after: time.Hour, then: []now{{who: guest}}, last: away},
		{name: "away after they left", after: time.Hour, then: []now{{who: gone}}, last: away},
		{name: "away after they left and came back", after: time.Hour, then: []now{{who: gone}, {who: member}}, last: away, counts: true},
		{name: "away after they changed", after: time.Hour, changed: []string{"U1"}, last: away},
		{name: "away after their group changed", after: time.Hour, changed: []string{"S1"}, last: away},
		{name: "away after another group changed", after: time.Hour, changed: []string{"S2"}, last: away, counts: true},
		{name: "away after everything changed", after: time.Hour, changed: []string{""}, last: away},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
			a := wired(t)
			file := filepath.Join(t.TempDir(), "people.json")
			slack := &now{who: member}
			p := newPeople(keep, file, func() time.Time { return clock }, a.log)
			p.use(slack)
			ask := func(purpose handlers.Purpose) (policy.Actor, error) {
				return p.Person(t.Context(), "T0", "U1", purpose)
			}
			if who, err := ask(handlers.Deciding); err != nil || !who.Known.IsZero() {
				t.Fatalf("with Slack: %+v, %v", who, err)
			}
			for _, then := range c.then {
				*slack = then
				_, _ = ask(handlers.Deciding) // What is kept of it counts.
			}
			if c.changed != nil {
				p.changed(c.changed)
			}
			clock = clock.Add(c.after)
			*slack = now{err: c.last}
			p = newPeople(keep, file, func() time.Time { return clock }, a.log) // Another process.
			p.use(slack)
			purpose := handlers.Vouched
			if c.slack {
				purpose = handlers.Deciding
			}
			who, err := ask(purpose)
			if (err == nil) != c.counts {
				t.Fatalf("%+v, %v; counts: want %v", who, err, c.counts)
			}
			if c.counts && (who.Key() != "T0/U1" || len(who.Groups) != 1 || who.Known.IsZero()) {
				t.Errorf("%+v", who)
			}
			if off := newPeople(0, file, func() time.Time { return clock }, a.log); len(off.known) > 0 {
				t.Error("kept though policy says no")
			}
			if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "U1") {
				t.Errorf("what policy does not let the bot keep is on disk: %s", text)
			}
		})
	}
}
