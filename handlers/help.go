package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"aurorabot/handlers/view"
)

// A Group is commands that somebody looks for with one purpose. Its commands are
// of all tables, in the order in which help lists them.
type Group struct {
	Name     string // What `help` takes: "look".
	Title    string
	Commands []Shown
}

// A Shown is a command and how it is typed, behind the program's name or Slack's
// slash command.
type Shown struct {
	Name     string   // Its words: "config check".
	Examples []string // At least one.
}

// Groups are all commands there are, by purpose: those of [Table], and those that
// the command line has alone.
var Groups = []Group{
	{"look", "Look at how things are", []Shown{
		{"status", []string{"status", "status west --severity critical"}},
		{"assess", []string{"assess west"}},
		{"doctor", []string{"doctor west"}},
		{"history", []string{"history west"}},
		{"tasks", []string{"tasks west --lost"}},
		{"export", []string{"export west-20261123T0840Z -o incident"}},
		{"audit", []string{"audit verify", "audit verify west-20261123T0840Z"}},
	}},
	{"recover", "Recover a cluster, and take it back", []Shown{
		{"plan", []string{"plan west scheduler-backup-2026-11-23-08-36"}},
		{"recover", []string{
			`recover west scheduler-backup-2026-11-23-08-36 --reason "disks died"`,
			"recover west scheduler-backup-2026-11-23-08-36 --dry-run",
		}},
		{"drop", []string{"drop west www-prod-hello-0-6e2a8d4c-7d0e-4a3f-9f0b-1f2d3c4b5a69"}},
		{"salvage", []string{"salvage west --typed west --digest 8f4c2a1b"}},
		{"resume", []string{"resume west", `resume west --without s2 --reason "the disk of s2 is gone"`}},
		{"undo", []string{"undo west"}},
		{"settle", []string{"settle s2"}},
		{"drill", []string{"drill west"}},
		{"clean", []string{"clean west-20261123T0840Z"}},
	}},
	{"decide", "Decide at a gate", []Shown{
		{"approve", []string{"approve west", "approve west --typed west --digest 8f4c2a1b"}},
		{"deny", []string{`deny west --reason "this is the wrong backup"`}},
		{"abort", []string{`abort west --reason "the schedulers came back"`}},
	}},
	{"backups", "Know whether backups are good", []Shown{
		{"report", []string{"report", "report west --nagios"}},
		{"backups", []string{"backups west"}},
		{"acknowledge", []string{`acknowledge west --reason "the new disk comes on Monday"`}},
	}},
	{"files", "Look into files at hand", []Shown{
		{"backup inspect", []string{"backup inspect scheduler-backup-2026-11-23-08-36"}},
		{"backup verify", []string{"backup verify scheduler-backup-2026-11-23-08-36"}},
		{"backup diff", []string{"backup diff scheduler-backup-2026-11-23-08-36 salvaged-backup"}},
		{"log inspect", []string{"log inspect s1/db s2/db s3/db"}},
		{"log entries", []string{"log entries s1/db"}},
		{"log scan", []string{"log scan --rotated scheduler.log", "log scan --unit aurora-scheduler --since $(date -d -1hour +%s)"}},
		{"log salvage", []string{"log salvage s1/db s2/db -o scheduler-backup-2026-11-23-08-40"}},
	}},
	{"set-up", "Set the bot up", []Shown{
		{"config example", []string{"config example > aurorabot.yaml"}},
		{"config discover", []string{"config discover s1.example.com --key ~/.ssh/id_ed25519"}},
		{"config check", []string{"config check aurorabot.yaml", "config check aurorabot.yaml --live"}},
		{"sudoers", []string{"sudoers west", "sudoers west --log-path /aurora/db --backup-dir /aurora/backups"}},
		{"slack manifest", []string{"slack manifest > manifest.json"}},
		{"serve", []string{"serve --config /etc/aurorabot.yaml"}},
		{"health", []string{"health"}},
		{"policy", []string{"policy explain", "policy explain U0000ANN --channel C0000OPS01"}},
		{"completion", []string{"completion bash > /usr/share/bash-completion/completions/aurorabot"}},
		{"man", []string{"man > aurorabot.1"}},
		{"version", []string{"version"}},
		{"help", []string{"help recover", "help set-up", "help findings log-missing"}},
	}},
}

