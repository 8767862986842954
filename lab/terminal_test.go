package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/script"
)

// byAccounts recovers a cluster from the terminal alone: Ann asks, Bob and Dan approve,
// each with an account of their own. Slack goes away in the middle of the run, and is not
// there when the bot is started again for a second one; or the site has none.
func byAccounts(t *testing.T, hosts string, slackless bool) {
	if !isRoot() {
		t.Skip("only root can play several accounts")
	}
	needsLogins(t)
	var errs bytes.Buffer
	s := &settings{hosts: hosts, admin: "aurora_admin", supervisor: "systemd", bot: botProgram, self: labProgram, terminal: true, slackless: slackless}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	l, err := start(ctx, s, &errs)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	defer func() {
		if t.Failed() {
			t.Logf("the bot:\n%s", l.bot.tail(40))
		}
	}()
	if slackless {
		l.cleans(ctx, t, l.recovers(ctx, t, func() {}))
		return
	}
	l.met(t)
	l.recovers(ctx, t, func() {
		l.slack.Close()
		time.Sleep(6 * time.Second) // What Slack said within the last 5 s is as good as said now.
	})
	l.bot.end()
	if err := l.bot.Start(ctx); err != nil {
		t.Fatal(err)
	}
	l.recovers(ctx, t, func() {})
}

// needsLogins skips a test where no login can be played, but where nothing may be skipped.
func needsLogins(t *testing.T) {
	t.Helper()
	if err := canLogin(t.Context()); err != nil {
		fmt.Printf("LOGINS: SKIPPED (%v)\n", err)
		if os.Getenv("AURORABOT_REAL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// met waits until the bot has asked Slack who the accounts are.
func (l *lab) met(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var known map[string]any
		text, err := os.ReadFile(filepath.Join(l.stateDir(), "people.json"))
		if err == nil && json.Unmarshal(text, &known) == nil && len(known) == 3 {
			return
		}
	}
	t.Fatal("the bot does not ask who has an account")
}

// types has a person type a command with their own account.
func (l *lab) types(ctx context.Context, t *testing.T, user string, exit int, words ...string) string {
	t.Helper()
	said, got, err := l.Type(ctx, user, user, words...)
	if err != nil || got != exit {
		t.Fatalf("%s types %s: exit status %d (%v), want %d\n%s", script.Name(user), strings.Join(words, " "), got, err, exit, said)
	}
	return said
}

// recovers plays one recovery; after the start gate meanwhile happens.
func (l *lab) recovers(ctx context.Context, t *testing.T, meanwhile func()) (run string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, exit, err := l.Type(ctx, script.Ann, script.Ann, "health"); err == nil && exit == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the bot does not serve")
		}
	}
	l.types(ctx, t, script.Ann, script.Waiting, "recover", cluster.Name, l.cluster.Truth.Backup, "--reason", "rehearsal")
	type standing struct{ Run, Gate, Digest string }
	at := func(gate string) standing {
		t.Helper()
		var open struct{ Run standing }
		said := l.types(ctx, t, script.Bob, script.Done, "status", "--json")
		var all struct {
			Runs []standing `json:"open_runs"`
		}
		if err := json.Unmarshal([]byte(said), &all); err != nil || len(all.Runs) != 1 || all.Runs[0].Gate != gate {
			t.Fatalf("no run waits at the %s gate (%v): %s", gate, err, said)
		}
		said = l.types(ctx, t, script.Bob, script.Done, "status", all.Runs[0].Run, "--json")
		if err := json.Unmarshal([]byte(said), &open); err != nil || open.Run.Digest == "" {
			t.Fatalf("no digest (%v): %s", err, said)
		}
		return open.Run
	}
	run = at("start").Run
	l.types(ctx, t, script.Ann, script.Refused, "approve", run, "--gate", "start") // She asked for it.
	l.types(ctx, t, script.Bob, script.Waiting, "approve", run, "--gate", "start")
	meanwhile()
	at("assess")
	l.types(ctx, t, script.Bob, script.Waiting, "approve", run, "--gate", "assess")
	words := []string{"approve", run, "--typed", cluster.Name, "--digest", at("commit").Digest}
	l.types(ctx, t, script.Bob, script.Waiting, words...)
	l.types(ctx, t, script.Bob, script.Refused, words...) // Once more.
	said := l.types(ctx, t, script.Dan, script.Done, words...)
	events := l.journal(t, run)
	who, vouched, last := map[string]string{}, 0, events[len(events)-1]
	for _, e := range events {
		if e.Kind == "gate.approved" {
			who[e.Gate] += e.Who + " "
			if strings.Contains(string(e.Data), "slack_answered") {
				vouched++
			}
		}
	}
	bob, dan := l.key(script.Bob), l.key(script.Dan)
	if last.Kind != "run.closed" || last.Why != "recovered" || who["start"] != bob+" " || who["commit"] != bob+" "+dan+" " {
		t.Errorf("%s %s; approved by %v\n%s", last.Kind, last.Why, who, said)
	}
	if (vouched == 0) != l.set.slackless {
		t.Errorf("%d approvals say which answer of Slack's they count by", vouched)
	}
	return run
}

