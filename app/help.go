package app

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aurorabot/handlers"
	"aurorabot/handlers/syntax"
	"aurorabot/handlers/view"
)

// help is `help`: all commands, those of one purpose, one, or the findings.
func help(_ context.Context, in *input) int {
	l := in.line
	if first(in.args) == "findings" {
		r := handlers.HelpFor(in.args, findings()...)
		switch {
		case r.Exit != handlers.ExitDone:
			return in.misused(r.Message.Head, strings.TrimPrefix(strings.Join(r.Message.Lines, " "), "hint: "))
		case in.json:
			return in.document(r.Data)
		}
		fmt.Fprint(in.Out, view.TextWithin(r.Message, in.wide))
		return r.Exit
	}
	c, rest, err := l.root.Find(in.args)
	found := err == nil && c != l.root && len(rest) == 0
	group := (*handlers.Group)(nil)
	if len(in.args) == 1 {
		group = handlers.GroupOf(in.args[0])
	}
	switch {
	case len(in.args) > 0 && !found && group == nil:
		return in.misused(fmt.Sprintf("there is no command %.40q", strings.Join(in.args, " ")), handlers.Suggest(in.args[0], helpWords()))
	case in.json:
		return in.document(l.told(c, found, group))
	case len(in.args) == 0:
		l.page(l.root)
	case !found:
		l.group(group)
	default:
		l.page(c)
		if group != nil {
			l.say("")
			l.group(group)
		}
	}
	return handlers.ExitDone
}

// helpWords are what `help` takes.
func helpWords() []string {
	list := append(firstWords(), "findings")
	for _, g := range handlers.Groups {
		if !slices.Contains(list, g.Name) {
			list = append(list, g.Name)
		}
	}
	return list
}

// told is what `help` shows, for programs: one command with its options or those
// below a word (one), else those of a group, else all.
func (l *line) told(c *cobra.Command, one bool, group *handlers.Group) []view.CommandHelp {
	list := []view.CommandHelp{}
	for _, r := range rows() {
		shown := true
		switch mine, leaf := l.rows[c]; {
		case one && leaf:
			shown = r.Name == mine.Name
		case one:
			shown = strings.HasPrefix(r.Name, c.Name()+" ")
		case group != nil:
			shown = r.Purpose == group.Name
		}
		if !shown {
			continue
		}
		h := view.CommandHelp{Name: r.Name, Usage: strings.TrimSpace(r.Name + " " + r.Usage), About: r.Help, Group: r.Purpose, Examples: strings.Split(r.Example, "\n")}
		for _, o := range r.Options {
			if one {
				h.Options = append(h.Options, o.String()+": "+o.Help)
			}
		}
		list = append(list, h)
	}
	return list
}

// unknownWidth is how wide a page of help is where nobody knows how wide the
// terminal is.
const unknownWidth = 80

// say prints one line of a page.
func (l *line) say(format string, args ...any) {
	fmt.Fprintln(l.Out, view.Fold(fmt.Sprintf(format, args...), cmp.Or(l.wide, unknownWidth)))
}

// usage prints how something is typed.
func (l *line) usage(text string) {
	const before = "usage: aurorabot "
	fmt.Fprintln(l.Out, view.FoldBelow(before+text, cmp.Or(l.wide, unknownWidth), len(before)))
}

// page shows how a command is used.
func (l *line) page(c *cobra.Command) {
	r, one := l.rows[c]
	switch {
	case c == l.root:
		l.usage("COMMAND [ARGUMENT...] [OPTION...]")
		l.say("\nThe recovery of Apache Aurora's replicated log from a backup, with the consent of two people. The same words work in Slack where they make sense there.\n")
		for i := range handlers.Groups {
			l.group(&handlers.Groups[i])
			l.say("")
		}
		l.say("`aurorabot help COMMAND` shows options and examples, `aurorabot help findings` what can be found. All take --json, --config FILE and --help.")
		return
	case !one:
		l.usage(c.Name() + " COMMAND")
		l.say("")
		l.list(func(r row) bool { return strings.HasPrefix(r.Name, c.Name()+" ") })
		l.say("\n`aurorabot help %s COMMAND` shows options and examples.", c.Name())
		return
	}
	l.usage(strings.TrimSpace(r.Name + " " + r.Usage))
	l.say("\n%s\n\nOptions:", r.Help)
	options, wide := slices.Concat(r.Options, everywhere, []syntax.Option{{Name: "help", Help: "show this; -h too"}}), 0
	for _, o := range options {
		wide = max(wide, len(o.String()))
	}
	for _, o := range options {
		l.say("  %-*s  %s", wide, o, o.Help)
	}
	l.say("\nExamples:")
	fmt.Fprintf(l.Out, "  %s\n", strings.ReplaceAll(r.Example, "\n", "\n  ")) // Not folded: they are copied.
}

// group lists the commands of a group, each with what it does.
func (l *line) group(g *handlers.Group) {
	l.say("%s (help %s):", g.Title, g.Name)
	var order []string
	for _, c := range g.Commands {
		order = append(order, c.Name)
	}
	l.list(func(r row) bool { return slices.Contains(order, r.Name) }, order...)
}

// list prints the commands of which something is true, each with what it does; in
// the order of the names, if there are any.
func (l *line) list(of func(row) bool, order ...string) {
	var list []row
	wide := 0
	for _, r := range rows() {
		if of(r) {
			list, wide = append(list, r), max(wide, len(r.Name))
		}
	}
	slices.SortStableFunc(list, func(a, b row) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	for _, r := range list {
		what, _, _ := strings.Cut(r.Help, ". ") // Its page has the rest.
		l.say("  %-*s  %s", wide, r.Name, strings.TrimSuffix(what, "."))
	}
}

// manual is the manual page, made by scripts/man.go of what `man --json` prints.
//
//go:embed aurorabot.1
var manual string

// A manualPage holds the tables, for whoever makes documents of them.
type manualPage struct {
	Version  string          `json:"version"`
	Commands []row           `json:"commands"`
	Options  []syntax.Option `json:"options"` // Of every command.
	Exits    []manualExit    `json:"exit_statuses"`
}

type manualExit struct {
	Status int    `json:"status"`
	Means  string `json:"means"`
}

// man is `man`.
func man(_ context.Context, in *input) int {
	if !in.json {
		fmt.Fprint(in.Out, manual)
		return handlers.ExitDone
	}
	p := manualPage{Version: version(), Commands: rows(), Options: everywhere}
	for _, status := range slices.Sorted(maps.Keys(handlers.Exits)) {
		p.Exits = append(p.Exits, manualExit{status, handlers.Exits[status]})
	}
	return in.document(p)
}
