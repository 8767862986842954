package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/cron"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/journal"
	"aurorabot/runner/recovery"
	"aurorabot/runner/ssh"
	"aurorabot/runner/zk"
)

// An app is the program, wired.
type app struct {
	cfg     *config.Config
	journal *journal.Dir
	service *handlers.Service
	hosts   []runner.Host
	people  *people
	log     *slog.Logger
	w       world
}

// wire makes everything but the surfaces. It owns the state folder from then on.
func wire(cfg *config.Config, w world) (*app, error) {
	j, err := journal.Open(filepath.Join(cfg.StateDir, "runs"))
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg, journal: j, w: w, people: &people{}, log: slog.New(slog.NewTextHandler(w.err, nil))}
	helper := &helper{files: cfg.Helpers}
	engine := &runner.Engine{Journal: j, Now: w.now}
	a.service = &handlers.Service{
		Engine: engine, Rules: cfg.Policy, Policy: cfg.PolicyDigest, Directory: a.people, Version: version(), Now: w.now, Findings: findings(),
	}
	for _, c := range cfg.Clusters {
		k, err := a.cluster(c, helper)
		if err != nil {
			j.Close()
			return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
		}
		a.service.Clusters = append(a.service.Clusters, k)
	}
	a.service.Start()
	return a, nil
}

func (a *app) close() {
	a.service.Stop()
	for _, h := range a.hosts {
		h.Close() //nolint:errcheck // The connection goes with the process.
	}
	a.journal.Close() //nolint:errcheck // Every event was synced when it was written.
}

// cluster makes the recipes of one cluster and the looks at it.
func (a *app) cluster(c *aurora.Cluster, helper *helper) (*handlers.Cluster, error) {
	profile, err := aurora.ProfileOf(c.Version)
	if err != nil {
		return nil, err
	}
	hosts := map[string]runner.Host{}
	for _, s := range c.Schedulers {
		k := a.cfg.SSH[c.Name][s.Name]
		agent := ""
		if k.Agent {
			agent = a.w.env("SSH_AUTH_SOCK")
		}
		h := ssh.New(ssh.Config{
			Name: s.Name, Address: k.Address, User: k.User, KeyFiles: k.KeyFiles, Agent: agent, KnownHosts: k.KnownHosts,
			Sudo: k.Sudo, RunDir: k.RunDir, ConnectTimeout: k.ConnectTimeout, Keepalive: k.Keepalive, Now: a.w.now,
		})
		hosts[s.Name] = h
		a.hosts = append(a.hosts, h)
	}
	r := &recovery.Recovery{
		Cluster: c, Profile: profile, Hosts: hosts, Now: a.w.now, Policy: a.cfg.PolicyDigest,
		ZooKeeper: openZooKeeper, Helper: helper.of, Files: a.runFiles,
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return &handlers.Cluster{
		Name: c.Name, Hosts: c.Names(), Default: a.cfg.Recipes[c.Name], CheckBackup: aurora.CheckBackupName,
		Recipes: map[string]func() (*runner.Recipe, error){"staged": func() (*runner.Recipe, error) { return r.Recipe(), nil }},
		Backups: func(ctx context.Context) ([]view.BackupRow, error) { return backupRows(ctx, r, a.w.now()) },
		Tasks:   r.Tasks,
		Diagnose: func(ctx context.Context, open *runner.State, logs bool) (any, error) {
			return r.Diagnose(ctx, recovery.Ask{Run: open, Logs: logs})
		},
	}, nil
}

// findings is the table of findings, for help.
func findings() []handlers.FindingHelp {
	list := make([]handlers.FindingHelp, 0, len(health.Kinds))
	for i := range health.Kinds {
		k := &health.Kinds[i]
		list = append(list, handlers.FindingHelp{ID: k.ID, Severity: string(k.Severity), Means: k.Means, Evidence: k.Wants(), Do: k.Do, Blocks: k.Blocks})
	}
	return list
}

// runFiles is the bot's own folder of a run.
func (a *app) runFiles(run string) (string, error) {
	dir := filepath.Join(a.cfg.StateDir, "files", run)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder of the run: %w", err)
	}
	return dir, nil
}

func openZooKeeper(endpoints string, dial zk.Dialer) (recovery.ZooKeeper, error) {
	servers, err := zk.ParseEndpoints(endpoints)
	if err != nil {
		return nil, err
	}
	return zk.New(zk.Address{Servers: servers}, dial), nil
}

// helper is this program, as it is put on scheduler hosts.
type helper struct {
	files map[string]string // By architecture, from the configuration.

	mu   sync.Mutex
	sums map[string]string
}

