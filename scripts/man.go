//go:build ignore

// Command man makes the manual from what `aurorabot man --json` prints: one page
// of everything on standard output, or with the name of a folder a page for every
// command there. It is run with the tools' own go.mod (.ci/tools.mod), so that the
// bot does not depend on what writes pages.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

type option struct{ Name, Value, Help string }

type page struct {
	Version  string
	Commands []struct {
		Name, Usage, Help, Group, Example string
		Options                           []option
	}
	Options []option
	Exits   []struct {
		Status int
		Means  string
	} `json:"exit_statuses"`
}

func main() {
	var p page
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		log.Fatal(err)
	}
	header := &doc.GenManHeader{Title: "AURORABOT", Section: "1", Source: "aurorabot", Manual: "User Commands"}
	if len(os.Args) > 1 {
		if err := doc.GenManTree(p.root(), header, os.Args[1]); err != nil {
			log.Fatal(err)
		}
		return
	}
	var b bytes.Buffer
	whole := &cobra.Command{Use: "aurorabot [--config FILE] COMMAND [ARGUMENT...]", Short: short, Long: p.long(), Run: nothing, Example: examples, DisableAutoGenTag: true, DisableFlagsInUseLine: true}
	add(whole, p.Options)
	if err := doc.GenMan(whole, header, &b); err != nil {
		log.Fatal(err)
	}
	// The page is kept with the program: the day on which it was made says nothing.
	text := regexp.MustCompile(`(?m)^\.TH .*$`).ReplaceAllString(b.String(), `.TH AURORABOT 1 "" "aurorabot" "User Commands"`)
	fmt.Println(strings.TrimSpace(text))
}

const (
	short    = "restore a backup of an Apache Aurora scheduler, from Slack or the command line"
	examples = "aurorabot config example > aurorabot.yaml\naurorabot config check aurorabot.yaml\naurorabot report --nagios\naurorabot backup verify scheduler-backup-2026-11-23-08-36"
)

func nothing(*cobra.Command, []string) {}

// root is the tree of all commands, for a page of each.
func (p page) root() *cobra.Command {
	root := &cobra.Command{Use: "aurorabot", Short: short, Long: p.long(), DisableAutoGenTag: true}
	for _, o := range p.Options {
		add(root, []option{o})
	}
	for _, c := range p.Commands {
		parent, name := root, c.Name
		if first, second, two := strings.Cut(c.Name, " "); two {
			parent, name = nil, second
			for _, sub := range root.Commands() {
				if sub.Name() == first {
					parent = sub
				}
			}
			if parent == nil {
				parent = &cobra.Command{Use: first, Short: "commands of " + first, DisableAutoGenTag: true}
				root.AddCommand(parent)
			}
		}
		help, _, _ := strings.Cut(c.Help, "\n")
		sub := &cobra.Command{Use: strings.TrimSpace(name + " " + c.Usage), Short: help, Long: c.Help, Example: c.Example, Run: nothing, DisableAutoGenTag: true, DisableFlagsInUseLine: true}
		add(sub, c.Options)
		parent.AddCommand(sub)
	}
	return root
}

func add(c *cobra.Command, options []option) {
	for _, o := range options {
		short := ""
		if len(o.Name) == 1 {
			short = o.Name
		}
		if o.Value == "" {
			c.Flags().BoolP(o.Name, short, false, o.Help)
		} else {
			c.Flags().StringP(o.Name, short, "", o.Help+" ("+o.Value+")")
		}
	}
}

// long is the text of the page of everything, in Markdown.
func (p page) long() string {
	var b strings.Builder
	b.WriteString(`A bot that walks the recovery of Apache Aurora's replicated log: plan, approvals, every step on every host, and the way back. The same words work in Slack, after **/aurora**, wherever they make sense there.

Where **aurorabot serve** runs, the command line talks to it through the socket in its state folder; else a command does its work by itself.

# COMMANDS
`)
	for _, c := range p.Commands {
		fmt.Fprintf(&b, "\n**%s** %s\n: %s\n", c.Name, literal(c.Usage), strings.ReplaceAll(literal(c.Help), "\n", " "))
		for _, o := range c.Options {
			name := "--" + o.Name
			if len(o.Name) == 1 {
				name = "-" + o.Name
			}
			fmt.Fprintf(&b, "\n    %s: %s\n", strings.TrimSpace(name+" "+o.Value), o.Help)
		}
	}
	b.WriteString("\n# EXIT STATUS\nTreat one that is not listed as a failure.\n")
	for _, e := range p.Exits {
		fmt.Fprintf(&b, "\n**%d**\n: %s\n", e.Status, e.Means)
	}
	b.WriteString(`
# ENVIRONMENT

**AURORABOT_CONFIG**
: The configuration, where **--config** is not given.

**XDG_CONFIG_HOME**
: Where the configuration is looked for when nobody names one; ~/.config if it is empty.

**COLUMNS**
: How wide the output is made; else as wide as the terminal. What goes into a pipe or a file has a row of a table on a line, however long, unless this is set. Nothing is coloured, so that **NO_COLOR** changes nothing.

**SLACK_BOT_TOKEN**, **SLACK_APP_TOKEN**
: Slack's tokens; the configuration may name files instead.

# FILES

**$XDG_CONFIG_HOME/aurorabot.yaml**, **/etc/aurorabot.yaml**, **/etc/aurorabot/aurorabot.yaml**
: The configuration, where neither **--config** nor **AURORABOT_CONFIG** names one: the first that is there.

**state_dir**
: Of the configuration: journals, the lock, the socket. One process owns it.
`)
	return b.String()
}

// literal is text that means nothing to Markdown.
func literal(s string) string { return regexp.MustCompile(`[\[\]_*|<>]`).ReplaceAllString(s, `\$0`) }
