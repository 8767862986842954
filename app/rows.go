package app

import (
	"context"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/files"
	"aurorabot/handlers/syntax"
)

// A row is one command of the command line, from whichever table. Its JSON form is
// what `man --json` prints.
type row struct {
	Name    string          `json:"name"` // Its words: "config check".
	Usage   string          `json:"usage"`
	Help    string          `json:"help"`
	Group   string          `json:"group"`   // What it is done on: clusters, files, or the program itself.
	Purpose string          `json:"purpose"` // Of [handlers.Groups]: where help lists it.
	Options []syntax.Option `json:"options,omitempty"`
	Example string          `json:"example,omitempty"` // Lines.

	words []string // What its first argument may be, where that is one of few.
	least int      // Arguments, at least.
	most  int      // At most; -1: no limit.
	run   func(context.Context, *input) int
}

// An input is what was typed behind a command's name.
type input struct {
	World
	row
	args   []string
	given  map[string]string // Options, by name.
	json   bool
	config string // Name of the file; "" if none was given.
	line   *line
}

// request is the input as words again, options last.
func (in *input) request() []string {
	words, options := strings.Fields(in.Name), syntax.Words(in.Options, in.given)
	if slices.ContainsFunc(in.args, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		return slices.Concat(words, options, []string{"--"}, in.args)
	}
	return slices.Concat(words, in.args, options)
}

// What commands are done on.
const (
	onClusters = "clusters"
	onFiles    = "files"
	ofProgram  = "program"
)

// everywhere are the options of every command. Slack has none of them.
var everywhere = []syntax.Option{files.JSON, {Name: "config", Value: "FILE", Help: "the configuration; else $AURORABOT_CONFIG, else aurorabot.yaml in $XDG_CONFIG_HOME, /etc or /etc/aurorabot"}}

// rows are all commands for people. Those of the program itself are no requests.
func rows() []row {
	list := []row{
		{Name: "serve", Help: "the bot: Socket Mode, reports by the clock, metrics and health address", run: serve, Options: logOptions},
		{Name: "health", Help: "ask the bot that serves whether it answers; for health checks", run: healthCommand},
		{
			Name: "config check", Usage: "FILE [--live]", Help: "say everything that is wrong with a configuration", least: 1, most: 1, run: checkConfig,
			Options: []syntax.Option{{Name: "live", Help: "ask Slack and every host, too; changes nothing"}},
		},
		{Name: "config example", Help: "print a configuration with every key, explained", run: exampleConfig},
		{
			Name: "config discover", Usage: "[USER@]HOST[:PORT] [--user NAME] [--key FILE] [--known-hosts FILE]", Help: "ask a host for what a configuration says of it", least: 1, most: 1, run: discover,
			Options: []syntax.Option{
				{Name: "user", Value: "NAME", Help: "whom to log in as; you, if nobody is named"}, {Name: "key", Value: "FILE", Help: "the key to log in with; else the agent's"},
				{Name: "known-hosts", Value: "FILE", Help: "the keys of hosts; else ~/.ssh/known_hosts"},
			},
		},
		{
			Name: "slack manifest", Usage: "[--command COMMAND] [--explain]", Help: "print the manifest that makes the app in Slack", run: slackManifest,
			Options: []syntax.Option{{Name: "command", Value: "COMMAND", Help: "the slash command; /aurora, if none is given"}, {Name: "explain", Help: "say why it asks for what it asks for"}},
		},
		{
			Name: "sudoers", Usage: "CLUSTER [--log-path DIR --backup-dir DIR]", Help: "print what the bot's account may do on the hosts of a cluster", least: 1, most: 1, run: sudoers,
			Options: []syntax.Option{{Name: "log-path", Value: "DIR", Help: "-native_log_file_path, where hosts cannot be asked yet"}, {Name: "backup-dir", Value: "DIR", Help: "-backup_dir, the same"}},
		},
		{
			Name: "completion", Usage: "bash|zsh|fish", Help: "print the script that makes a shell complete these commands", least: 1, most: 1, run: completion, words: []string{"bash", "zsh", "fish"},
		},
		{Name: "man", Help: "print the manual page", run: man},
	}
	for i := range list {
		list[i].Group = ofProgram
	}
	for _, c := range handlers.Table() {
		r := row{Name: c.Name, Usage: c.Usage, Help: c.Help, Group: onClusters, Options: c.Options, least: c.Args[0], most: c.Args[1], run: request}
		switch c.Name {
		case "help":
			r.run = help
		case "version":
			r.run = showVersion
		case "policy":
			r.words = []string{"explain"}
		case "audit":
			r.run, r.words = audit, []string{"verify"}
			r.Options = append(slices.Clone(r.Options), syntax.Option{Name: "against", Value: "FILE", Help: "a copy of the audit that was kept elsewhere"})
		}
		list = append(list, r)
	}
	for _, c := range files.Commands {
		list = append(list, row{Name: c.Name, Usage: c.Usage, Help: strings.ReplaceAll(c.Help, "\n", " "), Group: onFiles, Options: c.Options, most: -1, run: file})
	}
	for i := range list {
		shown, purpose := handlers.ShownOf(list[i].Name)
		list[i].Purpose = purpose
		for _, e := range shown.Examples {
			list[i].Example = strings.TrimPrefix(list[i].Example+"\naurorabot "+e, "\n")
		}
	}
	return list
}

// file does a command on files at hand.
func file(ctx context.Context, in *input) int {
	words := in.request()
	if in.json {
		words = slices.Insert(words, 2, "--json")
		in.wide = 0
	}
	out := &cli.Folded{W: in.Out, Width: in.wide}
	exit, _ := files.Run(ctx, words, files.Std{In: in.In, Out: out, Err: in.Err, Now: in.Now})
	if err := out.Close(); err != nil && exit == handlers.ExitDone {
		return in.fail(err)
	}
	return exit
}
