package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/handlers"
	sandbox "aurorabot/lab/slack"
	"aurorabot/policy"
)

// A registry is a desk whose directory is asked by a clock of its own, and whose
// Slack answers as the test says.
type registry struct {
	*desk
	people handlers.Directory

	mu    sync.Mutex
	now   time.Time
	asked map[string]int
	say   map[string]func() *sandbox.Reply // By method.
}

func newRegistry(t *testing.T, opt sandbox.Options) *registry {
	t.Helper()
	r := &registry{desk: newDesk(t, opt), now: time.Now(), asked: map[string]int{}, say: map[string]func() *sandbox.Reply{}}
	for _, method := range []string{"users.info", "usergroups.users.list"} {
		r.hook(method)
	}
	r.config.Now = func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now }
	b, err := New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.web.CloseIdleConnections(); b.store.shut(time.Time{}) })
	if err := b.meet(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.bot, r.people = b, b.Directory()
	return r
}

func (r *registry) hook(method string) {
	r.Handle(method, func(sandbox.Call) *sandbox.Reply {
		r.hook(method)
		r.mu.Lock()
		r.asked[method]++
		say := r.say[method]
		r.mu.Unlock()
		if say == nil {
			return nil
		}
		return say()
	})
}

// says has Slack answer a method from now on; nil: as it is.
func (r *registry) says(method string, reply func() *sandbox.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say[method] = reply
}

func (r *registry) pass(d time.Duration) { r.mu.Lock(); defer r.mu.Unlock(); r.now = r.now.Add(d) }

// count is how often a method was asked since it was counted last.
func (r *registry) count(method string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.asked[method]
	r.asked[method] = 0
	return n
}

const groupMembers, userInfo = "usergroups.users.list", "users.info"

func limited() *sandbox.Reply {
	return &sandbox.Reply{Status: 429, RetryAfter: 30 * time.Second, Body: map[string]any{"ok": false, "error": "ratelimited"}}
}

func refuses(code string) func() *sandbox.Reply {
	return func() *sandbox.Reply { return sandbox.ReplyError(code) }
}

// Three hundred looks of thirty people in a minute ask for each group about once,
// and for each person.
func TestLooksAskSeldom(t *testing.T) {
	opt := workspace()
	for i := range 30 {
		opt.Users = append(opt.Users, sandbox.User{ID: fmt.Sprintf("U0LOOK%04d", i), Name: fmt.Sprint("look", i)})
	}
	const leads = "S0LEADS001"
	opt.Groups = append(opt.Groups, sandbox.UserGroup{ID: leads, Handle: "leads", Name: "Leads", Members: []string{bob}})
	r := newRegistry(t, opt)
	r.bot.Groups = []string{sre, leads}
	for i := range 300 {
		if _, err := r.people.Person(t.Context(), team, fmt.Sprintf("U0LOOK%04d", i%30), handlers.Looking); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Minute / 300)
	}
	if groups, users := r.count(groupMembers), r.count(userInfo); groups > 4 || users > 30 {
		t.Errorf("groups were asked for %d times, people %d times; want 2 to 4, and 30", groups, users)
	}
}

