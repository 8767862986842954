package bot

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	sandbox "aurorabot/lab/slack"
)

func TestDirectoryIsFreshAndFailsClosed(t *testing.T) {
	d := newDesk(t, workspace())
	now := time.Now()
	var mu sync.Mutex
	d.config.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	defer b.store.shut(time.Time{})
	defer b.web.CloseIdleConnections()
	ctx := t.Context()
	if _, err := b.Directory().Person(ctx, team, alice, handlers.Deciding); err == nil {
		t.Error("answered before it knows its own workspace")
	}
	if err := b.meet(ctx); err != nil {
		t.Fatal(err)
	}
	groups := func() []string {
		t.Helper()
		a, err := b.Directory().Person(ctx, team, alice, handlers.Deciding)
		if err != nil {
			t.Fatal(err)
		}
		return a.Groups
	}
	if g := groups(); !slices.Equal(g, []string{sre}) {
		t.Errorf("groups %v, want %s", g, sre)
	}
	d.SetGroupMembers(sre, bob)
	mu.Lock()
	now = now.Add(freshFor)
	mu.Unlock()
	if g := groups(); len(g) != 0 {
		t.Errorf("groups %v after the removal, want none", g)
	}
	d.SetUser(alice, func(u *sandbox.User) { u.Deleted = true })
	b.people.forget([]string{""})
	if a, err := b.Directory().Person(ctx, team, alice, handlers.Deciding); err == nil && !a.Deactivated {
		t.Errorf("deactivated: %+v", a)
	}
	b.people.forget([]string{sre})
	d.Handle("usergroups.users.list", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("plan_upgrade_required") })
	if a, err := b.Directory().Person(ctx, team, bob, handlers.Deciding); err != nil || !strings.Contains(a.Unknown[sre], "paid plan") {
		t.Errorf("without user groups: %+v, %v, want it said what to do", a, err)
	}
}

// What Slack takes back while it is asked is not remembered.
func TestDirectoryForgetsWhatIsOnItsWay(t *testing.T) {
	d := start(t, workspace())
	d.Handle("usergroups.users.list", func(sandbox.Call) *sandbox.Reply {
		// The answer has left, and the group changes before it arrives.
		d.SetGroupMembers(sre, bob)
		d.bot.people.forget([]string{sre})
		return &sandbox.Reply{Body: map[string]any{"ok": true, "users": []string{alice}}}
	})
	if a, err := d.bot.people.Person(t.Context(), team, alice, handlers.Deciding); err != nil || len(a.Groups) != 0 {
		t.Fatalf("groups %v, %v by an answer that Slack took back", a.Groups, err)
	}
	a, err := d.bot.people.Person(t.Context(), team, alice, handlers.Deciding)
	if err != nil || len(a.Groups) != 0 {
		t.Errorf("groups %v, %v after the removal, want none", a.Groups, err)
	}
}

// A limit of rate is waited for, and refuses nobody; a name like somebody's is
// no more than a name.
func TestDirectoryWaitsAndKnowsNoNames(t *testing.T) {
	opt := workspace()
	const impostor = "U0IMPOST01"
	opt.Users = append(opt.Users, sandbox.User{ID: impostor, Name: "alice", RealName: "alice"})
	opt.Channels[0].Members = append(opt.Channels[0].Members, impostor)
	d := start(t, opt)
	d.Handle("usergroups.users.list", func(sandbox.Call) *sandbox.Reply {
		return &sandbox.Reply{Status: 429, RetryAfter: time.Second, Body: map[string]any{"ok": false, "error": "ratelimited"}}
	})
	d.Slash(alice, channel, "status")
	d.told(alice, "heard: status")
	d.Slash(impostor, channel, "status")
	d.told(impostor, "heard: status")
	r := d.service.requests()
	if a := r[0].Actor; !slices.Equal(a.Groups, []string{sre}) {
		t.Errorf("alice is of the groups %v, want %s", a.Groups, sre)
	}
	if a := r[1].Actor; a.Key() != team+"/"+impostor || a.Name != "alice" || len(a.Groups) != 0 {
		t.Errorf("whoever is called alice is %+v", a)
	}
}
