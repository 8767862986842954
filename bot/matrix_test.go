package bot

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	sandbox "aurorabot/lab/slack"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/golden"
)

var slackFaults = flag.Bool("slack-faults", false, "play every fault of every method of the Web API, and write docs/slack-faults.md")

// methods are what the bot calls of Slack: TestSlackFaults fails where it calls another.
var methods = []string{
	"chat.postMessage", "chat.update", "chat.postEphemeral", "chat.getPermalink", "response_url",
	"views.open", "views.update", "views.publish", "users.info", "usergroups.users.list",
	"conversations.history", "conversations.replies", "conversations.open",
	"files.getUploadURLExternal", "files.completeUploadExternal", "auth.test", "apps.connections.open",
}

// A fault is what Slack answers instead, for how long.
type fault struct {
	name   string
	lasts  time.Duration
	answer func(sandbox.Call) *sandbox.Reply
	once   bool // Only the first call is answered so.
	tokens bool // Until the bot is given another token.
}

func says(code string) func(sandbox.Call) *sandbox.Reply {
	return func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError(code) }
}

// here is says, for calls that are about the run's own channel or about none.
func here(code string) func(sandbox.Call) *sandbox.Reply {
	return func(c sandbox.Call) *sandbox.Reply {
		if to := goesTo(c); to != "" && to != channel {
			return nil
		}
		return sandbox.ReplyError(code)
	}
}

var everyFault = []fault{
	{name: "429", lasts: time.Minute, answer: func(sandbox.Call) *sandbox.Reply {
		return &sandbox.Reply{Status: 429, RetryAfter: 5 * time.Second, Body: map[string]any{"ok": false, "error": "ratelimited"}}
	}},
	{name: "hang", lasts: 50 * time.Second, answer: func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Hang: 50 * time.Second} }},
	{name: "fatal_error", lasts: 20 * time.Second, answer: says("fatal_error")},
	{name: "not_in_channel", lasts: 30 * time.Second, answer: here("not_in_channel")},
	{name: "msg_too_long", lasts: 30 * time.Second, answer: says("msg_too_long")},
	{name: "invalid_blocks", lasts: 30 * time.Second, answer: says("invalid_blocks")},
	{name: "message_not_found", lasts: 30 * time.Second, answer: says("message_not_found")},
	{name: "is_archived", lasts: 30 * time.Second, answer: here("is_archived")},
	{name: "invalid_auth once", lasts: 20 * time.Second, answer: says("invalid_auth"), once: true},
	{name: "invalid_auth", lasts: 40 * time.Second, answer: says("invalid_auth"), tokens: true},
}

// toy is a service with the real engine, policy and gates, whose steps only wait: for
// hold before the commit gate.
func toy(t *testing.T, d *desk, hold <-chan struct{}) (*handlers.Service, *runner.Memory) {
	on := func(*runner.State) []string { return []string{runner.Bot} }
	yes := func(context.Context, *runner.Task) (runner.Answer, error) { return runner.Yes("so it is"), nil }
	recipe := &runner.Recipe{
		ID: "toy", Phases: []runner.Phase{
			{ID: "prepare", Steps: []runner.Step{
				{ID: "prepare/look", Title: "Look", Source: "toy", On: on, Check: yes},
				{ID: "prepare/wait", Title: "Wait", Source: "toy", On: on, Check: func(ctx context.Context, _ *runner.Task) (runner.Answer, error) {
					select {
					case <-hold:
						return runner.Yes("waited"), nil
					case <-ctx.Done():
						return runner.Answer{}, context.Cause(ctx)
					}
				}},
			}},
			{ID: "restore", Steps: []runner.Step{
				{ID: "restore/commit", Title: "Commit", Source: "toy", On: on, Once: true, OneWay: "gone", Do: func(_ context.Context, t *runner.Task) (any, error) {
					return nil, t.Say(runner.Event{Kind: runner.CommitSent})
				}},
				{ID: "restore/prove", Title: "Prove", Source: "toy", On: on, Check: func(_ context.Context, t *runner.Task) (runner.Answer, error) {
					return runner.Yes("proved"), t.Say(runner.Event{Kind: runner.CommitProved, Why: "seen"})
				}},
			}},
			{ID: "cleanup", Undoes: "prepare"},
		},
		Gates: []runner.Gate{{ID: "start", Before: "prepare/look", Title: "Begin?"}, {ID: "commit", Before: "restore/commit", Title: "Overwrite the log?"}},
	}
	j := &runner.Memory{}
	s := &handlers.Service{
		Engine: &runner.Engine{Journal: j, Now: time.Now}, Directory: asks{d}, Now: time.Now, Version: "test",
		Rules: policy.Rules{
			Teams: []string{team}, Lists: map[string][]string{"leads": {bob}}, Groups: map[string]string{"sre": sre},
			Access: []policy.Rule{{Name: "ops", Who: []string{"*"}, Channels: []string{"*"}, Clusters: []string{"*"}, May: []string{"operate", "approve", "read"}}},
			Gates: map[string]policy.GateRule{
				"start":  {Factors: []policy.Factor{{Count: 1, Of: []string{"leads"}}}},
				"commit": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"leads"}}}},
			},
		},
		Clusters: []*handlers.Cluster{{
			Name: "dev", Hosts: []string{"s1"}, Default: "toy", CheckBackup: func(string) error { return nil },
			Recipes: map[string]func() (*runner.Recipe, error){"toy": func() (*runner.Recipe, error) { return recipe, nil }},
		}},
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, j
}