func (h *helper) of(arch string) (func() (io.ReadCloser, error), string, error) {
	file := h.files[arch]
	if file == "" && arch == runtime.GOARCH {
		self, err := os.Executable()
		if err != nil {
			return nil, "", fmt.Errorf("find this program: %w", err)
		}
		file = self
	}
	if file == "" {
		return nil, "", fmt.Errorf("no program for %s hosts: name one built for it under helpers.%s", arch, arch)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sums == nil {
		h.sums = map[string]string{}
	}
	if h.sums[file] == "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, "", fmt.Errorf("program for the hosts: %w", err)
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return nil, "", fmt.Errorf("program for the hosts: %w", err)
		}
		h.sums[file] = hex.EncodeToString(sum.Sum(nil))
	}
	return func() (io.ReadCloser, error) { return os.Open(file) }, h.sums[file], nil
}

// people asks Slack where it is connected. Without Slack there are only the
// lists of the policy: nobody is in a user group then.
type people struct {
	mu    sync.Mutex
	slack handlers.Directory
}

func (p *people) use(d handlers.Directory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slack = d
}

// Person is what is known of a person now.
func (p *people) Person(ctx context.Context, team, user string) (policy.Actor, error) {
	p.mu.Lock()
	d := p.slack
	p.mu.Unlock()
	if d == nil {
		return policy.Actor{TeamID: team, UserID: user}, nil
	}
	return d.Person(ctx, team, user)
}

// osUser maps a user of the operating system to the person that policy names.
func (a *app) osUser(ctx context.Context, name string) (policy.Actor, error) {
	team, user, err := a.cfg.Policy.OSUser(name)
	if err != nil {
		return policy.Actor{}, err
	}
	return a.people.Person(ctx, team, user)
}

// groupIDs are the user groups that policy names.
func (a *app) groupIDs() []string {
	var ids []string
	for _, id := range a.cfg.Policy.Groups {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (a *app) slack() (*bot.Bot, error) {
	var approvers func(run, gate string) (ids, except []string)
	if a.cfg.Slack.DirectMessages {
		approvers = a.approvers
	}
	b, err := bot.New(bot.Config{
		Overview: (&overview{app: a}).of, Approvers: approvers,
		APIURL: a.cfg.Slack.APIURL, BotToken: a.cfg.Slack.BotToken, AppToken: a.cfg.Slack.AppToken, Links: a.cfg.Slack.Links,
		StateFile: filepath.Join(a.cfg.StateDir, "slack.json"), Log: a.log, Now: a.w.now,
		Channel: a.cfg.Slack.Announce, Groups: a.groupIDs(), Runs: a.runs,
	})
	if err != nil {
		return nil, err
	}
	a.people.use(b.Directory())
	return b, nil
}

// runs are all runs but the audit.
func (a *app) runs() ([]string, error) {
	runs, err := a.journal.Runs()
	return slices.DeleteFunc(runs, func(r string) bool { return r == "audit" }), err
}

// serve is the bot: Socket Mode, reports by the clock, the command socket, health.
func serve(ctx context.Context, words []string, file string, w world) int {
	cfg, err := load(file, w)
	if err != nil {
		return w.fail(err)
	}
	if len(words) > 0 {
		return w.fail(fmt.Errorf("serve: takes no arguments, but %q was given", strings.Join(words, " ")))
	}
	a, err := wire(cfg, w)
	if err != nil {
		return w.fail(err)
	}
	defer a.close()
	if err := a.service.Recover(); err != nil {
		return w.fail(err)
	}
	b, err := a.slack()
	if err != nil {
		return w.fail(err)
	}
	socket, err := cli.Listen(filepath.Join(cfg.StateDir, "aurorabot.sock"))
	if err != nil {
		return w.fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		s := &cli.Server{Service: a.service, Who: a.osUser, Now: w.now, Log: a.log}
		if err := s.Serve(ctx, socket); err != nil {
			a.log.ErrorContext(ctx, "command socket", "err", err)
		}
	})
	if err := a.schedule(ctx, &wg, b); err != nil {
		return w.fail(err)
	}
	if err := a.listen(ctx, &wg, b); err != nil {
		return w.fail(err)
	}
	if err := b.Run(ctx, a.service); err != nil && ctx.Err() == nil {
		return w.fail(err)
	}
	return handlers.ExitDone
}

// schedule starts the reports.
func (a *app) schedule(ctx context.Context, wg *sync.WaitGroup, b *bot.Bot) error {
	var jobs []cron.Job
	for _, r := range a.cfg.Reports {
		job, err := cron.NewJob(cron.Schedule{Name: r.Name, Spec: r.Cron, Zone: r.Zone, Words: append([]string{"report"}, r.Clusters...), Channel: r.Channel}, handlers.ReadOnly)
		if err != nil {
			return err
		}
		jobs = append(jobs, job)
	}
	c := &cron.Cron{Jobs: jobs, Service: a.service, Post: b, Now: a.w.now, Log: a.log}
	wg.Go(func() {
		if err := c.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "reports", "err", err)
		}
	})
	return nil
}

// listen answers /healthz and /ready, where the configuration names an address.
func (a *app) listen(ctx context.Context, wg *sync.WaitGroup, b *bot.Bot) error {
	if a.cfg.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("health address: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if err := b.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	wg.Go(func() {
		if err := srv.Serve(l); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "health address", "err", err)
		}
	})
	return nil
}
