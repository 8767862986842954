package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
)

// A liveCheck is what a configuration's names answer: the document of
// `config check FILE --live --json`.
type liveCheck struct {
	File     string                     `json:"file"`
	Policy   string                     `json:"policy"`
	Slack    []bot.Checked              `json:"slack"`    // Empty: no tokens are given.
	Clusters map[string]json.RawMessage `json:"clusters"` // What doctor says; null where it could not begin.
}

// checkLive asks Slack and every host that the configuration names, as doctor
// does, and changes nothing. The exit status is the worst of all: an error,
// else findings.
func checkLive(ctx context.Context, file string, asJSON bool, w World) int {
	cfg, err := config.Load(file, w.Env)
	if err != nil {
		return w.fail(err)
	}
	dir, err := os.MkdirTemp("", "aurorabot-check-")
	if err != nil {
		return w.fail(err)
	}
	defer os.RemoveAll(dir) // It holds nothing but an empty journal.
	// A bot that serves goes on beside it, with a state folder that is its own.
	cfg.StateDir, cfg.Audit = dir, config.Audit{}
	a, err := wire(cfg, w)
	if err != nil {
		return w.fail(err)
	}
	defer a.close()
	doc := liveCheck{File: file, Policy: cfg.PolicyDigest, Slack: []bot.Checked{}, Clusters: map[string]json.RawMessage{}}
	exit := handlers.ExitDone
	say := func(format string, args ...any) {
		if !asJSON {
			fmt.Fprintf(w.Out, format, args...)
		}
	}
	if cfg.Slack.Off {
		say("Slack: this site has none (slack: and policy.teams are left out)\n\n")
	} else if cfg.Slack.BotToken == "" || cfg.Slack.AppToken == "" {
		say("Slack: not asked, for want of tokens (SLACK_BOT_TOKEN, SLACK_APP_TOKEN)\n\n")
	} else {
		doc.Slack = bot.Check(ctx, bot.Config{APIURL: cfg.Slack.APIURL, BotToken: cfg.Slack.BotToken, AppToken: cfg.Slack.AppToken, Groups: a.groupIDs()}, cfg.Policy.Teams)
	}
	for _, c := range doc.Slack {
		mark := "ok"
		if !c.OK {
			mark, exit = "NOT OK", handlers.ExitError
		}
		say("Slack: %s: %s: %s\n", c.What, mark, c.Answer)
	}
	for _, k := range cfg.Clusters {
		asked := w
		var out bytes.Buffer
		if asJSON {
			asked.Out = &out
		}
		say("\n")
		switch got := a.examine(ctx, k.Name, asJSON, asked); {
		case got == handlers.ExitFindings && exit == handlers.ExitDone:
			exit = got
		case got != handlers.ExitDone && got != handlers.ExitFindings:
			exit = handlers.ExitError
		}
		doc.Clusters[k.Name] = nil
		if json.Valid(out.Bytes()) {
			doc.Clusters[k.Name] = out.Bytes()
		}
	}
	if asJSON {
		if err := json.NewEncoder(w.Out).Encode(doc); err != nil {
			return w.fail(err)
		}
	}
	return interrupted(ctx, exit)
}

// examine is `doctor CLUSTER`, asked by nobody: it only looks, and whoever reads the
// configuration has the keys to the hosts anyway.
func (a *app) examine(ctx context.Context, cluster string, asJSON bool, w World) int {
	r := a.service.Handle(ctx, handlers.Request{Channel: "cli", Words: []string{"doctor", cluster}, JSON: asJSON, At: w.Now(), Clock: true})
	return cli.Show(r, asJSON, w.std())
}