// asks is the directory of the bot that a desk has now.
type asks struct{ d *desk }

func (a asks) Person(ctx context.Context, team, user string, why handlers.Purpose) (policy.Actor, error) {
	return a.d.now().Directory().Person(ctx, team, user, why)
}

// A play is one recovery under a fault, and what was seen.
type play struct {
	*desk
	j    *runner.Memory
	hold chan struct{}

	opened, ended time.Time     // When the commit gate opened, and the fault ended.
	seen          time.Duration // After the opening: when it stood anywhere. Negative: never.
	where         string        // Where it stood first.
	typed         bool          // People had to type.
	peak          int           // Most messages that waited.
	why           []string      // What was wrong.
}

func (p *play) wrong(format string, a ...any) { p.why = append(p.why, fmt.Sprintf(format, a...)) }

// within waits for ok, and reports whether it came.
func (p *play) within(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); !ok(); time.Sleep(20 * time.Millisecond) {
		p.peak = max(p.peak, p.now().Health().Unsent)
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (p *play) state() *runner.State {
	runs, _ := p.j.Runs()
	for _, run := range slices.Backward(runs) {
		if run != "audit" {
			events, _ := p.j.Events(run)
			return runner.Fold(events)
		}
	}
	return &runner.State{}
}

const asked = "Overwrite the log?"

// shown is the open commit gate wherever it stands: with its buttons, or with what to type.
func (p *play) shown() (m sandbox.Message, buttons, ok bool) {
	st := p.State()
	for _, m := range st.Messages {
		if text := m.Text + string(m.Blocks); strings.Contains(text, asked) && strings.Contains(text, "approve") && m.ThreadTS == "" {
			if strings.Contains(string(m.Blocks), `"action_id":"approve`) {
				return m, true, true
			}
		}
	}
	for _, m := range st.Messages {
		if text := m.Text + string(m.Blocks); strings.Contains(text, asked) && strings.Contains(text, "approve dev-") {
			return m, false, true
		}
	}
	return m, false, false
}

// decide has somebody approve the open gate: by its button where one stands, else by
// typing, until it is counted.
func (p *play) decide(who string, until time.Time) bool {
	gate := p.state().Gate
	counted := func() bool {
		st := p.state()
		return st.Gate != gate || slices.ContainsFunc(st.Gates[gate].Approvals, func(a runner.Approval) bool { return a.Who == team+"/"+who })
	}
	for !counted() {
		if time.Now().After(until) {
			return false
		}
		start := func() (m sandbox.Message, ok bool) { return p.State().Find(channel, "Begin?", "approve") }
		if gate == "start" {
			p.within(5*time.Second, func() bool { _, ok := start(); return ok })
		}
		if m, buttons, ok := p.shown(); ok && buttons || gate == "start" {
			if gate == "start" {
				m, _ = start()
			}
			if p.Press(who, m.Channel, m.TS, "approve", "").OK() && p.within(6*time.Second, func() bool { return len(p.Views(who)) > 0 || counted() }) && len(p.Views(who)) > 0 {
				p.Submit(who, p.Views(who)[0].ID, map[string]string{"typed": "dev"})
				if p.within(6*time.Second, counted) {
					return true
				}
			}
		}
		st := p.state()
		p.typed = p.typed || gate == "commit"
		p.Slash(who, channel, fmt.Sprintf("approve %s --typed dev --gate %s --digest %s", st.Run, gate, st.Gates[gate].Digest))
		p.within(3*time.Second, counted)
	}
	return true
}

// run plays a recovery whose commit gate opens in the fault.
func (p *play) run(method string, f fault) {
	p.Slash(alice, channel, "recover dev good --reason test")
	if !p.within(20*time.Second, func() bool { return p.state().Gate == "start" }) || !p.decide(bob, time.Now().Add(30*time.Second)) {
		p.wrong("the start gate was not passed")
		return
	}
	p.within(20*time.Second, func() bool { return p.now().Health().Unsent == 0 && p.state().Gate == "" })
	var once sync.Once
	p.Always(method, func(c sandbox.Call) (r *sandbox.Reply) {
		if !f.once {
			return f.answer(c)
		}
		once.Do(func() { r = f.answer(c) })
		return r
	})
	if method == "apps.connections.open" {
		p.Kill()
	}
	p.ended = time.Now().Add(f.lasts)
	close(p.hold)
	p.within(10*time.Second, func() bool { return p.state().Gate == "commit" })
	p.opened = time.Now()
	over := time.AfterFunc(f.lasts, func() {
		if !f.tokens {
			p.Always(method, nil)
		}
	})
	defer over.Stop()
	p.look(f)
	if f.tokens {
		p.exchange(method)
	}
	for _, who := range []string{carol, bob} {
		p.decide(who, p.ended.Add(90*time.Second))
	}
	p.finish()
}

// look notes when and where the gate stood first.
func (p *play) look(f fault) {
	limit := p.ended.Add(12 * time.Second)
	if f.tokens {
		limit = p.ended
	}
	visible := p.within(time.Until(limit), func() bool { _, _, ok := p.shown(); return ok })
	m, buttons, _ := p.shown()
	p.seen = time.Since(p.opened)
	switch {
	case !visible:
		p.seen, p.where = -1, "nowhere"
	case m.Channel == channel:
		p.where = "channel"
	case m.Channel == announce:
		p.where = "announce"
	default:
		p.where = "direct"
	}
	if visible && !buttons && m.Channel == channel {
		p.where = "channel, as text"
	}
	late := time.Since(p.opened) > 10*time.Second && time.Since(p.ended) > 10*time.Second
	if !f.tokens && (!visible || late) {
		p.wrong("the gate stood %s, %s after its opening and %s after the fault", p.where, time.Since(p.opened).Round(time.Second), time.Since(p.ended).Round(time.Second))
	}
	if f.tokens && !visible {
		if err := p.now().Ready(); err == nil {
			p.wrong("ready though the gate stands nowhere")
		}
		if !strings.Contains(p.log.String(), "shows an open gate nowhere") && !strings.Contains(p.log.String(), "not let in") && p.now().denied.Load() == nil {
			p.wrong("the gate is not in the log")
		}
	}
}

// exchange gives the bot another token, with which Slack lets it in.
func (p *play) exchange(method string) {
	p.within(time.Until(p.ended), func() bool { return false })
	p.stop()
	p.Always(method, nil)
	p.ended = time.Now()
	p.begin()
}

// finish waits for the run's end, and looks at what stands there then.
func (p *play) finish() {
	if !p.within(30*time.Second, func() bool { return p.state().Status == runner.Closed }) {
		p.wrong("the run does not end: %s at %q, %s", p.state().Status, p.state().Gate, p.state().Why)
		return
	}
	if o := p.state().Outcome; o != "recovered" {
		p.wrong("it ended %q", o)
	}
	run := p.state().Run
	if !p.within(90*time.Second, func() bool { return p.now().store.Closed(run) && p.now().Health().Unsent == 0 }) {
		p.wrong("it is never shown whole: %d messages wait", p.now().Health().Unsent)
	}
	count := map[string]int{}
	for _, m := range p.State().Messages {
		text := m.Text + string(m.Blocks)
		if strings.Contains(text, `"action_id":"approve`) {
			p.wrong("buttons to approve stand in %s after the end", m.Channel)
		}
		if m.Channel != channel || m.ThreadTS != "" && m.ThreadTS != m.TS || m.User != sandbox.BotUser {
			continue
		}
		for _, key := range []string{"the commit gate was passed", "the start gate was passed", "recovered in"} {
			if strings.Contains(m.Text, key) {
				count[key]++
			}
		}
	}
	if count["the commit gate was passed"] != 1 || count["the start gate was passed"] != 1 || count["recovered in"] != 2 {
		p.wrong("in the channel stand %v, want each gate once, and the end in the status and beside it", count)
	}
	if p.peak > 200 {
		p.wrong("%d messages waited", p.peak)
	}
}

// now is the bot as it is now.
func (d *desk) now() *Bot {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.bot
}

// Whatever Slack answers to one of the methods that the bot calls, a gate that opens
// meanwhile stands somewhere within 10 s, or within 10 s of the end of that where no
// place was left; people decide it once, and the run ends right, told once.
func TestSlackFaults(t *testing.T) {
	if !*slackFaults {
		quickly(t, 4*time.Second, 2*time.Second)
	}
	var mu sync.Mutex
	plays := map[string]*play{}
	called := &calls{}
	t.Run("play", func(t *testing.T) {
		for _, method := range methods {
			for _, f := range everyFault {
				if !*slackFaults {
					if method != "chat.postMessage" && method != "chat.update" || f.tokens {
						continue
					}
					f.lasts = min(f.lasts, 8*time.Second)
				}
				t.Run(method+" "+f.name, func(t *testing.T) {
					t.Parallel()
					p := &play{desk: refusalsDesk(t, called), hold: make(chan struct{})}
					p.config.Pace = 50 * time.Millisecond
					p.serves, p.j = toy(t, p.desk, p.hold)
					p.begin()
					p.run(method, f)
					for _, why := range p.why {
						t.Error(why)
					}
					mu.Lock()
					defer mu.Unlock()
					plays[method+" "+f.name] = p
				})
			}
		}
	})
	for _, m := range called.all() {
		if !slices.Contains(methods, m) {
			t.Errorf("the bot calls %s, which no fault is played with", m)
		}
	}
	if *slackFaults && !t.Failed() {
		golden.Compare(t, filepath.Join("..", "docs", "slack-faults.md"), slackFaultsPage(plays))
	}
}

// calls are the methods that were called.
type calls struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (c *calls) Write(line []byte) (int, error) {
	var call struct{ Method string }
	if err := json.Unmarshal(line, &call); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[call.Method] = true
	return len(line), nil
}

func (c *calls) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.seen))
}

