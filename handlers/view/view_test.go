package view_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/golden"
)

func answers(context.Context, *runner.Task) (runner.Answer, error) { return runner.Answer{}, nil }
func does(context.Context, *runner.Task) (any, error)              { return nil, nil }
func undoes(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
	return runner.Answer{}, nil
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if base, ok := strings.CutSuffix(name, ".json"); ok {
		file = filepath.Join("testdata", base+".golden.json")
	}
	golden.Compare(t, file, got)
}

// people is what the policy says of the gates of a run now.
func people(events []runner.Event) view.People {
	s := runner.Fold(events)
	p := view.People{Gates: map[string]policy.Verdict{}, Needed: map[string][]string{}, Lasts: map[string]time.Duration{}}
	gates := maps.Clone(gateRules.Gates)
	gates[policy.Without] = gateRules.RuleOf(policy.Without)
	for name, rule := range gates {
		for _, f := range rule.Factors {
			p.Needed[name] = append(p.Needed[name], f.String())
		}
		p.Lasts[name] = rule.Expiry()
		var approvals []policy.Approval
		for _, a := range s.Gates[name].Approvals {
			approvals = append(approvals, policy.Approval{Who: actor(a.Who), Digest: a.Digest, At: a.At})
		}
		if s.Gates[name].Opened {
			p.Gates[name] = gateRules.Gate(name, s.Requesters(name), s.Gates[name].Digest, approvals, s.At)
		}
	}
	return p
}

// show lays out everything of screens, for a golden file.
func show(s view.Screens) string {
	var b strings.Builder
	one := func(place string, m view.Message) {
		fmt.Fprintf(&b, "===== %s (%s)\n%s", place, m.Tone, view.Text(m))
		for _, a := range m.Actions {
			fmt.Fprintf(&b, "[%s: %s] value %q type %q ask %q\n", a.ID, a.Label, a.Value, a.Type, a.Ask)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "home %s, closed %v\n\n", s.Home, s.Closed)
	one("status", s.Status)
	for _, k := range s.Channel {
		one(fmt.Sprintf("channel %s final %v", k.Key, k.Final), k.Message)
	}
	for _, k := range s.Thread {
		one(fmt.Sprintf("thread %s final %v", k.Key, k.Final), k.Message)
	}
	return b.String()
}

// What people see at each interesting moment of a run.
func TestScreens(t *testing.T) {
	for _, m := range moments(t) {
		t.Run(m.name, func(t *testing.T) {
			compare(t, "screens-"+m.name, show(view.ScreensOf(m.events, people(m.events))))
		})
	}
}

// every yields all messages of a run at every event of every moment.
func every(t *testing.T, f func(t *testing.T, where string, m view.Message)) {
	t.Helper()
	for _, m := range moments(t) {
		for n := 1; n <= len(m.events); n++ {
			events := m.events[:n]
			if n < len(m.events) && m.name != "recovered" {
				continue // The longest one is looked at everywhere, the others at their end.
			}
			s := view.ScreensOf(events, people(events))
			where := fmt.Sprintf("%s at event %d", m.name, n)
			f(t, where+" status", s.Status)
			for _, k := range slices.Concat(s.Channel, s.Thread) {
				f(t, where+" "+k.Key, k.Message)
			}
			f(t, where+" event", view.Event(events[n-1], runner.Fold(events)))
			f(t, where+" event alone", view.Event(events[n-1], nil))
		}
	}
}

// The voice: no exclamation, no apology, no praise, and no data that only programs read.
func TestVoice(t *testing.T) {
	every(t, func(t *testing.T, where string, m view.Message) {
		m.Output = nil // What programs printed is theirs.
		text := strings.ReplaceAll(view.Text(m), "<!channel>", "")
		if m.Tone == "" || m.Head == "" || strings.Contains(m.Head, "\n") {
			t.Errorf("%s: tone %q, head %q", where, m.Tone, m.Head)
		}
		if strings.Contains(m.Head, "T0TEAM") || utf8.RuneCountInString(m.Head) > 150 {
			t.Errorf("%s: the head names a person, or is no line: %q", where, m.Head)
		}
		text = strings.ReplaceAll(text, "[!]", "")
		for _, bad := range []string{"!", "please", "Please", "oops", "Oops", "uccessfully", "sorry", `{"`, `":`, "map[", "%!", "0001-01-01"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s says %q:\n%s", where, bad, text)
			}
		}
	})
}