// How old an answer may be, and what counts where Slack gives none now.
func TestWhatIsKnownIsForLooking(t *testing.T) {
	members, slow := []string{sre}, func() *sandbox.Reply { time.Sleep(200 * time.Millisecond); return nil }
	for _, tt := range []struct {
		name    string
		known   bool          // She was looked up once,
		age     time.Duration // so long ago.
		users   func() *sandbox.Reply
		groups  func() *sandbox.Reply
		purpose handlers.Purpose

		in      []string // The groups that she is in then.
		unknown string   // In why it can't be told.
		err     string
		asks    int // For the group.
	}{
		{"a look within the minute", true, 59 * time.Second, limited, limited, handlers.Looking, members, "", "", 0},
		{"a look after it", true, time.Minute, nil, nil, handlers.Looking, members, "", "", 1},
		{"a look after it, Slack takes its time", true, time.Minute, slow, slow, handlers.Looking, members, "", "", 1},
		{"a look, limited", true, time.Minute, limited, limited, handlers.Looking, members, "", "", 1},
		{"a look, not let in", true, time.Minute, refuses("invalid_auth"), refuses("invalid_auth"), handlers.Looking, members, "", "", 1},
		{"a look, limited for a day", true, 24*time.Hour - 1, limited, limited, handlers.Looking, members, "", "", 1},
		{"a look, limited for longer", true, 24 * time.Hour, nil, limited, handlers.Looking, nil, "try again in 30 s", "", 1},
		{"a look at somebody new, limited", false, 0, limited, limited, handlers.Looking, nil, "", "try again in 30 s", 1},
		{"a look, the group is gone", true, time.Minute, nil, refuses("no_such_subteam"), handlers.Looking, nil, "correct policy.groups", "", 1},
		{"a look, she is gone", true, time.Minute, refuses("user_not_found"), nil, handlers.Looking, nil, "", "no such person", 1},

		{"a decision at once", true, freshFor - 1, limited, limited, handlers.Deciding, members, "", "", 0},
		{"a decision", true, freshFor, nil, nil, handlers.Deciding, members, "", "", 1},
		{"a decision, limited", true, freshFor, limited, limited, handlers.Deciding, nil, "", "Slack limits how often that is asked; try again in 30 s", 1},
		{"a decision, her groups limited", true, freshFor, nil, limited, handlers.Deciding, nil, "Slack limits how often that is asked; try again in 30 s", "", 1},
		{"a decision, not let in", true, freshFor, nil, refuses("invalid_auth"), handlers.Deciding, nil, "does not let the bot in (invalid_auth); try again", "", 1},
		{"a decision, no paid plan", true, freshFor, nil, refuses("plan_upgrade_required"), handlers.Deciding, nil, "by ID in the policy", "", 1},
		{"a decision without a scope", true, freshFor, nil, refuses("missing_scope"), handlers.Deciding, nil, "reinstall it", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRegistry(t, workspace())
			if tt.known {
				if _, err := r.people.Person(t.Context(), team, alice, handlers.Deciding); err != nil {
					t.Fatal(err)
				}
			}
			r.count(groupMembers)
			r.pass(tt.age)
			r.says(userInfo, tt.users)
			r.says(groupMembers, tt.groups)
			began := time.Now()
			a, err := r.people.Person(t.Context(), team, alice, tt.purpose)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if !slices.Equal(a.Groups, tt.in) || !strings.Contains(a.Unknown[sre], tt.unknown) || (tt.unknown == "") != (len(a.Unknown) == 0) {
				t.Errorf("in %v, unknown %v; want in %v, unknown %q", a.Groups, a.Unknown, tt.in, tt.unknown)
			}
			if took := time.Since(began); took > askWithin/2 {
				t.Errorf("it took %s", took)
			}
			if n := r.count(groupMembers); n != tt.asks {
				t.Errorf("the group was asked for %d times, want %d", n, tt.asks)
			}
		})
	}
}

// A question that fails is not asked again by every look; a decision asks.
func TestLooksRestAfterAFailure(t *testing.T) {
	r := newRegistry(t, workspace())
	look := func(p handlers.Purpose) {
		t.Helper()
		if a, err := r.people.Person(t.Context(), team, alice, p); err != nil || p == handlers.Looking && !slices.Equal(a.Groups, []string{sre}) {
			t.Fatalf("in %v, %v", a.Groups, err)
		}
	}
	look(handlers.Looking)
	r.pass(lookFor)
	r.says(groupMembers, refuses("invalid_auth"))
	r.count(groupMembers)
	for _, tt := range []struct {
		after   time.Duration
		purpose handlers.Purpose
		asks    int
	}{
		{0, handlers.Looking, 1},
		{restFor - 1, handlers.Looking, 0},
		{0, handlers.Deciding, 1},
		{restFor - 1, handlers.Looking, 0},
		{1, handlers.Looking, 1},
	} {
		r.pass(tt.after)
		look(tt.purpose)
		if n := r.count(groupMembers); n != tt.asks {
			t.Errorf("%s later, purpose %d: asked %d times, want %d", tt.after, tt.purpose, n, tt.asks)
		}
	}
}

