package handlers

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/drill"
	"aurorabot/runner/health"
)

// A Cluster is one that the service can be asked about.
type Cluster struct {
	Name  string
	Hosts []string // Names of the schedulers.

	// Recipes by name; each call makes one anew.
	Recipes map[string]func() (*runner.Recipe, error)
	Default string // The recipe where none is asked for.

	// CheckBackup refuses names that are no backup names.
	CheckBackup func(name string) error

	// Looks at the cluster, read-only; nil where this build has none.
	Check Check                                                        // For report and backups.
	Tasks func(ctx context.Context, s *runner.State) ([]string, error) // Lines of the run's backup.

	// Loss is what a run's restore kills, as far as is known by now. Nil: nobody can tell.
	Loss func(s *runner.State) (health.Loss, []health.LostJob)

	// LostJobs are the configurations of lost jobs that only the log knew, as JSON, with
	// whatever secrets are in them. nil: there are none.
	LostJobs func(s *runner.State) ([]byte, error)

	Diagnose Diagnose // For assess, doctor and status.

	// Clean lists what closed runs left, and removes it. Nil: nothing can be removed.
	Clean Cleaner

	// Drill rehearses a recovery of the newest backup. An error means that
	// nothing was found out. Nil: no rehearsal lab is configured.
	Drill func(ctx context.Context) (drill.Drill, error)

	// LastDrill is how long the newest drill took, zero where it proved nothing or there
	// was none. Nil: no rehearsal lab is configured.
	LastDrill func() time.Duration
}

// A Service does what is asked for. It is safe for concurrent use.
type Service struct {
	Engine    *runner.Engine
	Clusters  []*Cluster
	Rules     policy.Rules
	Policy    string // Digest of the rules.
	Directory Directory
	Version   string
	Findings  []FindingHelp // The table of findings, for help.

	// Retention is how long what a closed run left stays, at least. Zero: 30 days.
	Retention time.Duration

	Alerts *Alerts // Between the reports. Nil: none are given.

	// Checked is told every check of a cluster's backups when it has ended. Nil:
	// nobody is. It must not block.
	Checked func(check.Result)
	Now     func() time.Time

	// Redact takes secrets out of answers. Nil: nothing is taken out.
	Redact Redactor

	table []Command

	// What it holds, made by Start: runs as they stand and the engine at work on
	// them; who agreed to what; what is refused; how backups are.
	*runs
	*consent
	*auditor
	*checks
}

// A Redactor takes secrets out of what leaves the service.
type Redactor interface {
	Strings(pointer any) // Of all strings that it leads to.
	JSON(json.RawMessage) json.RawMessage
}

// Start connects the service with its engine. It must be called once, before
// anything else. It fails where a row of the table of commands makes no sense.
func (s *Service) Start() error {
	if s.table == nil {
		s.table = Table()
	}
	for i := range s.table {
		if err := s.table[i].check(); err != nil {
			return err
		}
	}
	r := &records{engine: s.Engine}
	d := &drives{engine: s.Engine, runs: map[string]*drive{}, asking: map[string]*sync.Mutex{}, tellers: map[int]func(runner.Event){}}
	now := func() time.Time { return s.Now() }
	s.runs = &runs{r, d, &s.Clusters, now}
	s.consent = &consent{r, &s.Rules, s.Directory, now, func(cluster string) time.Duration {
		if c := s.cluster(cluster); c != nil && c.LastDrill != nil {
			return c.LastDrill()
		}
		return 0
	}}
	s.auditor = &auditor{r, s.Policy, s.Version}
	s.checks = &checks{records: r, drives: d, now: now, told: func(result check.Result) {
		if s.Checked != nil {
			s.Checked(result)
		}
	}}
	s.Engine.Told = d.tell
	s.Engine.Recheck = s.recheck
	return nil
}

// ExitOf is the exit status of a command that followed a run to where it stands.
func ExitOf(st *runner.State) int {
	switch {
	case st.Status == runner.Gated:
		return ExitWaiting
	case st.Status == runner.Closed && st.Outcome == string(runner.StopNotNeeded), st.Status == runner.Stopped && st.Stop.Reason == runner.StopNotNeeded:
		return ExitRefused
	case st.Status == runner.Closed, st.Status == runner.Owing:
		return ExitDone
	}
	return ExitStopped
}

// Summary is where a run stands, for --json.
func (s *runs) Summary(st *runner.State) map[string]any {
	return s.openRuns([]*runner.State{st})[0]
}
