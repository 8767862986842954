package bot

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/runner"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !*slackFaults { // Else who plays them all says how many at a time.
		if err := flag.Set("test.parallel", "18"); err != nil { // They wait nearly all the time.
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	team     = "T0TEAM0001"
	alice    = "U0ALICE001"
	bob      = "U0BOB00001"
	guest    = "U0GUEST001"
	stranger = "U0STRANGE1"
	channel  = "C0INCIDENT"
	sre      = "S0SRE00001"
)

// service is a Service with runs that tests write down as screens.
type service struct {
	mu      sync.Mutex
	handle  func(handlers.Request) handlers.Response
	refuses func(handlers.Request) bool
	bad     string // A run whose screens panic.
	asked   []handlers.Request
	screens map[string]view.Screens
	subs    map[int]func(runner.Event)
	serial  int
}

func newService() *service {
	return &service{screens: map[string]view.Screens{}, subs: map[int]func(runner.Event){}}
}

func (s *service) Handle(_ context.Context, r handlers.Request) handlers.Response {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	h := s.handle
	s.mu.Unlock()
	if h == nil {
		return handlers.Response{Private: true, Message: view.Message{Head: "heard: " + strings.Join(r.Words, " ")}}
	}
	return h(r)
}

func (s *service) Refuses(r handlers.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuses != nil && s.refuses(r)
}

// refuse has the service refuse from now on what f says.
func (s *service) refuse(f func(handlers.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = f
}

func (s *service) Screens(run string) (view.Screens, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run == s.bad && run != "" {
		panic("a fault of " + run)
	}
	sc, ok := s.screens[run]
	if !ok {
		return view.Screens{}, fmt.Errorf("no run %q", run)
	}
	return sc, nil
}

func (s *service) Subscribe(f func(runner.Event)) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	n := s.serial
	s.subs[n] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs, n)
	}
}

// show makes a run look like sc, and tells the subscribers that it changed.
func (s *service) show(run string, sc view.Screens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.screens[run] = sc
	for _, f := range s.subs {
		f(runner.Event{Run: run, Kind: runner.Note})
	}
}

