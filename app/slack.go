package app

import (
	"fmt"
	"strings"

	"aurorabot/bot"
	"aurorabot/handlers"
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
