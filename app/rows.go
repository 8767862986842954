package app

import (
	"context"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/handlers/files"
	"aurorabot/handlers/syntax"
)

// A row is one command of the command line, from whichever table.
type row struct {
	name    string // Its words: "config check".
	usage   string
	help    string
	group   string
	example string   // Lines.
	words   []string // What its first argument may be, where that is one of few.
	options []syntax.Option
	least   int // Arguments, at least.
	most    int // At most; -1: no limit.
	run     func(context.Context, *input) int
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
	words := strings.Fields(in.name)
	dashed := slices.ContainsFunc(in.args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if !dashed {
		words = append(words, in.args...)
	}
	for _, o := range in.options {
		switch text, given := in.given[o.Name]; {
		case given && o.Value == "":
			words = append(words, "--"+o.Name)
		case given:
			words = append(words, "--"+o.Name+"="+text)
		}
	}
	if dashed {
		words = append(append(words, "--"), in.args...)
	}
	return words
}

// The groups of commands, as help shows them.
const (
	onClusters = "clusters"
	onFiles    = "files"
	ofProgram  = "program"
)

var titles = map[string]string{onClusters: "On clusters and runs:", onFiles: "On files at hand:", ofProgram: "Of this program itself:"}

// everywhere are the options of every command. Slack has none of them.
var everywhere = []syntax.Option{files.JSON, {Name: "config", Value: "FILE", Help: "the configuration; else AURORABOT_CONFIG names it"}}

// rows are all commands for people. Those of the program itself are no requests.
func rows() []row {
	list := []row{
		{name: "serve", help: "the bot: Socket Mode, reports by the clock, metrics and health address", run: serve},
		{name: "health", help: "ask the bot that serves whether it answers; for health checks", run: healthCommand},
		{
			name: "config check", usage: "FILE [--live]", help: "say everything that is wrong with a configuration", least: 1, most: 1, run: checkConfig,
			options: []syntax.Option{{Name: "live", Help: "ask Slack and every host, too; changes nothing"}},
		},
		{name: "config example", help: "print a configuration with every key, explained", run: exampleConfig, example: "aurorabot config example > aurorabot.yaml"},
		{
			name: "config discover", usage: "HOST[:PORT] [--user NAME] [--key FILE] [--known-hosts FILE]", help: "ask a host for what a configuration says of it", least: 1, most: 1, run: discover,
			options: []syntax.Option{
				{Name: "user", Value: "NAME", Help: "whom to log in as; you, if nobody is named"}, {Name: "key", Value: "FILE", Help: "the key to log in with; else the agent's"},
				{Name: "known-hosts", Value: "FILE", Help: "the keys of hosts; else ~/.ssh/known_hosts"},
			},
		},
		{
			name: "slack manifest", usage: "[--command COMMAND] [--explain]", help: "print the manifest that makes the app in Slack", run: slackManifest,
			options: []syntax.Option{{Name: "command", Value: "COMMAND", Help: "the slash command; /aurora, if none is given"}, {Name: "explain", Help: "say why it asks for what it asks for"}},
		},
		{
			name: "sudoers", usage: "CLUSTER [--log-path DIR --backup-dir DIR]", help: "print what the bot's account may do on the hosts of a cluster", least: 1, most: 1, run: sudoers,
			options: []syntax.Option{{Name: "log-path", Value: "DIR", Help: "-native_log_file_path, where hosts cannot be asked yet"}, {Name: "backup-dir", Value: "DIR", Help: "-backup_dir, the same"}},
		},
		{
			name: "completion", usage: "bash|zsh|fish", help: "print the script that makes a shell complete these commands", least: 1, most: 1, run: completion, words: []string{"bash", "zsh", "fish"},
			example: "aurorabot completion bash > /usr/share/bash-completion/completions/aurorabot",
		},
		{name: "man", help: "print the manual page", run: man, example: "aurorabot man > aurorabot.1; man ./aurorabot.1"},
	}
	for i := range list {
		list[i].group = ofProgram
	}
	for _, c := range handlers.Table() {
		r := row{name: c.Name, usage: c.Usage, help: c.Help, group: onClusters, options: c.Options, least: c.Args[0], most: c.Args[1], run: request, example: examples[c.Name]}
		switch c.Name {
		case "help":
			r.run = help
		case "version":
			r.run = showVersion
		case "policy":
			r.words = []string{"explain"}
		case "audit":
			r.run, r.words = audit, []string{"verify"}
			r.options = append(slices.Clone(r.options), syntax.Option{Name: "against", Value: "FILE", Help: "a copy of the audit that was kept elsewhere"})
		}
		list = append(list, r)
	}
	for _, c := range files.Commands {
		list = append(list, row{name: c.Name, usage: strings.TrimPrefix(c.Usage, "[--json] "), help: c.Help, group: onFiles, options: c.Options, most: -1, run: file, example: examples[c.Name]})
	}
	return list
}

var examples = map[string]string{
	"recover":        "aurorabot recover west scheduler-backup-2026-11-23-08-36 --reason \"disks of two schedulers died\"\naurorabot recover west scheduler-backup-2026-11-23-08-36 --dry-run",
	"approve":        "aurorabot approve west --typed west --digest 8f4c2a1b",
	"report":         "aurorabot report\naurorabot report west --nagios",
	"export":         "aurorabot export west-20261123T0840Z -o incident",
	"audit":          "aurorabot audit verify\naurorabot audit verify --against /mnt/copies/audit.jsonl",
	"backup inspect": "aurorabot backup inspect scheduler-backup-2026-11-23-08-36 --json",
	"log salvage":    "aurorabot log salvage /mnt/s1/db /mnt/s2/db -o scheduler-backup-2026-11-23-08-40",
	"log scan":       "aurorabot log scan --unit aurora-scheduler --since $(date -d -1hour +%s)",
}

// file does a command on files at hand.
func file(ctx context.Context, in *input) int {
	words := in.request()
	if in.json {
		words = slices.Insert(words, 2, "--json")
	}
	exit, _ := files.Run(ctx, words, files.Std{In: in.In, Out: in.Out, Err: in.Err, Now: in.Now})
	return exit
}
