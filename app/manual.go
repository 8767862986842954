package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/handlers/cli/manual"
	"aurorabot/handlers/files"
)

// Own are the commands of the program itself: they are no requests, and Slack
// has none of them.
var Own = []manual.Command{
	{Name: "serve", Help: "the bot: Socket Mode, reports by the clock, metrics and health address"},
	{Name: "health", Help: "ask the bot that serves whether it answers; for health checks"},
	{Name: "config check", Usage: "FILE [--live]", Help: "say everything that is wrong with a configuration"},
	{Name: "config example", Help: "print a configuration with every key, explained"},
	{Name: "config discover", Usage: "HOST[:PORT] [--user NAME] [--key FILE] [--known-hosts FILE]", Help: "ask a host for what a configuration says of it"},
	{Name: "slack manifest", Usage: "[--command COMMAND] [--explain]", Help: "print the manifest that makes the app in Slack"},
	{Name: "sudoers", Usage: "CLUSTER [--log-path DIR --backup-dir DIR]", Help: "print what the bot's account may do on the hosts of a cluster"},
	{Name: "completion", Usage: "bash|zsh|fish", Help: "print the script that makes a shell complete these commands"},
	{Name: "man", Help: "print the manual page"},
}

// allCommands are all commands for people, of every table.
func allCommands() []manual.Command {
	list := slices.Clone(Own)
	for _, c := range handlers.Table() {
		list = append(list, manual.Command{Name: c.Name, Usage: c.Usage, Help: c.Help})
	}
	for _, c := range files.Commands {
		list = append(list, manual.Command{Name: c.Name, Usage: c.Usage, Help: c.Help})
	}
	slices.SortFunc(list, func(a, b manual.Command) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// completionCommand is `completion SHELL`.
func completionCommand(words []string, w World) int {
	if len(words) == 1 {
		if text := manual.Completion(words[0], allCommands()); text != "" {
			fmt.Fprint(w.Out, text)
			return handlers.ExitDone
		}
	}
	fmt.Fprintf(w.Err, "aurorabot: completion: wants one of %s\nhint: aurorabot completion bash > /usr/share/bash-completion/completions/aurorabot\n", strings.Join(manual.Shells, ", "))
	return handlers.ExitUsage
}

// manCommand is `man`: the page, for man(1).
func manCommand(words []string, w World) int {
	if len(words) > 0 {
		fmt.Fprintln(w.Err, "aurorabot: man: takes no arguments\nhint: aurorabot man > aurorabot.1; man ./aurorabot.1")
		return handlers.ExitUsage
	}
	var exits []manual.Exit
	for _, status := range slices.Sorted(maps.Keys(handlers.Exits)) {
		exits = append(exits, manual.Exit{Status: status, Means: handlers.Exits[status]})
	}
	fmt.Fprint(w.Out, manual.Page(version(), allCommands(), exits))
	return handlers.ExitDone
}
