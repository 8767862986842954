package app

import (
	"runtime"
	"time"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers/metrics"
	"aurorabot/runner/drill"
)

// values are what GET /metrics shows. No host is asked.
func (a *app) values() metrics.Values {
	v := metrics.Values{Version: version(), Go: runtime.Version()}
	standing, err := a.service.Standing()
	if err != nil {
		a.log.Error("metrics", "err", err)
		standing.Runs["unreadable"]++
	}
	v.Runs = standing.Runs
	for _, w := range standing.Waiting {
		v.Approvals = append(v.Approvals, metrics.Approvals{Cluster: w.Cluster, Gate: w.Gate, Missing: w.Missing, Since: w.Since})
	}
	if a.cfg.Audit != (config.Audit{}) {
		n := a.copies.Missed()
		v.Unkept = &n
	}
	if b := a.bot.Load(); b != nil {
		v.Slack = slackValues(b.Health())
	}
	a.monitor.Fill(&v, func(err error) { a.log.Error("metrics", "err", err) })
	for _, c := range a.cfg.Clusters {
		v.Clusters = append(v.Clusters, a.monitor.Cluster(c.Name, c.MaxBackupAge))
	}
	return v
}

func slackValues(h bot.Health) *metrics.Slack {
	s := &metrics.Slack{Links: len(h.Links), Foreign: h.Others, InHand: h.Waiting, Unsent: h.Unsent, Late: h.Late, Busy: h.Busy, Unknown: h.Unknown, LeftOut: h.LeftOut}
	for _, l := range h.Links {
		if l.Up {
			s.Up++
		}
		if l.Heard.After(s.Heard) {
			s.Heard = l.Heard
		}
	}
	return s
}

// drillValues is the last drill of a cluster, for metrics.
func drillValues(d *drill.Driller) (metrics.Drill, error) {
	all, err := d.Last()
	if err != nil || all.Last.At.IsZero() {
		return metrics.Drill{}, err
	}
	lasted := time.Duration(all.Last.Took * float64(time.Second))
	return metrics.Drill{Cluster: d.Cluster, Ended: all.Last.At.Add(lasted), Took: lasted, Proved: all.Last.Proved, Backup: all.Recovered}, nil
}
