package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/syntax"
	"aurorabot/handlers/view"
)

// A line is the command line: a cobra command for every row.
type line struct {
	World
	root *cobra.Command
	rows map[*cobra.Command]row
	exit int
}

// An errUsage is a command line that makes no sense.
type errUsage struct{ why, hint string }

func (e *errUsage) Error() string { return e.why }

// lineOf builds the command line. Whoever only completes words may give an option
// twice: cobra reads them twice then.
func lineOf(w World, completes bool) *line {
	l := &line{World: w, rows: map[*cobra.Command]row{}}
	l.root = &cobra.Command{
		Use: "aurorabot", Short: "restore a backup of an Apache Aurora scheduler, from Slack or the command line",
		SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				why, hint := l.unknown(args[0])
				return &errUsage{why, hint}
			case c.Flags().Changed("version"): // Cobra's own flag needs a template, and those make the program larger by a quarter.
				l.exit = showVersion(c.Context(), &input{World: w, json: c.Flags().Changed("json")})
			default:
				l.page(l.root)
			}
			return nil
		},
	}
	l.root.SetIn(w.In)
	l.root.SetOut(w.Out)
	l.root.SetErr(w.Err)
	l.root.SetHelpFunc(func(c *cobra.Command, words []string) {
		if i := slices.IndexFunc(words, func(w string) bool { return !strings.HasPrefix(w, "-") }); c == l.root && i == 0 {
			l.exit = l.misused(l.unknown(words[0]))
			return
		}
		l.page(c)
	})
	l.root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return l.badOption(c, syntax.Explain(err)) })
	for _, id := range []string{onClusters, onFiles, ofProgram} {
		l.root.AddGroup(&cobra.Group{ID: id, Title: id})
	}
	l.root.Flags().AddFlagSet(syntax.FlagSet([]syntax.Option{{Name: "version", Help: "as the command version"}}))
	l.root.PersistentFlags().AddFlagSet(syntax.FlagSet(everywhere))
	for _, r := range rows() {
		l.add(r)
	}
	if completes {
		syntax.Lax(l.root.PersistentFlags())
		for c := range l.rows {
			syntax.Lax(c.Flags())
		}
	}
	return l
}

// unknown is what is said of a word that is no command.
func (l *line) unknown(word string) (why, hint string) {
	return fmt.Sprintf("there is no command %.40q", word), handlers.Suggest(word, firstWords())
}

// add adds the command of a row, below that of its first word if it has two.
func (l *line) add(r row) {
	parent, name := l.root, r.Name
	if first, second, two := strings.Cut(r.Name, " "); two {
		parent, name = l.parent(first, r.Group), second
	}
	c := &cobra.Command{
		Use: strings.TrimSpace(name + " " + r.Usage), Short: strings.ReplaceAll(r.Help, "\n", " "), Example: r.Example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < r.least || r.most >= 0 && len(args) > r.most {
				return &errUsage{r.Name + ": " + syntax.Counted(len(args)), r.hint()}
			}
			return nil
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return l.complete(c, r, args)
		},
	}
	l.act(c, r)
	if parent == l.root {
		c.GroupID = r.Group
	}
	c.Flags().AddFlagSet(syntax.FlagSet(r.Options))
	for _, o := range r.Options {
		l.completes(c, o)
	}
	l.rows[c] = r
	if r.Name == "help" {
		l.root.SetHelpCommand(c)
		return
	}
	parent.AddCommand(c)
}

// act has the command do what its row does.
func (l *line) act(c *cobra.Command, r row) {
	c.RunE = func(c *cobra.Command, args []string) error {
		given := syntax.Given(c.Flags())
		_, asJSON := given["json"]
		l.exit = r.run(c.Context(), &input{World: l.World, row: r, args: args, given: given, json: asJSON, config: l.config(c), line: l})
		return nil
	}
}

