package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/files"
	"aurorabot/handlers/view"
)

func load(file string, w World) (*config.Config, error) {
	if file == "" {
		return nil, errNoConfig
	}
	return config.Load(file, w.Env)
}

// command does one command of the table: by the bot that serves, where one
// does, else within this process.
func command(ctx context.Context, words []string, file string, w World) int {
	if r, ok := handlers.CheckWords(slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "--json" })); !ok {
		fmt.Fprint(w.Err, cli.ErrorText(r.Message))
		return r.Exit
	}
	cfg, err := load(file, w)
	if err != nil {
		return w.fail(err)
	}
	std := cli.Std{Out: w.Out, Err: w.Err}
	if conn, err := net.DialTimeout("unix", filepath.Join(cfg.StateDir, "aurorabot.sock"), 2*time.Second); err == nil {
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		return interrupted(ctx, cli.Ask(conn, words, std))
	}
	a, err := wire(cfg, w)
	if err != nil {
		return w.fail(err)
	}
	defer a.close()
	if err := a.service.Recover(); err != nil {
		return w.fail(err)
	}
	if cfg.Slack.BotToken != "" && cfg.Slack.AppToken != "" {
		if _, err := a.slack(); err != nil {
			return w.fail(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		return w.fail(fmt.Errorf("who asks: %w", err))
	}
	here, there := net.Pipe()
	defer here.Close()
	s := &cli.Server{Service: a.service, Who: a.osUser, Now: w.Now, Log: a.log}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer there.Close()
		if err := s.Answer(ctx, there, me.Username); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "command", "err", err)
		}
	}()
	exit := cli.Ask(here, words, std)
	here.Close()
	<-done
	return interrupted(ctx, exit)
}

func interrupted(ctx context.Context, exit int) int {
	if ctx.Err() != nil {
		return 130
	}
	return exit
}

// configCommand is `config check FILE [--live]`, `config example` and `config
// discover HOST`.
func configCommand(ctx context.Context, words []string, w World) int {
	asJSON := slices.Contains(words, "--json")
	live := slices.Contains(words, "--live")
	words = slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "--json" || s == "--live" })
	switch {
	case len(words) == 1 && words[0] == "example" && !live:
		if _, err := w.Out.Write(config.Example); err != nil {
			return w.fail(err)
		}
		return handlers.ExitDone
	case len(words) == 2 && words[0] == "check" && live:
		return checkLive(ctx, words[1], asJSON, w)
	case len(words) == 2 && words[0] == "check":
		return checkFile(words[1], asJSON, w)
	case len(words) > 1 && words[0] == "discover" && !live:
		return discover(ctx, words[1:], asJSON, w)
	}
	fmt.Fprintln(w.Err, "aurorabot: config: wants check FILE [--live], example, or discover HOST\nhint: aurorabot config example > aurorabot.yaml")
	return handlers.ExitUsage
}

// checkFile reads a configuration as every command does, and says what it holds.
func checkFile(file string, asJSON bool, w World) int {
	cfg, err := config.Load(file, w.Env)
	if err != nil {
		return w.fail(err)
	}
	if asJSON {
		names := make([]string, 0, len(cfg.Clusters))
		for _, k := range cfg.Clusters {
			names = append(names, k.Name)
		}
		if err := json.NewEncoder(w.Out).Encode(map[string]any{"file": file, "clusters": names, "policy": cfg.PolicyDigest}); err != nil {
			return w.fail(err)
		}
		return handlers.ExitDone
	}
	fmt.Fprintf(w.Out, "%s: %d clusters, policy %.12s\n", file, len(cfg.Clusters), cfg.PolicyDigest)
	return handlers.ExitDone
}

// help shows the commands of the table and those of files at hand.
func help(words []string, w World) int {
	asJSON := slices.Contains(words, "--json")
	words = slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "--json" })
	r := handlers.HelpFor(words, findings()...)
	if asJSON {
		if err := json.NewEncoder(w.Out).Encode(r.Data); err != nil {
			return w.fail(err)
		}
		return r.Exit
	}
	fmt.Fprint(w.Out, view.Text(r.Message))
	if len(words) == 0 {
		fmt.Fprintln(w.Out, "\nOn files at hand:")
		for _, c := range files.Commands {
			fmt.Fprintf(w.Out, "  %s %s\n", c.Name, c.Usage)
		}
		fmt.Fprintln(w.Out, "\nOf this program itself:")
		for _, c := range Own {
			fmt.Fprintf(w.Out, "  %s\n", strings.TrimSpace(c.Name+" "+c.Usage))
		}
		fmt.Fprintln(w.Out, "\nAll take --json and --config FILE.")
	}
	return r.Exit
}