// A surface edits by key: a key stands once, and keeps its place as the run goes on.
func TestKeysStay(t *testing.T) {
	events := whole(t).events
	var before []string
	for n := 1; n <= len(events); n++ {
		s := view.ScreensOf(events[:n], view.People{})
		var keys []string
		for _, k := range s.Channel {
			keys = append(keys, "channel "+k.Key)
		}
		for _, k := range s.Thread {
			keys = append(keys, "thread "+k.Key)
		}
		if sorted := slices.Compact(slices.Sorted(slices.Values(keys))); len(sorted) != len(keys) {
			t.Fatalf("event %d: a key stands twice: %q", n, keys)
		}
		for _, k := range before {
			if !slices.Contains(keys, k) {
				t.Errorf("event %d: %s is gone", n, k)
			}
		}
		before = keys
	}
	if n := len(view.ScreensOf(events, view.People{}).Channel) + 1; n > 12 {
		t.Errorf("a whole recovery has %d messages in the channel, want at most 12", n)
	}
}

// What is final does not change any more.
func TestFinalStays(t *testing.T) {
	events := whole(t).events
	final := map[string]string{}
	for n := 1; n <= len(events); n++ {
		s := view.ScreensOf(events[:n], view.People{})
		for _, k := range slices.Concat(s.Thread, s.Channel) {
			text := view.Text(k.Message)
			if was, ok := final[k.Key]; ok && was != text {
				t.Errorf("event %d: %s was final and changed from\n%s\nto\n%s", n, k.Key, was, text)
			}
			if k.Final {
				final[k.Key] = text
			}
		}
	}
}

// The buttons: what the state allows, and nothing else.
func TestActions(t *testing.T) {
	want := map[string]string{
		"requested": "abort", "start-gate": "abort undo", "running": "abort", "stopped": "undo resume",
		"undoing": "abort", "undone": "", "resumed": "abort", "commit-gate-2": "abort undo", "voided": "undo resume",
		"aborted": "undo resume", "commit-sent": "abort", "unknown": "resume", "recovered": "", "cleanup": "abort",
	}
	for _, m := range moments(t) {
		w, ok := want[m.name]
		if !ok {
			continue
		}
		s := view.ScreensOf(m.events, people(m.events))
		var got []string
		for _, a := range s.Status.Actions {
			got = append(got, a.ID)
		}
		if g := strings.Join(got, " "); g != w {
			t.Errorf("%s: actions %q, want %q", m.name, g, w)
		}
		open := runner.Fold(m.events).Gate
		decided := 0
		for _, k := range s.Channel {
			for _, a := range k.Message.Actions {
				if open != "" && strings.HasPrefix(k.Key, "gate/"+open) && (a.ID == "approve" || a.ID == "deny") {
					decided++
					continue
				}
				if !slices.ContainsFunc(s.Status.Actions, func(b view.Action) bool { return a.ID == b.ID && a.Value == b.Value }) {
					t.Errorf("%s: %s has %s, which the state does not allow", m.name, k.Key, a.ID)
				}
			}
		}
		if strings.Contains(m.name, "gate") && decided != 2 {
			t.Errorf("%s: %d buttons decide, want Approve and Deny once", m.name, decided)
		}
	}
}

// What stands at the commit gate: the facts that people decide by.
func TestCommitGateSaysAll(t *testing.T) {
	for _, m := range moments(t) {
		if m.name != "commit-gate-1" {
			continue
		}
		p := people(m.events)
		p.RequesterMayApprove = true
		s := view.ScreensOf(m.events, p)
		k := s.Channel[len(s.Channel)-1]
		text := view.Text(k.Message)
		digest := runner.Fold(m.events).Gates["commit"].Digest
		for _, w := range []string{
			"devcluster", "scheduler-backup-2026-01-02-02-00", "2026-01-02T02:00:00Z", "old", "98.9 KiB", "5a17c0de5a17",
			"@U0ANN00001", "bad deploy deleted jobs", "9 tasks will be killed: ads/prod/bidder 8, www-data/prod/web 1", "2 tasks that have ended since the backup start again", "3 jobs differ", "65 tasks",
			"s2 leads as PID 4711", "Cannot be undone", "@U0BOB00001 for 1 of sre", "1 more of leads", "the first approval ends", "the gate ends",
			digest, "requester_may_approve",
		} {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", k.Key, w, text)
			}
		}
		for _, once := range []string{"annot be undone", digest[:12], "9 tasks will be killed"} {
			if n := strings.Count(text, once); n != 1 {
				t.Errorf("%s says %q %d times, want once:\n%s", k.Key, once, n, text)
			}
		}
		for _, a := range k.Message.Actions {
			if a.Value != "devcluster-20260102T0304Z|commit|"+digest {
				t.Errorf("%s: value %q", a.ID, a.Value)
			}
		}
	}
}

