package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/script"
	"aurorabot/lab/slack"
)

// A lab is everything that runs: cluster, sandbox and bot, in one folder.
type lab struct {
	set     *settings
	dir     string
	cluster *cluster.Cluster
	slack   *slack.Server
	bot     *bot
	config  string // The bot's file.
	record  *os.File
	errs    io.Writer
}

// start brings everything up. The bot is built while the hosts start.
func start(ctx context.Context, s *settings, errs io.Writer) (*lab, error) {
	if s.hosts == "real" {
		if err := host.Supported(); err != nil {
			return nil, fmt.Errorf("--hosts real: %w", err)
		}
	}
	if s.terminal {
		if err := canLogin(ctx); err != nil {
			return nil, err
		}
	}
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	l := &lab{set: s, dir: dir, errs: errs}
	if err := l.start(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// folder makes the lab's folder. Sockets lie in it, whose paths the kernel
// limits to 107 bytes; where the usual folder has a longer name, /tmp serves.
func folder() (string, error) {
	const room = 60
	if len(os.TempDir()) > room {
		return os.MkdirTemp("/tmp", "aurora-lab-")
	}
	return os.MkdirTemp("", "aurora-lab-")
}

func (l *lab) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	self = cmp.Or(l.set.self, self)
	type built struct {
		program string
		err     error
	}
	building := make(chan built, 1)
	go func() {
		program, err := program(ctx, l.set.bot, l.dir)
		building <- built{program, err}
	}()
	log, err := os.Create(filepath.Join(l.dir, "lab.log"))
	if err != nil {
		return err
	}
	l.cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: l.dir, Bin: self, Schedulers: l.set.schedulers, Backup: l.set.backup, Damage: l.set.damage, Real: l.set.hosts == "real", Few: l.set.bastion, Slow: l.set.slow, Secure: l.set.secure, Supervisor: l.set.supervisor, Log: log,
	})
	b := <-building
	if err := errors.Join(err, b.err); err != nil {
		return err
	}
	if err := l.sandbox(ctx); err != nil {
		return err
	}
	if l.set.secure {
		if err := os.WriteFile(l.passwordFile(), []byte(cluster.APIPassword+"\n"), 0o600); err != nil {
			return err
		}
	}
	text := []byte(l.configuration())
	if l.set.configure != "" {
		more, err := os.ReadFile(l.set.configure)
		if err != nil {
			return fmt.Errorf("--configure: %w", err)
		}
		text = append(text, more...)
	}
	l.config = filepath.Join(l.dir, "aurorabot.yaml")
	mode := os.FileMode(0o600)
	if l.set.terminal {
		mode = 0o644 // There is no secret in it.
		if b.program, err = l.open(b.program); err != nil {
			return err
		}
	}
	if err := os.WriteFile(l.config, text, mode); err != nil {
		return err
	}
	l.bot = &bot{
		program: b.program, args: []string{"serve", "--config", l.config}, log: filepath.Join(l.dir, "bot.log"),
	}
	if !l.set.slackless {
		l.bot.env = []string{"SLACK_BOT_TOKEN=" + l.slack.BotToken(), "SLACK_APP_TOKEN=" + l.slack.AppToken()}
	}
	if err := l.privileges(ctx, b.program, l.config); err != nil {
		return err
	}
	if l.set.shelf != "" { // Once the hosts were asked for what `sudoers` prints: some are down from now on.
		if err := l.cluster.Shelve(ctx, l.set.shelf); err != nil {
			return err
		}
	}
	if err := l.bot.Start(ctx); err != nil {
		return err
	}
	if l.set.slackless {
		return nil
	}
	up, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("it did not connect within 30s"))
	defer cancel()
	go func() {
		select {
		case <-l.bot.over():
			cancel()
		case <-up.Done():
		}
	}()
	if err := l.slack.Wait(up, func(st slack.State) bool { return st.Links > 0 }); err != nil {
		return fmt.Errorf("the bot: %w\n%s", context.Cause(up), l.bot.tail(20))
	}
	return nil
}

// privileges gives the bot what `sudoers` prints, as an operator would, and
// nothing else: from here on no host obeys it in more.
func (l *lab) privileges(ctx context.Context, program, config string) error {
	var errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "sudoers", cluster.Name, "--json", "--config", config)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("aurorabot sudoers: %w\n%s", err, errs.Bytes())
	}
	var files []struct {
		Hosts   []string `json:"hosts"`
		Sudoers string   `json:"sudoers"`
	}
	if err := json.Unmarshal(out, &files); err != nil {
		return fmt.Errorf("aurorabot sudoers: %w", err)
	}
	for _, f := range files {
		for _, h := range l.cluster.Hosts {
			if !slices.Contains(f.Hosts, h.Name()) {
				continue
			}
			if err := h.Sudoers(f.Sudoers); err != nil {
				return err
			}
		}
	}
	return nil
}

