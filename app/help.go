package app

import (
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

// help is `help`: all commands, one, or the findings.
func help(_ context.Context, in *input) int {
	if len(in.args) > 0 && in.args[0] != "findings" && !in.json {
		if c, rest, err := in.line.root.Find(in.args); err == nil && c != in.line.root && len(rest) == 0 {
			in.line.page(c)
			return handlers.ExitDone
		}
	}
	if len(in.args) == 0 && !in.json {
		in.line.page(in.line.root)
		return handlers.ExitDone
	}
	r := handlers.HelpFor(in.args, findings()...)
	switch {
	case r.Exit != handlers.ExitDone:
		return in.misused(r.Message.Head, strings.TrimPrefix(strings.Join(r.Message.Lines, " "), "hint: "))
	case in.json:
		return in.document(r.Data)
	}
	fmt.Fprint(in.Out, view.Text(r.Message))
	return r.Exit
}

// page shows how a command is used.
func (l *line) page(c *cobra.Command) {
	r, one := l.rows[c]
	switch {
	case c == l.root:
		fmt.Fprint(l.Out, view.Text(handlers.HelpFor(nil, findings()...).Message))
		for _, group := range []string{onFiles, ofProgram} {
			fmt.Fprintf(l.Out, "\n%s\n", titles[group])
			l.list(func(r row) bool { return r.Group == group })
		}
		fmt.Fprintln(l.Out, "\nAll take --json, --config FILE and --help.")
		return
	case !one:
		fmt.Fprintf(l.Out, "usage: aurorabot %s COMMAND\n\n", c.Name())
		l.list(func(r row) bool { return strings.HasPrefix(r.Name, c.Name()+" ") })
		return
	}
	fmt.Fprintf(l.Out, "usage: aurorabot %s\n\n%s\n\nOptions:\n", strings.TrimSpace(r.Name+" "+r.Usage), r.Help)
	for _, o := range slices.Concat(r.Options, everywhere) {
		fmt.Fprintf(l.Out, "  %-34s %s\n", o, o.Help)
	}
	if r.Example != "" {
		fmt.Fprintf(l.Out, "\nExamples:\n  %s\n", strings.ReplaceAll(r.Example, "\n", "\n  "))
	}
}

func (l *line) list(of func(row) bool) {
	for _, r := range rows() {
		if of(r) {
			fmt.Fprintf(l.Out, "  %s\n", strings.TrimSpace(r.Name+" "+r.Usage))
		}
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
