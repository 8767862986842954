package app

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/syntax"
)

// completion is `completion SHELL`.
func completion(_ context.Context, in *input) int {
	var err error
	switch root := in.line.root; in.args[0] {
	case "bash":
		err = root.GenBashCompletionV2(in.Out, true)
	case "zsh":
		err = root.GenZshCompletion(in.Out)
	case "fish":
		err = root.GenFishCompletion(in.Out, true)
	default:
		return in.misused("completion: wants one of "+strings.Join(in.words, ", "), in.Example)
	}
	if err != nil {
		return in.fail(err)
	}
	return handlers.ExitDone
}

// means is what the argument behind so many others names, by the usage: "RUN",
// "FILE"; "" if nothing stands there.
func (r row) means(before int) string {
	for word := range strings.FieldsSeq(r.Usage) {
		name := strings.Trim(word, "[].")
		if strings.HasPrefix(name, "-") {
			return ""
		}
		if before == 0 || strings.Contains(word, "...") {
			return name
		}
		before--
	}
	return ""
}

// complete proposes what an argument may be.
func (l *line) complete(c *cobra.Command, r row, args []string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 && r.words != nil {
		return r.words, cobra.ShellCompDirectiveNoFileComp
	}
	if r.Name == "help" {
		return helpWords(), cobra.ShellCompDirectiveNoFileComp
	}
	return l.named(c, r.means(len(args)), args)
}

// completes makes an option's value be completed.
func (l *line) completes(c *cobra.Command, o syntax.Option) {
	if o.Value == "" {
		return
	}
	err := c.RegisterFlagCompletionFunc(o.Name, func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if values := strings.Split(o.Value, "|"); len(values) > 1 {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
		return l.named(c, o.Value, args)
	})
	if err != nil {
		panic(err) // The option stands in the table twice.
	}
}

// named proposes what is called so.
func (l *line) named(c *cobra.Command, what string, args []string) ([]string, cobra.ShellCompDirective) {
	switch what {
	case "FILE", "OLD", "NEW":
		return nil, cobra.ShellCompDirectiveDefault
	case "DIR":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case handlers.NamesOfClusters, handlers.NamesOfRuns, handlers.NamesOfBackups, handlers.NamesOfHosts:
		return l.known(c, what, first(args)), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// patience is how long whoever presses the tabulator waits.
const patience = time.Second

// known asks the bot that serves for names that it knows already. Without one
// there are those of the configuration. Nothing is proposed that a terminal or a
// shell could take for more than a name.
func (l *line) known(c *cobra.Command, what, cluster string) []string {
	socket, err := socketOf(l.config(c), l.World)
	if err != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(c.Context(), patience)
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		cfg, err := load(l.config(c), l.World)
		if err != nil {
			return nil
		}
		return written(cfg, what)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	names, err := cli.Names(conn, what, cluster)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "_activeHelp_") || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	})
}

// written are the names that a configuration has of clusters and of their hosts,
// and the runs of these clusters, by the names of their journals.
func written(cfg *config.Config, what string) []string {
	var names []string
	for _, k := range cfg.Clusters {
		switch what {
		case handlers.NamesOfClusters:
			names = append(names, k.Name)
		case handlers.NamesOfHosts:
			for i := range k.Schedulers {
				names = append(names, k.Schedulers[i].Name)
			}
		case handlers.NamesOfRuns:
			files, err := os.ReadDir(filepath.Join(cfg.StateDir, "runs"))
			if err != nil {
				return nil
			}
			for _, f := range files {
				if run, ok := strings.CutSuffix(f.Name(), ".jsonl"); ok && strings.HasPrefix(run, k.Name+"-") {
					names = append(names, run)
				}
			}
		}
	}
	return names
}
