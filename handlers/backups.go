package handlers

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"aurorabot/handlers/picture"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// Check is the hook of [Cluster]: it looks at the backups of all hosts. runs are
// the recoveries of the cluster. An error means that nothing was found out.
type Check func(ctx context.Context, runs []check.Window) (check.Result, error)

// atOnce bounds how many clusters are checked at the same time: connections and
// memory do not grow with the fleet, and a few slow hosts delay no others.
const atOnce = 32

// doBackups lists the backups of all hosts of a cluster.
func (s *Service) doBackups(ctx context.Context, c call) Response {
	r := s.checkAll(ctx, []*Cluster{s.cluster(c.args[0])})[0]
	return Response{Message: view.Backups(r), Data: backupsJSON(&r)}
}

// backupsJSON is what scripts get of the backups of a cluster: one row for each,
// and one for each host that could not be asked or has none.
func backupsJSON(r *check.Result) []map[string]any {
	list := []map[string]any{}
	row := func(b *check.Backup) {
		list = append(list, map[string]any{
			"cluster": r.Cluster, "host": b.Host, "name": b.Name, "path": b.Path, "timestamp": b.Time, "age_seconds": b.Age, "bytes": b.Bytes, "tasks": b.Tasks,
			"active_tasks": b.Active, "framework_id": b.Framework, "sha256": b.SHA256, "valid": b.Valid, "counts": b.Counts, "why": b.Why, "finding": b.Finding, "known": b.Known,
		})
	}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if len(h.Backups) == 0 {
			why := h.Why
			if h.Listed {
				why = h.Dir + " holds no backup"
			}
			row(&check.Backup{Host: h.Host, Why: why})
		}
		for j := range h.Backups {
			row(&h.Backups[j])
		}
	}
	return list
}

// doReport reports the clusters that were asked for, or all that who asks may
// see: could each be restored today?
func (s *Service) doReport(ctx context.Context, c call) Response {
	severity, bad := c.severity()
	if bad != nil {
		return *bad
	}
	results := view.WorstFirst(s.checkAll(ctx, s.reported(c)))
	resp := Response{Message: view.Report(results), Data: results, Exit: ExitDone}
	if len(results) == 0 {
		resp.Exit = ExitError
	}
	// What cannot be told is never fine, whatever severity is asked for.
	if slices.ContainsFunc(results, func(r check.Result) bool {
		return r.Restorable != check.Yes || health.Any(r.Findings, health.Severity(severity))
	}) {
		resp.Exit = ExitFindings
	}
	if c.flags["nagios"] != "" {
		resp.Message = view.Message{Tone: resp.Message.Tone, Head: view.Nagios(results)}
	}
	if file := c.flags["png"]; file != "" || c.Channel != "cli" {
		png, err := picture.Report(results)
		if err != nil {
			return failure(fmt.Errorf("report: draw the picture: %w", err))
		}
		name := "report.png"
		if file != "" {
			name = filepath.Base(file)
		}
		resp.Message.Files = append(resp.Message.Files, view.File{Name: name, Data: png})
	}
	return resp
}

// reported returns the clusters that a report is about, each once: those that are
// named, else all that the caller may read.
func (s *Service) reported(c call) []*Cluster {
	var list []*Cluster
	for _, name := range c.args {
		if k := s.cluster(name); !slices.Contains(list, k) {
			list = append(list, k)
		}
	}
	for _, k := range s.Clusters {
		if len(c.args) == 0 && s.maySee(c, k.Name) == nil {
			list = append(list, k)
		}
	}
	return list
}

// maySee is policy's answer to who asks about a cluster among others.
func (s *Service) maySee(c call, cluster string) error {
	if c.Clock {
		return nil
	}
	return s.Rules.Allow(c.Actor, policy.Read, cluster, c.Channel)
}

// checkAll checks clusters, many at once. Every one has a result: a check that
// could not be made says so.
func (s *Service) checkAll(ctx context.Context, clusters []*Cluster) []check.Result {
	results := make([]check.Result, len(clusters))
	windows, err := s.windows()
	room := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, k := range clusters {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if err != nil {
				results[i] = check.Failed(k.Name, k.Hosts, s.Now(), err)
				return
			}
			results[i] = s.check(ctx, k, windows[k.Name])
		})
	}
	wg.Wait()
	return results
}

// CheckBackups checks the backups of a cluster now. It has a result whatever
// happens: a check that could not be made says so.
func (s *Service) CheckBackups(ctx context.Context, k *Cluster) check.Result {
	return s.checkAll(ctx, []*Cluster{k})[0]
}

// check checks one cluster. Two at a time would both decode what is new.
func (s *Service) check(ctx context.Context, k *Cluster, runs []check.Window) (r check.Result) {
	defer s.turn("check of " + k.Name)()
	at := s.Now()
	if k.Check == nil {
		return check.Failed(k.Name, k.Hosts, at, fmt.Errorf("backups of %s: this build cannot look at them", k.Name))
	}
	r, err := k.Check(ctx, runs)
	if err != nil {
		r = check.Failed(k.Name, k.Hosts, at, err)
	}
	s.saw(&r)
	if s.Checked != nil {
		s.Checked(r)
	}
	return r
}

// windows are the recoveries of each cluster. A run that ended before its start
// gate was passed stopped no scheduler: what was written meanwhile counts.
func (s *Service) windows() (map[string][]check.Window, error) {
	runs, err := s.Engine.Journal.Runs()
	if err != nil {
		return nil, fmt.Errorf("recoveries of the past: %w", err)
	}
	all := map[string][]check.Window{}
	for _, run := range runs {
		if run == auditRun {
			continue
		}
		p, known := s.past.of(run)
		if !known {
			st, err := s.state(run)
			if err != nil {
				return nil, err
			}
			p = s.past.add(st)
		}
		if p.counts {
			all[p.cluster] = append(all[p.cluster], p.window)
		}
	}
	return all, nil
}

// pastRuns remembers the times of runs that will not change any more.
type pastRuns struct {
	mu   sync.Mutex
	runs map[string]pastRun
}

type pastRun struct {
	cluster string
	window  check.Window
	counts  bool // What was written meanwhile may be an empty leader's.
}

func (p *pastRuns) of(run string) (pastRun, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.runs[run]
	return r, ok
}

func (p *pastRuns) add(st *runner.State) pastRun {
	r := pastRun{cluster: st.Request.Cluster, window: check.Window{Run: st.Run, From: st.Began}, counts: true}
	if st.Status != runner.Closed {
		return r
	}
	r.window.To, r.counts = st.At, st.Gates["start"].Passed
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs == nil {
		p.runs = map[string]pastRun{}
	}
	p.runs[st.Run] = r
	return r
}

// severity is the one asked for, "warning" if none is.
func (c *call) severity() (string, *Response) {
	severity := c.flags["severity"]
	if severity == "" {
		severity = "warning"
	}
	if !slices.Contains(severities, severity) {
		return "", &Response{Message: view.Error(fmt.Sprintf("%s: unknown severity %.20q", c.cmd.Name, severity), "it is one of "+strings.Join(severities, ", ")), Exit: ExitUsage, Private: true}
	}
	return severity, nil
}