// GroupOf returns the group that is called so; nil if there is none.
func GroupOf(name string) *Group {
	if i := slices.IndexFunc(Groups, func(g Group) bool { return g.Name == name }); i >= 0 {
		return &Groups[i]
	}
	return nil
}

// ShownOf returns how a command is shown, and in which group: its zero values if
// none has it.
func ShownOf(name string) (Shown, string) {
	for _, g := range Groups {
		for _, c := range g.Commands {
			if c.Name == name {
				return c, g.Name
			}
		}
	}
	return Shown{}, ""
}

// helpOf is a command of the table as help shows it.
func helpOf(c *Command) view.CommandHelp {
	shown, group := ShownOf(c.Name)
	return view.CommandHelp{Name: c.Name, Usage: strings.TrimSpace(c.Name + " " + c.Usage), About: c.Help, Group: group, Examples: shown.Examples}
}

// of are the commands of a group that a table has.
func (g *Group) of(table []Command) []view.CommandHelp {
	var list []view.CommandHelp
	for _, shown := range g.Commands {
		if i := slices.IndexFunc(table, func(c Command) bool { return c.Name == shown.Name }); i >= 0 {
			list = append(list, helpOf(&table[i]))
		}
	}
	return list
}

// doHelp is `help`: the commands by purpose, those of one purpose, one command, or
// the findings. A word may name a group and a command: both are told.
func (s *Service) doHelp(_ context.Context, c call) Response {
	switch {
	case len(c.args) == 0:
		return helpAll()
	case c.args[0] == "findings" && len(c.args) == 1:
		return helpFindings(s.Findings, "")
	case c.args[0] == "findings":
		return helpFindings(s.Findings, c.args[1])
	case len(c.args) == 2:
		return Response{Message: view.Error("help: takes one command or group, or `findings` and a finding", ""), Exit: ExitUsage, Private: true}
	}
	return helpOn(c.args[0])
}

// helpAll is all commands: their names for people, all there is for programs.
func helpAll() Response {
	table := Table()
	var groups []view.GroupHelp
	var all []view.CommandHelp
	for i := range Groups {
		if list := Groups[i].of(table); len(list) > 0 {
			groups = append(groups, view.GroupHelp{Name: Groups[i].Name, Title: Groups[i].Title, Commands: list})
			all = append(all, list...)
		}
	}
	return Response{Message: view.Help(groups), Data: all, Private: true}
}

// helpOn is one command, one group, or both.
func helpOn(word string) Response {
	table := Table()
	var m view.Message
	var data []view.CommandHelp
	if i := slices.IndexFunc(table, func(c Command) bool { return c.Name == word }); i >= 0 {
		one := helpOf(&table[i])
		for _, o := range table[i].Options {
			one.Options = append(one.Options, o.String()+": "+o.Help)
		}
		m, data = view.HelpOfCommand(one), append(data, one)
	}
	if g := GroupOf(word); g != nil {
		list := g.of(table)
		group := view.HelpOfGroup(view.GroupHelp{Name: g.Name, Title: g.Title, Commands: list})
		if len(data) > 0 {
			m.Tables, m.Foot = group.Tables, group.Foot
		} else if m, data = group, list; len(list) == 0 {
			m.Foot = "These commands are on the command line alone: `aurorabot help " + g.Name + "`."
		}
	}
	if m.Head == "" {
		known := names(table)
		for _, g := range Groups {
			known = append(known, g.Name)
		}
		return Response{Message: view.Error(fmt.Sprintf("there is no command %.40q", word), Suggest(word, known)), Exit: ExitUsage, Private: true}
	}
	return Response{Message: m, Data: data, Private: true}
}

// HelpFor is the help of all commands, of one or some, or of the findings.
func HelpFor(words []string, findings ...FindingHelp) Response {
	return (&Service{Findings: findings}).doHelp(context.Background(), call{args: words})
}