// A Slack that hangs holds a look up shortly, those that come later not at all; and
// a decision that waits for the same answer gets it.
func TestLooksHaveLittlePatience(t *testing.T) {
	r := newRegistry(t, workspace())
	if _, err := r.people.Person(t.Context(), team, alice, handlers.Looking); err != nil {
		t.Fatal(err)
	}
	r.pass(lookFor)
	release := make(chan struct{})
	r.says(groupMembers, func() *sandbox.Reply { <-release; return nil })
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	look := func(most time.Duration) {
		t.Helper()
		began := time.Now()
		a, err := r.people.Person(t.Context(), team, alice, handlers.Looking)
		if took := time.Since(began); err != nil || !slices.Equal(a.Groups, []string{sre}) || took > most {
			t.Errorf("in %v, %v after %s", a.Groups, err, took)
		}
	}
	decided := make(chan error, 1)
	var looks sync.WaitGroup
	for range 20 {
		looks.Go(func() { look(lookPatience + 3*time.Second) })
	}
	r.until("it is asked", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.asked[groupMembers] > 1 })
	go func() {
		a, err := r.people.Person(t.Context(), team, bob, handlers.Deciding)
		if err == nil && len(a.Unknown) > 0 {
			err = fmt.Errorf("unknown: %v", a.Unknown)
		}
		decided <- err
	}()
	looks.Wait()
	r.pass(lookPatience)
	look(time.Second)
	free()
	if err := <-decided; err != nil {
		t.Errorf("the decision: %v", err)
	}
}

// What Slack says has changed is nothing to go by; of anybody else it is.
func TestForgottenIsNotGoneBy(t *testing.T) {
	r := newRegistry(t, workspace())
	for _, who := range []string{alice, bob} {
		if _, err := r.people.Person(t.Context(), team, who, handlers.Looking); err != nil {
			t.Fatal(err)
		}
	}
	r.says(userInfo, limited)
	r.says(groupMembers, limited)
	changed := func(event string) {
		t.Helper()
		r.bot.people.forget(happened(json.RawMessage(`{"event":`+event+`}`), "").stale)
	}
	changed(`{"type":"user_change","user":{"id":"` + bob + `"}}`)
	if a, err := r.people.Person(t.Context(), team, alice, handlers.Looking); err != nil || !slices.Equal(a.Groups, []string{sre}) {
		t.Errorf("another one's change: alice is in %v, %v", a.Groups, err)
	}
	if _, err := r.people.Person(t.Context(), team, bob, handlers.Looking); err == nil {
		t.Error("bob is known as he was before his change")
	}
	changed(`{"type":"subteam_members_changed","subteam_id":"` + sre + `"}`)
	if a, err := r.people.Person(t.Context(), team, alice, handlers.Looking); err != nil || len(a.Groups) > 0 || a.Unknown[sre] == "" {
		t.Errorf("the group has changed: alice is in %v, unknown %v, %v", a.Groups, a.Unknown, err)
	}
	changed(`{"type":"user_change","user":"?"}`)
	if _, err := r.people.Person(t.Context(), team, alice, handlers.Looking); err == nil {
		t.Error("somebody has changed, nobody knows who, and alice is known as before")
	}
}

// While Slack limits who somebody is, people look on, and decide nothing: said in
// words, with when to try again.
func TestReadsGoOnWhereSlackCannotBeAsked(t *testing.T) {
	d := newDesk(t, workspace())
	var later atomic.Int64
	d.config.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	d.begin()
	d.Slash(alice, channel, "status")
	d.told(alice, "heard: status")
	for range 10 {
		d.Handle(userInfo, func(sandbox.Call) *sandbox.Reply { return limited() })
	}
	later.Store(int64(freshFor))
	d.Slash(alice, channel, "resume r1")
	d.told(alice, "does not say who you are")
	d.told(alice, "Slack limits how often that is asked; try again in ")
	d.Slash(alice, channel, "history")
	d.told(alice, "heard: history")
	for _, r := range d.service.requests() {
		if r.Words[0] == "resume" {
			t.Error("a decision was made by what was known")
		}
	}
}

