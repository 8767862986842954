package handlers

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/handlers/picture"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// Check is the hook of [Cluster]: it looks at the backups of all hosts. runs are
// the recoveries of the cluster. An error means that nothing was found out.
type Check func(ctx context.Context, runs []check.Window) (check.Result, error)

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
		line, status := view.Nagios(results)
		resp.Message, resp.Exit = view.Message{Tone: view.Plain, Head: line}, status
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