// slackFaultsPage is docs/slack-faults.md.
func slackFaultsPage(plays map[string]*play) string {
	var b strings.Builder
	b.WriteString(`# When Slack misbehaves

Made by ` + "`make slack-faults`" + `; not to be edited. In each play one method of Slack's Web API answers wrongly during a recovery, from right before
the commit gate opens. A cell says where people saw that gate first, and how soon after it opened, in steps of 5 s.

- *channel*, *announce*, *direct*: the run's own channel, the announce channel, an approver's direct message. *typed*: somebody had to type the approval, because
  no button or no question could be shown at first.
- Every run ended recovered, with each gate and the end told once, and no button left anywhere. At most `)
	peak := 0
	for _, p := range plays {
		peak = max(peak, p.peak)
	}
	fmt.Fprintf(&b, "%d messages waited at once.\n", (peak+9)/10*10)
	b.WriteString(`- *invalid_auth* lasts until the bot is given another token (SIGHUP); where the gate stands nowhere until then, the log says so with what to type, and ` + "`/ready`" + ` answers 503.

| method |`)
	for _, f := range everyFault {
		how := f.lasts.String()
		switch {
		case f.once:
			how = "one call"
		case f.tokens:
			how = "new token after " + how
		}
		fmt.Fprintf(&b, " %s, %s |", strings.TrimSuffix(f.name, " once"), how)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(everyFault)) + "\n")
	for _, method := range methods {
		fmt.Fprintf(&b, "| %s |", method)
		for _, f := range everyFault {
			p := plays[method+" "+f.name]
			words := p.where
			if p.seen >= 0 {
				words += fmt.Sprintf(", %d s", (int(p.seen.Seconds())+4)/5*5)
			}
			if p.typed {
				words += ", typed"
			}
			fmt.Fprintf(&b, " %s |", words)
		}
		b.WriteString("\n")
	}
	return b.String()
}