// parent is the command that only leads to others.
func (l *line) parent(name, group string) *cobra.Command {
	for _, c := range l.root.Commands() {
		if c.Name() == name {
			return c
		}
	}
	c := &cobra.Command{Use: name, GroupID: group, Args: cobra.ArbitraryArgs}
	c.RunE = func(_ *cobra.Command, args []string) error {
		var names []string
		for _, sub := range c.Commands() {
			names = append(names, "`"+name+" "+sub.Name()+"`")
		}
		why := name + ": what is to be done is missing"
		if len(args) > 0 {
			why = fmt.Sprintf("%s: there is no command `%s %.40s`", name, name, args[0])
		}
		return &errUsage{why, "type one of " + strings.Join(names, ", ")}
	}
	l.root.AddCommand(c)
	return c
}

func (r row) hint() string { return "type `" + strings.TrimSpace(r.Name+" "+r.Usage) + "`" }

// firstWords are the first words of all commands.
func firstWords() []string {
	var list []string
	for _, r := range rows() {
		if first, _, _ := strings.Cut(r.Name, " "); !slices.Contains(list, first) {
			list = append(list, first)
		}
	}
	return list
}

func (l *line) badOption(c *cobra.Command, err error) error {
	r, ok := l.rows[c]
	var unknown *syntax.UnknownError
	switch {
	case !ok:
		return &errUsage{err.Error(), "type `help` for the commands"}
	case r.Group == onFiles && errors.As(err, &unknown):
		err = fmt.Errorf("%w (a name that begins with a dash is written ./-%s)", err, strings.TrimLeft(unknown.Option, "-"))
	}
	return &errUsage{r.Name + ": " + err.Error(), r.hint()}
}

// config is the name of the configuration's file, "" if there is none.
func (l *line) config(c *cobra.Command) string {
	if f := c.Flags().Lookup("config"); f.Changed {
		return f.Value.String()
	}
	if file := l.Env("AURORABOT_CONFIG"); file != "" {
		return file
	}
	return config.Find(config.Usual(l.Env))
}

// does does what the words say, and returns the exit status.
func (l *line) does(ctx context.Context, words []string) int {
	if c, _, err := l.root.Find(words); err != nil || l.rows[c].Name != "report" || !forNagios(words) {
		return l.run(ctx, words)
	}
	var answer, errs bytes.Buffer
	w := l.World
	l.Out, l.Err, l.wide, l.errWide = &answer, io.MultiWriter(w.Err, &errs), 0, 0
	exit := l.run(ctx, words)
	if answer.Len() == 0 { // What went wrong stands on the error output, which Nagios does not read.
		why, _, _ := strings.Cut(strings.TrimPrefix(errs.String(), "aurorabot: "), "\n")
		fmt.Fprintln(&answer, view.NagiosError(why))
		exit = view.NagiosUnknown
	}
	if _, err := answer.WriteTo(w.Out); err != nil {
		return view.NagiosUnknown
	}
	return exit
}

// forNagios reports whether the words of a report ask for a line that Nagios reads,
// whether or not they make sense.
func forNagios(words []string) bool {
	if end := slices.Index(words, "--"); end >= 0 {
		words = words[:end]
	}
	return slices.Contains(words, "--nagios") || slices.Contains(words, "-nagios")
}

func (l *line) run(ctx context.Context, words []string) int {
	c, _, err := l.root.Find(words)
	if err == nil && !slices.Contains([]string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, first(words)) {
		c.InheritedFlags() // Gives the command's own set what it inherits.
		if words, err = syntax.Normal(c.Flags(), words); err != nil {
			err = l.badOption(c, err)
		}
	}
	if err == nil {
		l.root.SetArgs(words)
		err = l.root.ExecuteContext(ctx)
	}
	var usage *errUsage
	switch {
	case errors.As(err, &usage):
		return l.misused(usage.why, usage.hint)
	case err != nil:
		return l.misused(err.Error(), "type `help` for the commands")
	}
	return l.exit
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
