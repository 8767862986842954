package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/bot"
	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner"
)

const slackUsage = `usage: aurorabot slack manifest [--command /aurora] [--explain]`

// slackCommand is `slack manifest`: the app's manifest, or why it asks for what
// it asks for. It needs no configuration.
func slackCommand(words []string, w World) int {
	command, explain := "/aurora", false
	bad := func(why string) int {
		fmt.Fprintf(w.Err, "aurorabot: slack: %s\nhint: %s\n", why, slackUsage)
		return handlers.ExitUsage
	}
	if len(words) == 0 || words[0] != "manifest" {
		return bad("there is nothing else than a manifest")
	}
	for i := 1; i < len(words); i++ {
		switch {
		case words[i] == "--explain":
			explain = true
		case words[i] == "--json": // It is JSON already.
		case words[i] == "--command" && i+1 < len(words):
			i++
			command = words[i]
		default:
			return bad(fmt.Sprintf("there is no option %.40q", words[i]))
		}
	}
	if name, ok := strings.CutPrefix(command, "/"); !ok || name == "" || len(name) > 31 || strings.ContainsAny(name, " /\t\n\"") || name != strings.ToLower(name) {
		return bad(fmt.Sprintf("%.40q is no slash command: a slash and up to 31 lower-case letters", command))
	}
	if explain {
		fmt.Fprint(w.Out, explained())
		return handlers.ExitDone
	}
	js, err := bot.Manifest(command)
	if err != nil {
		return w.fail(err)
	}
	if _, err := w.Out.Write(js); err != nil {
		return w.fail(err)
	}
	return handlers.ExitDone
}

func explained() string {
	var b strings.Builder
	table := func(title string, needs []bot.Need) {
		fmt.Fprintf(&b, "%s\n", title)
		for _, n := range needs {
			fmt.Fprintf(&b, "  %-24s %s\n", n.Name, n.Why)
		}
		b.WriteString("\n")
	}
	table("Scopes of the bot token (xoxb-…):", bot.Scopes)
	table("Events:", bot.Events)
	table("Scope of the app-level token (xapp-…), made by hand under Basic Information:", []bot.Need{bot.AppScope})
	b.WriteString("Socket Mode is on: the bot dials out over TLS, and needs no address that Slack could reach.\n")
	return b.String()
}

// healthFor is how long a line about a cluster's backups is shown before it is
// asked for anew; a home is opened more often than hosts want to be asked.
const healthFor = time.Minute

// overview is what App Home and the form say to a person.
type overview struct {
	app *app

	mu    sync.Mutex
	lines map[string]healthLine
}

type healthLine struct {
	text    string
	at      time.Time
	looking bool
}

// of is what policy lets somebody see: in whatever channel, for here is none.
func (o *overview) of(ctx context.Context, who policy.Actor) (bot.Overview, error) {
	var seen bot.Overview
	rules := o.app.cfg.Policy
	for _, c := range o.app.service.Clusters {
		if rules.Allow(who, policy.Read, c.Name, "") == nil {
			seen.Clusters = append(seen.Clusters, bot.ClusterLine{
				Name: c.Name, Health: o.health(ctx, c), Recover: rules.Allow(who, policy.Operate, c.Name, "") == nil,
			})
		}
	}
	states, err := o.app.service.Unclosed()
	if err != nil {
		return seen, err
	}
	for _, st := range states {
		if rules.Allow(who, policy.Read, st.Request.Cluster, "") != nil {
			continue
		}
		mine := st.Status == runner.Gated && o.may(st, who) &&
			!slices.ContainsFunc(st.Gates[st.Gate].Approvals, func(a runner.Approval) bool { return a.Who == who.Key() })
		seen.Runs = append(seen.Runs, bot.RunLine{Run: st.Run, Mine: mine})
	}
	return seen, nil
}

// may reports whether somebody's approval could count at the open gate.
func (o *overview) may(st *runner.State, who policy.Actor) bool {
	rules := o.app.cfg.Policy
	if rules.Allow(who, policy.Approve, st.Request.Cluster, "") != nil {
		return false
	}
	return rules.May(st.Gate, st.Who, who) == nil
}

// health is a line about a cluster's backups, as it was known last; it is asked
// for anew behind the back of whoever reads it.
func (o *overview) health(ctx context.Context, c *handlers.Cluster) string {
	if c.Check == nil {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lines == nil {
		o.lines = map[string]healthLine{}
	}
	l := o.lines[c.Name]
	if now := o.app.w.Now(); !l.looking && now.Sub(l.at) > healthFor {
		l.looking = true
		o.lines[c.Name] = l
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*healthFor)
			defer cancel()
			text := strings.TrimPrefix(o.app.service.CheckBackups(ctx, c).Says, c.Name+": ")
			o.mu.Lock()
			defer o.mu.Unlock()
			o.lines[c.Name] = healthLine{text: text, at: o.app.w.Now()}
		}()
	}
	if l.text == "" {
		return "its hosts are being asked for their backups"
	}
	return fmt.Sprintf("%s; asked %s", l.text, l.at.UTC().Format("2006-01-02T15:04:05Z"))
}

// approvers are whom policy counts at a gate, by ID, but who asked for the run.
func (a *app) approvers(run, gate string) (ids, except []string) {
	events, err := a.journal.Events(run)
	if err != nil {
		return nil, nil // The gate stands in the channel all the same.
	}
	rules := a.cfg.Policy
	if _, asked, _ := strings.Cut(runner.Fold(events).Who, "/"); !rules.RequesterMayApprove {
		except = []string{asked}
	}
	for _, f := range rules.RuleOf(gate).Factors {
		for _, name := range f.Of {
			switch {
			case name == "*": // Everybody is asked in the channel.
			case len(rules.Lists[name]) > 0:
				ids = append(ids, rules.Lists[name]...)
			case rules.Groups[name] != "":
				ids = append(ids, rules.Groups[name])
			default:
				ids = append(ids, name)
			}
		}
	}
	return ids, except
}
