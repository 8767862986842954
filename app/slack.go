package app

import (
	"context"
	"fmt"
	"strings"

	"aurorabot/bot"
	"aurorabot/handlers"
)

// slackManifest is `slack manifest`: the app's manifest, or why it asks for what
// it asks for. It needs no configuration.
func slackManifest(_ context.Context, in *input) int {
	command, given := in.given["command"]
	if !given {
		command = "/aurora"
	}
	if name, ok := strings.CutPrefix(command, "/"); !ok || name == "" || len(name) > 31 || strings.ContainsAny(name, " /\t\n\"") || name != strings.ToLower(name) {
		return in.misused(fmt.Sprintf("slack: %.40q is no slash command: a slash and up to 31 lower-case letters", command), in.hint())
	}
	if _, explain := in.given["explain"]; explain {
		fmt.Fprint(in.Out, explained())
		return handlers.ExitDone
	}
	js, err := bot.Manifest(command)
	if err != nil {
		return in.fail(err)
	}
	if _, err := in.Out.Write(js); err != nil {
		return in.fail(err)
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