// Who is known not to decide is not told to; who cannot be asked for is.
func TestDirectMessagesToThoseWhoDecide(t *testing.T) {
	const gone, app, silent = "U0GONE0001", "U0APP00001", "U0SILENT01"
	opt := workspace()
	opt.Users = append(opt.Users, sandbox.User{ID: gone, Name: "gone", Deleted: true}, sandbox.User{ID: app, Name: "app", IsBot: true}, sandbox.User{ID: silent, Name: "silent"})
	opt.Groups[0].Members = []string{alice, guest, gone}
	d := newDesk(t, opt)
	d.config.Approvers = func(string, string) (ids, except []string) { return []string{sre, bob, stranger, app, silent}, nil }
	d.Always(userInfo, func(c sandbox.Call) *sandbox.Reply {
		if strings.Contains(string(c.Body), silent) {
			return sandbox.ReplyError("invalid_auth")
		}
		return nil
	})
	var mu sync.Mutex
	var told []string
	d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
		var to struct{ Channel string }
		if json.Unmarshal(c.Body, &to) == nil && strings.HasPrefix(to.Channel, "U") {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, to.Channel)
		}
		return nil
	})
	d.begin()
	d.service.show("r1", gate("r1"))
	d.posted("Commit r1?")
	d.until("everybody is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) >= 3 && d.bot.Health().Waiting+d.bot.Health().Unsent == 0
	})
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(told)
	if want := []string{alice, bob, silent}; !slices.Equal(told, want) {
		t.Errorf("told were %v, want %v", told, want)
	}
}

// A decision goes by no question that was asked before it: not by its answer if that
// is old, and not by its failure.
func TestDecisionsAskForThemselves(t *testing.T) {
	for name, first := range map[string]*sandbox.Reply{"answered": nil, "failed": sandbox.ReplyError("invalid_auth")} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, workspace())
			release := make(chan struct{})
			var n atomic.Int64
			r.says(groupMembers, func() *sandbox.Reply {
				if n.Add(1) > 1 {
					return nil
				}
				<-release
				return first
			})
			asked := func(people int) {
				r.until("both are asked for", func() bool {
					r.mu.Lock()
					defer r.mu.Unlock()
					return r.asked[groupMembers] == 1 && r.asked[userInfo] == people
				})
			}
			var done sync.WaitGroup
			done.Go(func() { _, _ = r.people.Person(t.Context(), team, bob, handlers.Looking) })
			asked(1)
			r.pass(freshFor)
			done.Go(func() {
				a, err := r.people.Person(t.Context(), team, alice, handlers.Deciding)
				if err != nil || !slices.Equal(a.Groups, []string{sre}) {
					t.Errorf("in %v, unknown %v, %v", a.Groups, a.Unknown, err)
				}
			})
			asked(2)
			close(release)
			done.Wait()
			if n := r.count(groupMembers); n != 2 {
				t.Errorf("the group was asked for %d times, want once for each", n)
			}
		})
	}
}

// A question that panics fails, for all who wait, and the next one is asked.
func TestQuestionThatPanics(t *testing.T) {
	r := newRegistry(t, workspace())
	if _, err := r.bot.people.ask(t.Context(), "user/U1", handlers.Deciding, func(context.Context) (answer, error) { panic("a fault") }); err == nil {
		t.Error("a panic is an answer")
	}
	want := answer{members: []string{bob}}
	got, err := r.bot.people.ask(t.Context(), "user/U1", handlers.Deciding, func(context.Context) (answer, error) { return want, nil })
	if err != nil || !slices.Equal(got.members, want.members) {
		t.Errorf("after it: %v, %v", got, err)
	}
}

// A home says that something may be missing, and why.
func TestHomeSaysWhatItCannotTell(t *testing.T) {
	r := newRegistry(t, workspace())
	r.bot.Overview = func(context.Context, policy.Actor) (handlers.Overview, error) {
		return handlers.Overview{Clusters: []handlers.ClusterLine{{Name: "dev"}}}, nil
	}
	h := &homes{app: r.bot.app}
	if p := h.page(t.Context(), &ask{team: team, user: alice}); p.Note != "" || len(p.Clusters) != 1 {
		t.Errorf("all is known, and the home says %q, %v", p.Note, p.Clusters)
	}
	r.bot.people.forget([]string{""})
	r.says(groupMembers, limited)
	if p := h.page(t.Context(), &ask{team: team, user: alice}); !strings.Contains(p.Note, "the user group "+sre) || !strings.Contains(p.Note, "try again in 30 s") || len(p.Clusters) != 1 {
		t.Errorf("the home says %q, %v", p.Note, p.Clusters)
	}
}
