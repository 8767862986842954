package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/metrics"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/backup/check/host"
	"aurorabot/runner/backup/keep"
	"aurorabot/runner/clean"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/drill"
	"aurorabot/runner/health"
	"aurorabot/runner/journal"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/recovery/offline"
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
	bot     atomic.Pointer[bot.Bot] // Another one after its tokens were exchanged. Nil without Slack.
	service *handlers.Service
	hosts   []runner.Host
	people  *people
	monitor metrics.Monitor
	ways    ways
	id      string // Of the state folder, and so of this bot through all its processes.
	log     *slog.Logger
	w       World
}

// wire makes everything but the surfaces. It owns the state folder from then on.
func wire(cfg *config.Config, w World) (*app, error) {
	secrets := &redact.Redactor{}
	secrets.Know(cfg.Slack.BotToken, cfg.Slack.AppToken)
	for _, hosts := range cfg.SSH {
		for _, k := range hosts {
			secrets.Know(string(k.Passphrase))
		}
	}
	log := w.logging.logger(w.Err, secrets)
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
	a := &app{cfg: cfg, id: id, journal: j, copies: copies, w: w, people: newPeople(cfg.Policy.IdentityCache, filepath.Join(cfg.StateDir, "people.json"), w.Now, log), monitor: metrics.Monitor{Began: w.Now()}, ways: ways{w: w, pool: ssh.NewPool(maxConnections)}, log: log, secrets: secrets}
	helper := &helper{files: cfg.Helpers}
	engine := &runner.Engine{Journal: j, Now: w.Now, Redact: secrets.Event}
	a.service = &handlers.Service{
		Engine: engine, Rules: cfg.Policy, Policy: cfg.PolicyDigest, Directory: a.people, Version: version(), Now: w.Now, Retention: cfg.Retention, Findings: findings(),
		Checked: a.monitor.Checked, Redact: secrets,
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
	if err := a.service.Start(); err != nil {
		j.Close()
		return nil, err
	}
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
	a.ways.close()
}

// recovery is the recipe for one cluster, with its hosts.
func (a *app) recovery(c *aurora.Cluster, helper *helper) (*recovery.Recovery, error) {
	profile, err := aurora.ProfileOf(c.Version)
	if err != nil {
		return nil, err
	}
	if err := openAccess(&c.API); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	hosts := map[string]runner.Host{}
	for _, s := range c.Schedulers {
		k := a.cfg.SSH[c.Name][s.Name]
		h := a.ways.host(k, s.Name, owner(a.id, c.Name, s.Name))
		hosts[s.Name] = h
		a.hosts = append(a.hosts, h)
		a.monitor.Hosts = append(a.monitor.Hosts, func() metrics.Host {
			is := h.Stats()
			return metrics.Host{Cluster: c.Name, Name: h.Name(), Connected: is.Connected, Made: is.Made, Refused: is.Refused, Lost: is.Lost}
		})
	}
	r := &recovery.Recovery{
		Nodes:  &node.Nodes{Cluster: c, Profile: profile, Hosts: hosts, Now: a.w.Now, ZooKeeper: openZooKeeper, Helper: helper.of},
		Policy: a.cfg.PolicyDigest, Files: a.runFiles,
		Acts: func() []diagnose.Act { return acts(a.journal, c.Name, a.w.Now()) },
	}
	r.Assess = r.Diagnose
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
		Check:   a.checker(r).Check,
		Clean:   &clean.Cleaner{Node: r.NodeOf, Own: func(run string) string { return filepath.Join(a.cfg.StateDir, "files", run) }},
		Tasks:   r.Tasks, Loss: r.Loss, LostJobs: r.LostJobs, Diagnose: r.Diagnose,
	}
	if c.RecoveryTool != "" {
		o := offline.New(r)
		if err := o.Validate(); err != nil {
			return nil, err
		}
		k.Recipes[recovery.Offline] = func() (*runner.Recipe, error) { return o.Recipe(), nil }
	}
	if a.cfg.Drill.Lab != "" {
		d := &drill.Driller{Cluster: c.Name, Hosts: r.Hosts, User: r.Cluster.User, Lab: a.cfg.Drill.Lab, Dir: filepath.Join(a.cfg.StateDir, "drills"), Now: a.w.Now, Env: a.w.Env}
		a.monitor.Drills = append(a.monitor.Drills, func() (metrics.Drill, error) { return drillValues(d) })
		k.LastDrill = func() time.Duration {
			last, err := d.Last()
			if err != nil || !last.Last.Proved {
				return 0 // The gate then tells of the last run, or of nothing.
			}
			return time.Duration(last.Last.Took * float64(time.Second))
		}
		k.Drill = func(ctx context.Context) (drill.Drill, error) { return d.Run(ctx, a.service.CheckBackups(ctx, k)) }
	}
	return k, nil
}

// checker makes the checker of a cluster's backups.
func (a *app) checker(r *recovery.Recovery) *keep.Checker {
	c := &keep.Checker{
		Cluster: r.Cluster.Name, File: filepath.Join(a.cfg.StateDir, "checks", r.Cluster.Name+".json"), Log: a.log,
		Look: func(ctx context.Context, runs []check.Window, m check.Memory) (check.Facts, check.Memory, error) {
			return host.Check(ctx, r.Nodes, runs, m)
		},
		Get: func(ctx context.Context, host, path string, to io.Writer) error {
			_, err := r.Hosts[host].Get(ctx, path, r.Cluster.User, to)
			return err
		},
	}
	if k := r.Cluster; k.KeepCopies > 0 {
		c.Copies = &keep.Store{Dir: k.BackupCopies, Count: k.KeepCopies, For: k.KeepFor, Now: a.w.Now}
	}
	return c
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

// runs are all runs but the audit.
func (a *app) runs() ([]string, error) {
	runs, err := a.journal.Runs()
	return slices.DeleteFunc(runs, func(r string) bool { return r == "audit" }), err
}
