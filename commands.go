package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/files"
	"aurorabot/handlers/view"
	"aurorabot/runner/recovery"
)

func load(file string, w world) (*config.Config, error) {
	if file == "" {
		return nil, errNoConfig
	}
	return config.Load(file, w.env)
}

// command does one command of the table: by the bot that serves, where one
// does, else within this process.
func command(ctx context.Context, words []string, file string, w world) int {
	if r, ok := handlers.CheckWords(slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "--json" })); !ok {
		fmt.Fprint(w.err, cli.ErrorText(r.Message))
		return r.Exit
	}
	cfg, err := load(file, w)
	if err != nil {
		return w.fail(err)
	}
	std := cli.Std{Out: w.out, Err: w.err}
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
	s := &cli.Server{Service: a.service, Who: a.osUser, Now: w.now, Log: a.log}
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

// configCommand is `config check FILE` and `config example`.
func configCommand(_ context.Context, words []string, w world) int {
	switch {
	case len(words) == 1 && words[0] == "example":
		if _, err := w.out.Write(config.Example); err != nil {
			return w.fail(err)
		}
		return handlers.ExitDone
	case len(words) == 2 && words[0] == "check":
		cfg, err := config.Load(words[1], w.env)
		if err != nil {
			return w.fail(err)
		}
		fmt.Fprintf(w.out, "%s: %d clusters, policy %.12s\n", words[1], len(cfg.Clusters), cfg.PolicyDigest)
		return handlers.ExitDone
	}
	if len(words) > 0 && words[0] == "discover" || slices.Contains(words, "--live") {
		fmt.Fprintln(w.err, "aurorabot: config "+words[0]+": asking hosts for it is not part of this build\nhint: aurorabot config example > aurorabot.yaml, then doctor CLUSTER")
		return handlers.ExitUsage
	}
	fmt.Fprintln(w.err, "aurorabot: config: wants check FILE or example\nhint: aurorabot config example > aurorabot.yaml")
	return handlers.ExitUsage
}

// help shows the commands of the table and those of files at hand.
func help(words []string, w world) int {
	asJSON := slices.Contains(words, "--json")
	words = slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "--json" })
	r := handlers.HelpFor(words, findings()...)
	if asJSON {
		if err := json.NewEncoder(w.out).Encode(r.Data); err != nil {
			return w.fail(err)
		}
		return r.Exit
	}
	fmt.Fprint(w.out, view.Text(r.Message))
	if len(words) == 0 {
		fmt.Fprintln(w.out, "\nOn files at hand:")
		for _, c := range files.Commands {
			fmt.Fprintf(w.out, "  %s %s\n", c.Name, c.Usage)
		}
		fmt.Fprintln(w.out, "\nAlso: serve, config check FILE, config example, version. All take --json and --config FILE.")
	}
	return r.Exit
}

// backupRows are the backups of all hosts, as they are shown.
func backupRows(ctx context.Context, r *recovery.Recovery, now time.Time) ([]view.BackupRow, error) {
	found, err := r.Backups(ctx)
	rows := make([]view.BackupRow, 0, len(found))
	for _, f := range found {
		row := view.BackupRow{
			Cluster: r.Cluster.Name, Host: f.Host, Name: filepath.Base(f.Path), Size: f.Report.Bytes, Tasks: f.Report.Tasks.Total,
			Valid: f.Report.Valid && len(f.Report.Warnings) == 0 && f.Odd == "", Why: f.Odd,
		}
		if row.Why == "" {
			row.Why = f.Report.Error
		}
		if row.Why == "" && len(f.Report.Warnings) > 0 {
			row.Why = f.Report.Warnings[0]
		}
		if t, terr := time.Parse(time.RFC3339, f.Report.Timestamp); terr == nil && f.Odd == "" {
			row.Time, row.Age = t, now.Sub(t)
		}
		rows = append(rows, row)
	}
	return rows, err
}