// cleans removes what a run left, a minute after it was closed, and nothing else.
func (l *lab) cleans(ctx context.Context, t *testing.T, run string) {
	t.Helper()
	doctor := func() bool {
		said, _, err := l.Type(ctx, script.Ann, script.Ann, "doctor", cluster.Name, "--severity", "info", "--json")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(said, "runs-left")
	}
	if !doctor() {
		t.Error("doctor does not say what the run left")
	}
	if said := l.types(ctx, t, script.Ann, script.Failed, "clean", run); !strings.Contains(said, "retention") {
		t.Errorf("at once: %s", said)
	}
	time.Sleep(time.Minute)
	var list struct {
		Left   []struct{ Host, Path string }
		Silent map[string]string
		Digest string
	}
	said := l.types(ctx, t, script.Ann, script.Waiting, "clean", run, "--json")
	if err := json.Unmarshal([]byte(said), &list); err != nil || len(list.Silent) > 0 || len(list.Left) < 2*len(l.cluster.Hosts) {
		t.Fatalf("%v: %s", err, said)
	}
	words := []string{"approve", run, "--gate", "clean", "--typed", cluster.Name, "--digest", list.Digest}
	l.types(ctx, t, script.Bob, script.Waiting, words...)
	l.types(ctx, t, script.Dan, script.Done, words...)
	if said := l.types(ctx, t, script.Ann, script.Done, "clean", run); !strings.Contains(said, "Nothing") {
		t.Errorf("afterwards: %s", said)
	}
	if doctor() {
		t.Error("doctor still says that the run left something")
	}
	if leader := l.cluster.Leader(ctx); leader == nil {
		t.Error("no leader is left")
	}
	for _, h := range l.cluster.Hosts {
		if _, err := os.Stat(filepath.Join(l.cluster.LogDir(h), "CURRENT")); err != nil {
			t.Errorf("the log of %s: %v", h.Name(), err)
		}
	}
}

// key is how the journal names a person.
func (l *lab) key(user string) string {
	if l.set.slackless {
		return "local/" + script.Name(user)
	}
	return script.Team + "/" + user
}

func (l *lab) journal(t *testing.T, run string) (events []script.Event) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.stateDir(), "runs", run+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e struct{ Event script.Event }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(fmt.Errorf("journal of %s: %w", run, err))
		}
		events = append(events, e.Event)
	}
	return events
}

// On embedded hosts; TestRealHosts has it on real ones.
func TestByAccountsOfTheMachine(t *testing.T) {
	for _, slackless := range []bool{false, true} {
		t.Run(fmt.Sprintf("slackless=%v", slackless), func(t *testing.T) {
			t.Parallel()
			byAccounts(t, "embedded", slackless)
		})
	}
}