// sandbox starts the Slack that the rehearsal happens in.
func (l *lab) sandbox(ctx context.Context) error {
	var record io.Writer
	if l.set.record != "" {
		f, err := os.Create(l.set.record)
		if err != nil {
			return fmt.Errorf("--record: %w", err)
		}
		l.record, record = f, f
	}
	var err error
	l.slack, err = slack.Start(ctx, script.Workspace(record))
	return err
}

// close ends everything and removes the folder.
func (l *lab) close() {
	if l.bot != nil {
		l.bot.end()
	}
	if l.slack != nil {
		l.slack.Close()
	}
	if l.cluster != nil {
		l.cluster.Close()
	}
	if l.record != nil {
		if err := l.record.Close(); err != nil {
			fmt.Fprintf(l.errs, "lab: --record: %v\n", err)
		}
	}
	if err := os.RemoveAll(l.dir); err != nil {
		fmt.Fprintf(l.errs, "lab: remove %s: %v\n", l.dir, err)
	}
}

// stateDir is where the bot keeps its journals.
func (l *lab) stateDir() string { return filepath.Join(l.dir, "state") }

// interactive serves until ctx ends.
func (l *lab) interactive(ctx context.Context, out io.Writer) int {
	t := &l.cluster.Truth
	fmt.Fprintf(out, `The rehearsal lab runs.

  Slack:    %s
  Cluster:  %s, schedulers %s
  Backup:   %s on %s: %d tasks
  Lost:     %d tasks were started after it; a restore loses them
`, l.slack.URL(), cluster.Name, l.hosts(), t.Backup, t.BackupHost, len(t.Tasks), len(t.Lost))
	if len(t.Damaged) > 0 {
		fmt.Fprintf(out, "  Damage:   %s (%s)\n", l.set.damage.Kind, strings.Join(t.Damaged, ", "))
	}
	if l.set.shelf != "" {
		fmt.Fprintf(out, "  Backups:  %s; as ann type /aurora report\n", l.set.shelf)
	}
	reason := ""
	if l.set.reason != "" {
		reason = ` --reason "` + strings.ReplaceAll(l.set.reason, `"`, "'") + `"`
	}
	fmt.Fprintf(out, `
Open the page. As ann, in #incidents, type

  /aurora recover %s %s%s

As bob press "Begin the outage", then "Confirm assessment"; at the commit gate
bob and dan press "Overwrite the log". Each time the cluster's name, %s, is typed.
Ctrl-C ends everything and removes %s.
`, cluster.Name, t.Backup, reason, cluster.Name, l.dir)
	select {
	case <-ctx.Done():
		return script.Done
	case <-l.bot.over():
		fmt.Fprintf(l.errs, "lab: the bot ended:\n%s\n", l.bot.tail(30))
		return script.Failed
	}
}

func (l *lab) hosts() string {
	var words []string
	for _, h := range l.cluster.Hosts {
		words = append(words, h.Name()+" "+l.cluster.HTTP(h))
	}
	return strings.Join(words, ", ")
}

// play plays everybody.
func (l *lab) play(ctx context.Context, out, errs io.Writer) int {
	keep := l.set.keep
	if keep == "" {
		keep = filepath.Join(l.dir, "before-cleanup")
	}
	summary := &script.Summary{Keep: l.set.keep}
	timeline := &script.Timeline{Out: out}
	each := func(e script.Event) { timeline.Add(e); summary.Add(e) }
	tell := func(format string, args ...any) { fmt.Fprintf(out, "          "+format+"\n", args...) }
	if l.set.json {
		each = func(e script.Event) {
			if line, err := e.Line(); err == nil {
				fmt.Fprintf(out, "%s\n", line)
			}
		}
		tell = func(format string, args ...any) { fmt.Fprintf(errs, format+"\n", args...) }
	}
	journal := filepath.Join(l.stateDir(), "runs")
	p := &script.Play{
		Cluster: l.cluster, Slack: l.slack, Bot: l.bot, Terminal: l, Journal: journal,
		Reason: l.set.reason, Reinitialize: l.set.reinit, Salvage: l.set.salvage, Offline: l.set.recipe == "offline", CatchUp: l.set.catchUp, Cheat: l.set.cheat, Honest: l.set.honest,
		KillAt: l.set.killAt, VanishAt: l.set.vanish, After: l.set.after, Keep: keep, Each: each, Tell: tell,
	}
	status, err := p.Run(ctx)
	if l.set.keep != "" {
		if kerr := keepJournal(journal, filepath.Join(keep, "journal")); kerr != nil && err == nil {
			status, err = script.Failed, fmt.Errorf("--keep: %w", kerr)
		}
	}
	if summary.Killed = p.Lost; !l.set.json {
		summary.Print(out, status, err)
	}
	if err != nil {
		fmt.Fprintf(errs, "lab: %v\nthe end of the bot's log:\n%s\n", err, l.bot.tail(30))
	}
	return status
}

// keepJournal copies the journals, which may be there from an earlier run.
func keepJournal(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
