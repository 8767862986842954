package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cron"
	"aurorabot/handlers/metrics"
	"aurorabot/handlers/view"
	"aurorabot/runner/durable"
)

// schedule starts the reports.
func (a *app) schedule(ctx context.Context, wg *sync.WaitGroup) error {
	var jobs []cron.Job
	for _, r := range a.cfg.Reports {
		job, err := cron.NewJob(cron.Schedule{Name: r.Name, Spec: r.Cron, Zone: r.Zone, Words: append([]string{"report"}, r.Clusters...), Channel: r.Channel, Jitter: r.Jitter}, handlers.ReadOnly)
		if err != nil {
			return err
		}
		jobs = append(jobs, job)
	}
	for _, r := range a.cfg.Drill.Schedules {
		for _, cluster := range r.Clusters {
			job, err := cron.NewJob(cron.Schedule{Name: r.Name + ", " + cluster, Spec: r.Cron, Zone: r.Zone, Words: []string{"drill", cluster}, Channel: r.Channel, Jitter: r.Jitter}, handlers.ReadOnly)
			if err != nil {
				return err
			}
			jobs = append(jobs, job)
		}
	}
	last := &durable.Values[time.Time]{File: filepath.Join(a.cfg.StateDir, "reports.json")}
	made, err := last.Load()
	if err != nil {
		a.log.WarnContext(ctx, "reports: when they were made last is not known", "err", err)
	}
	due := make([]metrics.Due, 0, len(jobs))
	for _, j := range jobs {
		due = append(due, metrics.Due{Name: j.Schedule().Name, Next: j.Next})
	}
	a.monitor.Watches(due, made)
	c := &cron.Cron{
		Jobs: jobs, Service: a.service, Post: poster{a}, Now: a.w.Now, Log: a.log, Ping: a.ping(),
		Last: func(name string) time.Time {
			all, err := last.Load()
			if err != nil {
				a.log.WarnContext(ctx, "reports: when they were made last is not known", "err", err)
			}
			return all[name]
		},
		Told: func(o cron.Outcome) {
			a.monitor.Reported(o.Schedule, o.At, o.Answered, o.Posted == nil)
			if o.Posted != nil || !o.Answered {
				return
			}
			a.log.InfoContext(ctx, "a report is posted", "report", o.Schedule)
			if err := last.Put(o.Schedule, o.At); err != nil {
				a.log.WarnContext(ctx, "reports: after a restart this one may be made again", "schedule", o.Schedule, "err", err)
			}
		},
	}
	a.watch(ctx, wg)
	wg.Go(func() {
		if err := c.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "reports", "err", err)
		}
	})
	return nil
}

// watch starts the alerts between the reports, where a channel is configured.
func (a *app) watch(ctx context.Context, wg *sync.WaitGroup) {
	if a.service.Alerts == nil {
		return
	}
	w := &cron.Watch{Every: a.cfg.Alerts.Every, Channel: a.cfg.Alerts.Channel, Post: poster{a}, Now: a.w.Now, Look: func(ctx context.Context) []cron.Alert {
		found, err := a.service.Watch(ctx)
		if err != nil {
			a.log.ErrorContext(ctx, "alerts", "err", err)
			return []cron.Alert{{Message: view.Message{Tone: view.Bad, Head: "Watching the backups failed", Lines: []string{err.Error()}}}}
		}
		var say []cron.Alert
		for _, f := range found {
			say = append(say, cron.Alert{Message: f.Message, Said: func() {
				if err := a.service.Alerts.Said(f.Cluster, f.Becomes); err != nil {
					a.log.WarnContext(ctx, "alerts: it will be said again", "cluster", f.Cluster, "err", err)
				}
			}})
		}
		return say
	}}
	wg.Go(func() { w.Run(ctx) })
}

// alerts are those of the configuration; nil if it has none. What was said is
// kept in the state folder.
func (a *app) alerts() *handlers.Alerts {
	if a.cfg.Alerts.Channel == "" {
		return nil
	}
	k := &durable.Values[handlers.Alerted]{File: filepath.Join(a.cfg.StateDir, "alerts.json")}
	return &handlers.Alerts{Remind: a.cfg.Alerts.Remind, Load: k.Load, Save: k.Save}
}

// ping tells the address of the configuration that a report was posted; nil if
// there is none.
func (a *app) ping() func(context.Context, string) error {
	if a.cfg.Ping == "" {
		return nil
	}
	client := &http.Client{Timeout: 20 * time.Second}
	return func(ctx context.Context, _ string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.cfg.Ping, http.NoBody)
		if err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		if resp.StatusCode >= 300 {
			return fmt.Errorf("ping: HTTP status %d", resp.StatusCode)
		}
		return nil
	}
}
