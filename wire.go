package main

import (
	"context"
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
	"sync/atomic"
	"time"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/durable"
	"aurorabot/runner/health"
	"aurorabot/runner/journal"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/redact"
	"aurorabot/runner/ssh"
	"aurorabot/runner/zk"
)

// maxConnections is how many SSH connections are open at once, whatever the
// number of clusters: well above what is asked at the same time, so that a
// recovery does not wait behind a report, and well below 1024 open files.
const maxConnections = 256

// An app is the program, wired.
type app struct {
	cfg     *config.Config
	journal *journal.Dir
	copies  *journal.Copier
	secrets *redact.Redactor
	bot     atomic.Pointer[bot.Bot] // Another one after its tokens were exchanged.
	service *handlers.Service
	hosts   []runner.Host
	people  *people
	monitor monitor
	pool    *ssh.Pool
	id      string // Of the state folder, and so of this bot through all its processes.
	log     *slog.Logger
	w       world
}

// wire makes everything but the surfaces. It owns the state folder from then on.
func wire(cfg *config.Config, w world) (*app, error) {
	secrets := &redact.Redactor{}
	secrets.Know(cfg.Slack.BotToken, cfg.Slack.AppToken)
	log := slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{ReplaceAttr: secrets.Attr}))
	j, err := journal.Open(filepath.Join(cfg.StateDir, "runs"))
	if err != nil {
		return nil, err
	}
	copies, err := journal.NewCopier(cfg.Audit.CopyFile, cfg.Audit.Syslog, log)
	if err != nil {
		j.Close()
		return nil, err
	}
	if cfg.Audit != (config.Audit{}) {
		j.Copy = copies.Keep
	}
	id, err := ownID(cfg.StateDir)
	if err != nil {
		j.Close()
		return nil, err
	}
	a := &app{cfg: cfg, id: id, journal: j, copies: copies, w: w, people: &people{}, monitor: monitor{began: w.now()}, pool: ssh.NewPool(maxConnections), log: log, secrets: secrets}
	helper := &helper{files: cfg.Helpers}
	engine := &runner.Engine{Journal: j, Now: w.now, Redact: secrets.Event}
	a.service = &handlers.Service{
		Engine: engine, Rules: cfg.Policy, Policy: cfg.PolicyDigest, Directory: a.people, Version: version(), Now: w.now, Findings: findings(),
		Checked: a.monitor.checked, Redact: secrets,
	}
	a.service.Alerts = a.alerts()
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
	a.hangUp()
	if err := a.copies.Close(); err != nil {
		a.log.Error("audit", "err", err)
	}
	a.journal.Close() // Every event was synced when it was written.
}

func (a *app) hangUp() {
	for _, h := range a.hosts {
		h.Close() // The connection goes with the process.
	}
}

// recovery is the recipe for one cluster, with its hosts.
func (a *app) recovery(c *aurora.Cluster, helper *helper) (*recovery.Recovery, error) {
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
			Owner: owner(a.id, c.Name, s.Name), Sudo: k.Sudo, RunDir: k.RunDir, ConnectTimeout: k.ConnectTimeout, Keepalive: k.Keepalive, Now: a.w.now, Pool: a.pool,
		})
		hosts[s.Name] = h
		a.hosts = append(a.hosts, h)
		a.monitor.hosts = append(a.monitor.hosts, sshHost{c.Name, h})
	}
	r := &recovery.Recovery{
		Nodes:  &node.Nodes{Cluster: c, Profile: profile, Hosts: hosts, Now: a.w.now, ZooKeeper: openZooKeeper, Helper: helper.of},
		Policy: a.cfg.PolicyDigest, Files: a.runFiles,
	}
	return r, r.Validate()
}

// cluster makes the recipes of one cluster and the looks at it.
func (a *app) cluster(c *aurora.Cluster, helper *helper) (*handlers.Cluster, error) {
	r, err := a.recovery(c, helper)
	if err != nil {
		return nil, err
	}
	k := &handlers.Cluster{
		Name: c.Name, Hosts: c.Names(), Default: a.cfg.Recipes[c.Name], CheckBackup: aurora.CheckBackupName,
		Recipes: map[string]func() (*runner.Recipe, error){"staged": func() (*runner.Recipe, error) { return r.Recipe(), nil }},
		Check:   a.checkOf(r),
		Tasks:   r.Tasks, Diagnose: r.Diagnose,
	}
	if a.cfg.Drill.Lab != "" {
		d, err := a.driller(r)
		if err != nil {
			return nil, err
		}
		a.monitor.drillers = append(a.monitor.drillers, d)
		k.Drill = func(ctx context.Context) (view.Drill, error) { return d.run(ctx, a.service.CheckBackups(ctx, k)) }
	}
	return k, nil
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

func openZooKeeper(endpoints string, dial zk.Dialer) (node.ZooKeeper, error) {
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
		sum, _, err := durable.Hash(file)
		if err != nil {
			return nil, "", fmt.Errorf("program for the hosts: %w", err)
		}
		h.sums[file] = sum
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
		StateFile: filepath.Join(a.cfg.StateDir, "slack.json"), Log: a.log, Now: a.w.now, Secrets: a.secrets,
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
	if err := a.service.Began(); err != nil {
		return w.fail(err)
	}
	if err := a.connect(); err != nil {
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
	if err := a.schedule(ctx, &wg); err != nil {
		return w.fail(err)
	}
	if err := a.listen(ctx, &wg); err != nil {
		return w.fail(err)
	}
	if err := a.speak(ctx, file); err != nil && ctx.Err() == nil {
		return w.fail(err)
	}
	return handlers.ExitDone
}

// listen answers /healthz, /ready and /metrics, where the configuration names an address.
func (a *app) listen(ctx context.Context, wg *sync.WaitGroup) error {
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
		if err := a.bot.Load().Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /metrics", a.metrics())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	wg.Go(func() {
		if err := srv.Serve(l); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "health address", "err", err)
		}
	})
	return nil
}
