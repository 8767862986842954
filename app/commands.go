package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/runner/ssh"
)

func load(file string, w World) (*config.Config, error) {
	if file == "" {
		return nil, &config.MissingError{Looked: config.Usual(w.Env)}
	}
	return config.Load(file, w.Env)
}

// socketOf is where the bot listens.
func socketOf(file string, w World) (string, error) {
	if file == "" {
		return "", &config.MissingError{Looked: config.Usual(w.Env)}
	}
	return config.Socket(file)
}

// request does one command of the table: by the bot that serves, where one does,
// else within this process.
func request(ctx context.Context, in *input) int {
	q := cli.Question{Words: in.request(), JSON: in.json, Dir: in.given["o"], Picture: in.given["png"]}
	if in.Terminal && in.Name == "approve" {
		return converse(ctx, in.config, in.World, func(dial cli.Dial) int {
			return cli.Approve(ctx, dial, q, in.In, in.std())
		})
	}
	return ask(ctx, q, in.config, in.World)
}

func ask(ctx context.Context, q cli.Question, file string, w World) int {
	return converse(ctx, file, w, func(dial cli.Dial) int {
		conn, err := dial()
		if err != nil {
			return w.fail(err)
		}
		defer conn.Close()
		return cli.Ask(conn, q, w.std())
	})
}

// converse lets talk hold conversations with the bot that serves, else with one
// within this process.
func converse(ctx context.Context, file string, w World, talk func(cli.Dial) int) int {
	at, err := socketOf(file, w)
	if err != nil {
		return w.fail(err)
	}
	socket := func() (net.Conn, error) { return net.DialTimeout("unix", at, 2*time.Second) }
	first, missing := socket()
	if missing == nil {
		return interrupted(ctx, talk(func() (io.ReadWriteCloser, error) {
			conn := first
			if first = nil; conn == nil {
				if conn, err = socket(); err != nil {
					return nil, fmt.Errorf("the bot that serves: %w", err)
				}
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			return conn, nil
		}))
	}
	if errors.Is(missing, fs.ErrPermission) {
		return w.hinted(fmt.Errorf("the bot's socket %s: this account may not use it", at), "use an account of the group that cli.group names in "+file)
	}
	cfg, err := load(file, w)
	if err != nil {
		return w.fail(err)
	}
	if _, err := os.ReadDir(cfg.StateDir); errors.Is(err, fs.ErrPermission) {
		return w.hinted(fmt.Errorf("no bot serves at %s, and without one only its own account can do this: %w", at, err), "start the bot: systemctl start aurorabot")
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
	me := cli.Self(ctx)
	if w.Peer != nil {
		if me, err = w.Peer(nil); err != nil {
			return w.fail(err)
		}
	}
	s := &cli.Server{Service: a.service, Who: a.osUser, Now: w.Now, Log: a.log}
	var answers sync.WaitGroup
	exit := talk(func() (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		answers.Go(func() {
			defer there.Close()
			if err := s.Answer(ctx, there, me); err != nil && ctx.Err() == nil {
				a.log.ErrorContext(ctx, "command", "err", err)
			}
		})
		return here, nil
	})
	answers.Wait()
	return interrupted(ctx, exit)
}

func interrupted(ctx context.Context, exit int) int {
	if ctx.Err() != nil {
		return 130
	}
	return exit
}

// exampleConfig is `config example`.
func exampleConfig(_ context.Context, in *input) int {
	if _, err := in.Out.Write(config.Example); err != nil {
		return in.fail(err)
	}
	return handlers.ExitDone
}

// checkConfig is `config check FILE [--live]`.
func checkConfig(ctx context.Context, in *input) int {
	if _, live := in.given["live"]; live {
		return checkLive(ctx, in.args[0], in.json, in.World)
	}
	return checkFile(in.args[0], in.json, in.World)
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
		return w.document(map[string]any{"file": file, "clusters": names, "policy": cfg.PolicyDigest, "warnings": warnings(cfg)})
	}
	fmt.Fprintf(w.Out, "%s: %d clusters, policy %.12s\n", file, len(cfg.Clusters), cfg.PolicyDigest)
	for _, line := range warnings(cfg) {
		fmt.Fprintf(w.Out, "warning: %s\n", line)
	}
	return handlers.ExitDone
}

// warnings are what is worth knowing of a configuration that is right.
func warnings(cfg *config.Config) []string {
	words := []string{}
	for _, c := range cfg.Clusters {
		for _, s := range c.Schedulers {
			k := cfg.SSH[c.Name][s.Name]
			for _, leap := range append(slices.Clone(k.Jump), k) {
				for _, line := range leap.Ignored {
					if !slices.Contains(words, line) {
						words = append(words, line)
					}
				}
			}
		}
	}
	return append(words, unread(cfg)...)
}

// unread are the lines of the known_hosts files that can't be read: they stop nobody
// from logging in to other hosts. A file that is not there yet is said at the login.
func unread(cfg *config.Config) []string {
	files := map[string]bool{}
	for _, hosts := range cfg.SSH {
		for _, s := range hosts {
			for _, f := range s.KnownHosts {
				files[f] = true
			}
		}
	}
	words := []string{}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		lines, err := ssh.UnreadLines([]string{file})
		if err != nil {
			continue
		}
		for _, l := range lines {
			words = append(words, l.String())
		}
	}
	return words
}