func (s *service) requests() []handlers.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// A desk is a sandbox with a bot at work in it.
type desk struct {
	*sandbox.Server
	t        testing.TB
	service  *service
	serves   Service    // Instead of service; nil: that.
	changing sync.Mutex // Guards bot where others ask for it; see now.
	bot      *Bot
	config   Config
	log      *safeBuffer
	stop     func() error // Ends the bot and returns what Run returned.
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func workspace() sandbox.Options {
	return sandbox.Options{
		Strict: true,
		Scopes: names(Scopes), // What the manifest asks for has to be enough.
		Events: names(Events),
		Team:   sandbox.Team{ID: team, Domain: "aurora-ops", Name: "Aurora operations"},
		Users: []sandbox.User{
			{ID: alice, Name: "alice"}, {ID: bob, Name: "bob"},
			{ID: guest, Name: "guest", IsRestricted: true},
			{ID: stranger, TeamID: "T0FOREIGN1", Name: "stranger"},
		},
		Groups:   []sandbox.UserGroup{{ID: sre, Handle: "sre", Name: "SRE", Members: []string{alice}}},
		Channels: []sandbox.Channel{{ID: channel, Name: "incidents", Shared: true, Members: []string{alice, bob, guest, stranger, sandbox.BotUser}}},
	}
}

// newDesk starts a sandbox; begin starts the bot.
func newDesk(t *testing.T, opt sandbox.Options) *desk {
	t.Helper()
	return deskOf(t, opt)
}

func deskOf(t testing.TB, opt sandbox.Options) *desk {
	t.Helper()
	// Not the test's own context: it ends before the bot is stopped.
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := sandbox.Start(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{Server: srv, t: t, service: newService(), log: &safeBuffer{}}
	t.Cleanup(func() {
		if d.stop != nil {
			d.stop()
		}
		srv.Close()
		cancel()
		if t.Failed() {
			t.Log(d.log.String())
		}
	})
	d.config = Config{
		APIURL: srv.APIURL(), BotToken: srv.BotToken(), AppToken: srv.AppToken(),
		StateFile: filepath.Join(t.TempDir(), "slack.state"),
		Log:       slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       time.Now,
		Groups:    []string{sre},
		Direct:    true,
		Pace:      10 * time.Millisecond,
		Drain:     5 * time.Second,
		Each:      1 << 20, // One person may ask for all; see TestNobodyIsShutOut.
	}
	return d
}

func (d *desk) begin() {
	d.t.Helper()
	b, err := New(d.config)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	serves := d.serves
	if serves == nil {
		serves = d.service
	}
	go func() { done <- b.Run(ctx, serves) }()
	d.changing.Lock()
	d.bot = b
	d.changing.Unlock()
	var once sync.Once
	var result error
	d.stop = func() error {
		once.Do(func() { cancel(); result = <-done })
		return result
	}
	d.until("links up", func() bool { return d.Socket().Links == 2 && b.Ready() == nil })
}

func start(t *testing.T, opt sandbox.Options) *desk {
	t.Helper()
	d := newDesk(t, opt)
	d.begin()
	return d
}

// until waits for ok, and fails after 30 s: the machine may have other work.
func (d *desk) until(what string, ok func() bool) {
	d.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited 30 s for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// posted waits for a message in the channel that says all words.
func (d *desk) posted(words ...string) sandbox.Message {
	d.t.Helper()
	var m sandbox.Message
	d.until(fmt.Sprintf("a message that says %q", words), func() bool {
		var ok bool
		m, ok = d.State().Find(channel, words...)
		return ok
	})
	return m
}

// told waits until a person alone is told word, and returns the note.
func (d *desk) told(user, word string) sandbox.Message {
	d.t.Helper()
	var found sandbox.Message
	d.until(fmt.Sprintf("%s is told %q", user, word), func() bool {
		for _, m := range d.Ephemerals(user) {
			if strings.Contains(m.Text+string(m.Blocks), word) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// gate is a run at its commit gate.
func gate(run string) view.Screens {
	value := run + "|commit|d1"
	return view.Screens{
		Home:   channel,
		Status: view.Message{Tone: view.Wait, Head: "Waiting for approval of " + run},
		Thread: []view.Keyed{{Key: "prepare", Final: true, Message: view.Message{Head: "Preparation of " + run + " done"}}},
		Channel: []view.Keyed{{Key: "gate/commit", Message: view.Message{
			Tone: view.Wait, Head: "Commit " + run + "?",
			Actions: []view.Action{
				{ID: "approve", Label: "Approve", Style: "primary", Value: value, Type: "devcluster"},
				{ID: "deny", Label: "Deny", Style: "danger", Value: value, Ask: "Why?"},
				{ID: "abort", Label: "Abort", Value: value},
			},
		}}},
	}
}

// What is asked arrives in words, with who asked and where; the answer goes
// where it belongs.
func TestSlashCommand(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(r handlers.Request) handlers.Response {
		return handlers.Response{Private: r.Words[0] == "help", Message: view.Message{Head: "answer to " + r.Words[0]}}
	}
	d.Slash(alice, channel, `recover devcluster backup-1 --reason "two logs; $(rm -rf /) & <b>" `)
	d.posted("answer to recover")
	r := d.service.requests()[0]
	want := []string{"recover", "devcluster", "backup-1", "--reason", "two logs; $(rm -rf /) & <b>"}
	if !slices.Equal(r.Words, want) {
		t.Errorf("words %q, want %q", r.Words, want)
	}
	if r.Actor.Key() != team+"/"+alice || r.Channel != channel || !slices.Equal(r.Actor.Groups, []string{sre}) || r.Source == "" {
		t.Errorf("request %+v", r)
	}
	d.Slash(bob, channel, "")
	d.told(bob, "answer to help")
	if _, ok := d.State().Find(channel, "answer to help"); ok {
		t.Error("a private answer stands in the channel")
	}
	d.Slash(bob, channel, `recover "devcluster`)
	d.told(bob, "never closed")
	if n := len(d.service.requests()); n != 2 {
		t.Errorf("%d requests, want 2: what is not understood is not handled", n)
	}
}

// A mention is answered below it; a direct message where it was said.
func TestMention(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(r handlers.Request) handlers.Response {
		return handlers.Response{Message: view.Message{Head: "answer to " + strings.Join(r.Words, "+")}}
	}
	ts := d.Say(alice, channel, "", "<@"+sandbox.BotUser+"> status devcluster")
	if m := d.posted("answer to status+devcluster"); m.ThreadTS != ts {
		t.Errorf("answered in thread %q, want %q", m.ThreadTS, ts)
	}
	// What is for one person is shown where they see it: a note in a thread that
	// nobody has replied in is shown to nobody.
	d.service.answer(nil)
	d.Say(bob, channel, "", "<@"+sandbox.BotUser+"> status alone")
	d.told(bob, "heard: status alone")
	d.Say(bob, channel, ts, "<@"+sandbox.BotUser+"> status below")
	if m := d.told(bob, "heard: status below"); m.ThreadTS != ts {
		t.Errorf("told in thread %q, want %q", m.ThreadTS, ts)
	}
	d.service.answer(func(r handlers.Request) handlers.Response {
		return handlers.Response{Message: view.Message{Head: "answer to " + strings.Join(r.Words, "+")}}
	})
	d.Say(bob, sandbox.BotUser, "", "help")
	d.until("a direct answer", func() bool { _, ok := d.State().Find("", "answer to help"); return ok })
}

// A run is one message, edited, with a thread; the gate stands beside it.
func TestRunIsShown(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	d.service.show("r1", s)
	status := d.posted("Waiting for approval of r1")
	d.posted("Commit r1?")
	if m := d.posted("Preparation of r1 done"); m.ThreadTS != status.TS {
		t.Errorf("phase in thread %q, want below the status %q", m.ThreadTS, status.TS)
	}
	s.Status = view.Message{Tone: view.Good, Head: "r1 is recovered"}
	s.Channel = []view.Keyed{{Key: "gate/commit", Final: true, Message: view.Message{Head: "Approved by bob"}}}
	s.Closed = true
	d.service.show("r1", s)
	if m := d.posted("r1 is recovered"); m.TS != status.TS {
		t.Error("the status was posted anew, want edited")
	}
	if m := d.posted("Approved by bob"); strings.Contains(string(m.Blocks), "button") {
		t.Error("buttons stand after the decision")
	}
	d.until("closed", func() bool { return d.bot.store.Closed("r1") })
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages in the channel, want 2", n)
	}
}

// A message tells commands as they are typed where it stands: Slack takes no
// slash command in a thread.
func TestCommandsAreToldAsTheyAreTyped(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	s.Status.Lines = []string{"To stop it: `abort r1`."}
	s.Thread[0].Message.Lines = []string{"More: `tasks r1`."}
	d.service.show("r1", s)
	if m := d.posted("Preparation of r1 done"); !strings.Contains(m.Text, "`@aurora tasks r1`") {
		t.Errorf("the thread says %q", m.Text)
	}
	if m := d.posted("Waiting for approval of r1"); !strings.Contains(m.Text, "`/aurora abort r1`") {
		t.Errorf("the channel says %q", m.Text)
	}
}

// What has to be typed is asked in a modal and checked there; why is asked too.
func TestModals(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	if out := d.Press(bob, channel, m.TS, "approve", ""); !out.OK() {
		t.Fatalf("press: %+v", out)
	}
	d.until("a modal", func() bool { return len(d.Views(bob)) == 1 })
	if v := d.Views(bob)[0]; !strings.Contains(string(v.Body), "Commit r1?") {
		t.Error("the modal does not say what is decided")
	}
	if out := d.Submit(bob, d.Views(bob)[0].ID, map[string]string{"typed": "prodcluster"}); out.Errors["typed"] == "" {
		t.Errorf("wrong name typed: %+v, want an error at the input", out)
	}
	if len(d.service.requests()) != 0 {
		t.Fatal("handled though the wrong name was typed")
	}
	if out := d.Submit(bob, d.Views(bob)[0].ID, map[string]string{"typed": "devcluster"}); !out.OK() {
		t.Fatalf("submit: %+v", out)
	}
	d.told(bob, "heard: approve r1")
	want := []string{"approve", "r1", "--gate", "commit", "--digest", "d1", "--typed", "devcluster"}
	if r := d.service.requests()[0]; !slices.Equal(r.Words, want) || r.Actor.UserID != bob || r.Channel != channel {
		t.Errorf("request %+v, want words %q", r, want)
	}
	d.Press(alice, channel, m.TS, "deny", "")
	d.until("a modal", func() bool { return len(d.Views(alice)) == 1 })
	d.Submit(alice, d.Views(alice)[0].ID, map[string]string{"reason": "wrong backup"})
	d.told(alice, "--reason wrong backup")
}

// A press on an old message reaches the service as what it is, without modal.
func TestStalePress(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	d.service.show("r1", s)
	m := d.posted("Commit r1?")
	next := gate("r1")
	for i := range next.Channel[0].Message.Actions {
		next.Channel[0].Message.Actions[i].Value = "r1|commit|d2"
	}
	d.service.show("r1", next)
	d.until("the new digest", func() bool { _, ok := d.State().Find(channel, "r1|commit|d2"); return ok })
	d.PressStale(bob, channel, m.TS, "approve", "r1|commit|d1")
	d.told(bob, "--digest d1")
	if len(d.Views(bob)) != 0 {
		t.Error("a modal was opened for an old button")
	}
}