// What is not known is said to be so, and is never none.
func TestUnknownLossIsNotNone(t *testing.T) {
	s := begin(t)
	s.preflight()
	s.prepare()
	s.phase("assess", runner.PhaseStarted)
	s.look("assess/compare-with-log", "not known", map[string]any{"known": false, "why": "no replica's log can be read"})
	s.open("assess", time.Time{})
	screens := view.ScreensOf(s.events, people(s.events))
	text := view.Text(screens.Channel[len(screens.Channel)-1].Message)
	if !strings.Contains(text, "not known: no replica's log can be read") || strings.Contains(text, "0 tasks") {
		t.Errorf("the assess gate says:\n%s", text)
	}
}

// A kind without words of its own would be an event that nobody understands.
func TestEveryKindHasAMessage(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "runner", "event.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	heads := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Kind" {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		e := runner.Event{Kind: runner.Kind(kind), Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s1", Gate: "commit", Who: bob}
		m := view.Event(e, nil)
		if m.Head == "" || m.Tone == "" || strings.Contains(m.Head, "unknown kind") {
			t.Errorf("%s: %+v", kind, m)
		}
		if other, ok := heads[m.Head]; ok {
			t.Errorf("%s says the same as %s: %q", kind, other, m.Head)
		}
		heads[m.Head] = kind
		return true
	})
	if len(heads) < 30 {
		t.Errorf("%d kinds found in runner/event.go, want all", len(heads))
	}
	if m := view.Event(runner.Event{Kind: "made.up"}, nil); !strings.Contains(m.Head, "unknown kind: made.up") {
		t.Errorf("an unknown kind says %q", m.Head)
	}
}

// Text of hosts and people names nobody and opens no code within our words.
func TestForeignTextMentionsNobody(t *testing.T) {
	s := begin(t)
	s.preflight()
	s.prepare()
	hostile := "T0TEAM001/U0EVE00001 says `rm -rf` \x1b[31m" + strings.Repeat("é", 9000)
	s.say(runner.Event{Kind: runner.StepFailed, Phase: "assess", Step: "assess/decide", Host: runner.Bot, Why: hostile})
	s.stop(runner.StopFailed, "assess/decide", hostile, runner.Bot)
	screens := view.ScreensOf(s.events, people(s.events))
	check := func(where string, m view.Message) {
		prose := m.Head + strings.Join(m.Lines, "\n")
		for _, f := range m.Fields {
			prose += f.Value
		}
		if strings.Contains(prose, "/U0EVE") || strings.Contains(prose, "`rm") {
			t.Errorf("%s holds foreign markup: %.300q", where, prose)
		}
		if utf8.RuneCountInString(prose) > 9000 {
			t.Errorf("%s: %d characters", where, utf8.RuneCountInString(prose))
		}
		if strings.Contains(view.Text(m), "\x1b") {
			t.Errorf("%s: an escape reaches the terminal", where)
		}
	}
	check("status", screens.Status)
	for _, k := range slices.Concat(screens.Channel, screens.Thread) {
		check(k.Key, k.Message)
	}
}

// Events in any order, cut or doubled, still make messages.
func FuzzScreens(f *testing.F) {
	f.Add(uint64(1), 20)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		events := slices.Clone(whole(t).events)
		for i := range events { // A deterministic shuffle.
			seed = seed*6364136223846793005 + 1442695040888963407
			j := int(seed>>33) % len(events)
			events[i], events[j] = events[j], events[i]
		}
		events = events[:min(max(n, 0), len(events))]
		view.ScreensOf(events, view.People{})
		view.Timeline(events)
	})
}

