package app

import (
	"bytes"
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

// says is a directory that answers by purpose.
type says map[handlers.Purpose]error

func (s says) Person(_ context.Context, team, user string, p handlers.Purpose) (policy.Actor, error) {
	return policy.Actor{TeamID: team, UserID: user, Groups: []string{"S1"}}, s[p]
}

// While Slack can't be asked, an account that policy maps looks, aborts and undoes, and
// decides nothing; an answer about that person counts, whatever it is.
func TestAccountsWhileSlackIsAway(t *testing.T) {
	away, left := error(handlers.Unasked{Why: "Slack can't be reached"}), errors.New("Slack knows no such person")
	for _, c := range []struct {
		name    string
		slack   says
		purpose handlers.Purpose
		known   bool // By Slack; else as policy maps the account.
		refused bool
	}{
		{"looks", says{handlers.Looking: away}, handlers.Looking, false, false},
		{"aborts", says{handlers.Retreating: away, handlers.Looking: away}, handlers.Retreating, false, false},
		{"aborts, known from before", says{handlers.Retreating: away}, handlers.Retreating, true, false},
		{"aborts, with Slack", says{}, handlers.Retreating, true, false},
		{"decides", says{handlers.Vouched: away}, handlers.Deciding, false, true},
		{"has left, and looks", says{handlers.Looking: left}, handlers.Looking, false, true},
		{"has left, and aborts", says{handlers.Retreating: left}, handlers.Retreating, false, true},
		{"has left, was known, and aborts", says{handlers.Retreating: away, handlers.Looking: left}, handlers.Retreating, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := wired(t)
			a.cfg.Policy.OSUsers = map[string]string{"ann": "T0/U1"}
			a.cfg.Policy.Groups = map[string]string{"oncall": "S1"}
			a.people.use(c.slack)
			got, _, err := a.osUser(t.Context(), cli.Account{UID: 1000, Name: "ann", Login: 1000}, c.purpose)
			switch {
			case (err != nil) != c.refused:
				t.Fatalf("error %v, want one: %v", err, c.refused)
			case err != nil:
			case got.Key() != "T0/U1" || (len(got.Groups) == 1) != c.known || (got.Unknown["S1"] == "") != c.known:
				t.Errorf("%+v, known by Slack: %v", got, c.known)
			}
			if _, _, err := a.osUser(t.Context(), cli.Account{UID: 1001, Name: "eve", Login: 1001}, c.purpose); err == nil {
				t.Error("an account that policy does not map is somebody")
			}
		})
	}
}

// A bot whose Slack was never there serves the command line.
func TestServeWithoutSlack(t *testing.T) {
	a := wired(t)
	a.close()
	file := filepath.Join(filepath.Dir(a.cfg.StateDir), "aurorabot.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mapped := strings.Replace(string(text), "policy:\n", "policy:\n  os_users: {\"4001\": T0/U1}\n", 1)
	if err := os.WriteFile(file, []byte(mapped), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, []string{"serve", "--config", file}, a.w) }()
	ask := func(words ...string) (int, string) {
		var out bytes.Buffer
		w := a.w
		w.Out, w.Err = &out, &out
		exit := Run(ctx, append(words, "--config", file), w)
		return exit, out.String()
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if exit, _ := ask("health"); exit == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not serve")
		}
	}
	if exit, said := ask("status"); exit != handlers.ExitDone || !strings.Contains(said, "No open run") {
		t.Errorf("status: %d, %s", exit, said)
	}
	if exit, said := ask("recover", "devcluster", "scheduler-backup-2026-01-02-03-04"); exit != handlers.ExitRefused || !strings.Contains(said, "Slack") {
		t.Errorf("recover: %d, %s", exit, said)
	}
	stop()
	if exit := <-ended; exit != handlers.ExitDone {
		t.Errorf("serve ended with %d", exit)
	}
}