// What a step waits for, and what it notes, is seen while it lasts.
func TestWaitingAndNotes(t *testing.T) {
	s := begin(t)
	s.preflight()
	s.approve("start", bob, "1 of sre")
	s.pass("start")
	s.say(runner.Event{Kind: runner.StepStarted, Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s1"})
	s.say(runner.Event{Kind: runner.Note, Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s1", Why: "ending the lingering process 4711 with SIGTERM"})
	s.say(runner.Event{Kind: runner.Waiting, Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s1", Why: "process 4711 ends, until 2026-01-02T03:15:00Z"})
	screens := view.ScreensOf(s.events, people(s.events))
	if text := view.Text(screens.Status); !strings.Contains(text, "Waiting, since 2026-01-02T03:05:05Z, s1: Process 4711 ends, until 2026-01-02T03:15:00Z.") {
		t.Errorf("the status says:\n%s", text)
	}
	if text := view.Text(screens.Thread[0].Message); !strings.Contains(text, "s1: ending the lingering process 4711 with SIGTERM") {
		t.Errorf("the thread says:\n%s", text)
	}
	s.say(runner.Event{Kind: runner.StepDone, Phase: "prepare", Step: "prepare/stop-schedulers", Host: "s1", Why: "no process"})
	if text := view.Text(view.ScreensOf(s.events, people(s.events)).Status); strings.Contains(text, "Waiting") {
		t.Errorf("it is still waited for:\n%s", text)
	}
}

// What one step found stands together, each kind once, and what a step found
// again in another turn is not told twice.
func TestFindingsOfAStep(t *testing.T) {
	s := begin(t)
	found := func(host, id string) {
		data := `{"finding":"` + id + `","severity":"critical","subject":"` + host + `","evidence":"seen on ` + host + `","means":"means of ` + id + `.","do":"mend it."}`
		s.say(runner.Event{Kind: runner.Found, Phase: "prepare", Step: "prepare/look", Host: host, Data: json.RawMessage(data)})
	}
	found("s1", "quorum-flag-wrong")
	one := view.ScreensOf(s.events, people(s.events)).Thread
	if text := view.Text(one[len(one)-1].Message); !strings.Contains(text, "quorum-flag-wrong") || !strings.Contains(text, "seen on s1") {
		t.Errorf("one finding:\n%s", text)
	}
	found("s2", "quorum-flag-wrong")
	found("s2", "scheduler-down")
	found("s2", "scheduler-down")
	all := view.ScreensOf(s.events, people(s.events)).Thread
	text := view.Text(all[len(all)-1].Message)
	if len(all) != len(one) || all[len(all)-1].Key != one[len(one)-1].Key || !strings.Contains(text, "3 findings at: Look") {
		t.Errorf("%d messages, were %d:\n%s", len(all), len(one), text)
	}
	if strings.Count(strings.ToLower(text), "means of quorum-flag-wrong") != 1 || !strings.Contains(text, "seen on s2") {
		t.Errorf("three findings of two kinds:\n%s", text)
	}
}

// Only a host that gave no answer may be gone for good, and only one without which
// the others are enough.
func TestGoneForGood(t *testing.T) {
	const step = "prepare/change-configuration"
	for _, tt := range []struct {
		name   string
		reason runner.StopReason
		kind   runner.Kind
		why    string
		hosts  []string
		says   bool
	}{
		{"it answered", runner.StopHold, runner.HoldBroken, "somebody edited it", []string{"s2"}, false},
		{"it does not answer", runner.StopHold, runner.HoldBroken, "cannot tell: not started: no answer", []string{"s2"}, true},
		{"a step failed on one", runner.StopFailed, runner.StepFailed, "not started: no answer", []string{"s2"}, true},
		{"a step failed on all", runner.StopFailed, runner.StepFailed, "not started: sudo: a password is required", []string{"s1", "s2", "s3"}, false},
	} {
		s := begin(t)
		s.preflight()
		s.prepare()
		for _, host := range tt.hosts {
			s.say(runner.Event{Kind: tt.kind, Phase: "assess", Step: step, Host: host, Why: tt.why})
		}
		s.stop(tt.reason, step, tt.why, tt.hosts...)
		text := view.Text(view.ScreensOf(s.events, people(s.events)).Status)
		if strings.Contains(text, "gone for good") != tt.says {
			t.Errorf("%s: says that a host may be gone for good is %v, want %v:\n%s", tt.name, !tt.says, tt.says, text)
		}
	}
}

// A phase whose steps were reopened after it was done has another message.
func TestReopenedPhase(t *testing.T) {
	s := begin(t)
	s.preflight()
	s.prepare()
	s.say(runner.Event{Kind: runner.HoldBroken, Phase: "assess", Step: "prepare/change-configuration", Host: "s2", Why: "somebody edited it"})
	s.say(runner.Event{Kind: runner.StepsReopened, Data: encode(t, []string{"prepare/change-configuration"})})
	s.stop(runner.StopHold, "prepare/change-configuration", "s2: no longer true: somebody edited it", "s2")
	s.say(runner.Event{Kind: runner.RunResumed, Who: bob})
	s.phase("prepare", runner.PhaseStarted)
	s.do("prepare/change-configuration", "written")
	s.phase("prepare", runner.PhaseDone)
	screens := view.ScreensOf(s.events, people(s.events))
	var keys []string
	for _, k := range screens.Thread {
		keys = append(keys, k.Key)
	}
	if !slices.Contains(keys, "phase/prepare") || !slices.Contains(keys, "phase/prepare/2") {
		t.Errorf("keys %q, want phase/prepare and phase/prepare/2", keys)
	}
}

// The journal of a long run is told anew at every event.
func BenchmarkScreens(b *testing.B) {
	events := whole(b).events
	for len(events) < 10_000 {
		e := events[20]
		e.Seq = len(events) + 1
		events = append(events, e)
	}
	for b.Loop() {
		view.ScreensOf(events, view.People{})
	}
}
