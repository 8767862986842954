package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// Alerts speaks of clusters between the reports: when their state changes, and
// again after Remind while one is to be mended and nobody said that they know.
type Alerts struct {
	Remind time.Duration

	// Load and Save keep what was said over restarts; by cluster.
	Load func() (map[string]Alerted, error)
	Save func(map[string]Alerted) error

	mu sync.Mutex
}

// Alerted is what was said of a cluster last.
type Alerted struct {
	State string    `json:"state"`
	Since time.Time `json:"since"`         // When the state was first seen.
	Told  time.Time `json:"told,omitzero"` // When it was said, or said again.

	// Alarms is all that was wrong, each as "finding subject": the state names only
	// what the first line tells of, and more may come behind it. Nil: not known.
	Alarms []string `json:"alarms,omitempty"`

	// Who knows of it, and why it stays: no reminder until the state changes.
	By  string    `json:"by,omitempty"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at,omitzero"`
}

// An Alert is one message, and what it makes of the cluster's entry when it was
// posted. Without a message the entry changes and nothing is said.
type Alert struct {
	Cluster string
	Message view.Message
	Becomes Alerted
}

// Judge says what is to be said of checks. It is pure; a cluster that was never
// spoken of is taken for fresh.
func (a *Alerts) Judge(old map[string]Alerted, results []check.Result, now time.Time) []Alert {
	var say []Alert
	for _, r := range view.WorstFirst(results) {
		was, known := old[r.Cluster]
		if !known {
			was = Alerted{State: check.Fresh}
		}
		m := view.Report([]check.Result{r})
		m.Charts = nil
		is := alarms(&r)
		more := slices.DeleteFunc(slices.Clone(is), func(a string) bool { return was.Alarms == nil || slices.Contains(was.Alarms, a) })
		switch {
		case r.State != was.State && r.State == check.Fresh:
			m.Lines = append([]string{fmt.Sprintf("Mended: it was %s since %s.", was.State, was.Since.UTC().Format(time.RFC3339))}, m.Lines...)
		case r.State != was.State:
			m.Lines = append([]string{fmt.Sprintf("Changed: it was %s. `acknowledge %s` stops the reminders until it changes again.", was.State, r.Cluster)}, m.Lines...)
		case len(more) > 0:
			m.Lines = append([]string{fmt.Sprintf("New: %s. It was %s since %s. `acknowledge %s` stops the reminders until it changes again.",
				strings.Join(more, ", "), was.State, was.Since.UTC().Format(time.RFC3339), r.Cluster)}, m.Lines...)
			say = append(say, Alert{r.Cluster, m, Alerted{State: r.State, Since: was.Since, Told: now, Alarms: is}})
			continue
		case r.State != check.Fresh && was.At.IsZero() && now.Sub(was.Told) >= a.Remind:
			m.Head = "Still: " + m.Head
			m.Lines = append([]string{fmt.Sprintf("Since %s, and nobody has said that they know. `acknowledge %s` stops the reminders.", was.Since.UTC().Format(time.RFC3339), r.Cluster)}, m.Lines...)
			was.Told, was.Alarms = now, is
			say = append(say, Alert{r.Cluster, m, was})
			continue
		case r.State != check.Fresh && !slices.Equal(was.Alarms, is):
			// Some of it was mended: when it comes again, that is new.
			was.Alarms = is
			say = append(say, Alert{Cluster: r.Cluster, Becomes: was})
			continue
		default:
			continue
		}
		say = append(say, Alert{r.Cluster, m, Alerted{State: r.State, Since: now, Told: now, Alarms: is}})
	}
	return say
}

// alarms are the findings to act on, each once for whom it is about, sorted.
func alarms(r *check.Result) []string {
	list := []string{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Severity.AtLeast(health.Warning) {
			list = append(list, f.ID+" "+f.Subject)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Said keeps what was posted. Who acknowledged it meanwhile still knows.
func (a *Alerts) Said(cluster string, becomes Alerted) error {
	return a.change(func(all map[string]Alerted) error {
		if is := all[cluster]; is.State == becomes.State && is.At.After(becomes.Told) {
			becomes.By, becomes.Why, becomes.At = is.By, is.Why, is.At
		}
		all[cluster] = becomes
		return nil
	})
}

// change reads, changes and writes what was said.
func (a *Alerts) change(do func(map[string]Alerted) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, err := a.Load()
	if err != nil {
		return err
	}
	if all == nil {
		all = map[string]Alerted{}
	}
	if err := do(all); err != nil {
		return err
	}
	return a.Save(all)
}

// Watch checks all clusters and returns what is to be said of them.
func (s *Service) Watch(ctx context.Context) ([]Alert, error) {
	s.Alerts.mu.Lock()
	old, err := s.Alerts.Load()
	s.Alerts.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("what was said of the backups: %w", err)
	}
	results := s.checkAll(ctx, s.Clusters)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("watch the backups: %w", context.Cause(ctx))
	}
	var say []Alert
	for _, one := range s.Alerts.Judge(old, results, s.Now()) {
		if one.Message.Head != "" {
			say = append(say, one)
			continue
		}
		if err := s.Alerts.Said(one.Cluster, one.Becomes); err != nil {
			return nil, err
		}
	}
	return say, nil
}

// doAcknowledge says that somebody knows of a cluster's state.
func (s *Service) doAcknowledge(_ context.Context, c call) Response {
	if s.Alerts == nil {
		return failure(fmt.Errorf("acknowledge %s: no alerts are configured", c.args[0]))
	}
	var is Alerted
	err := s.Alerts.change(func(all map[string]Alerted) error {
		found, ok := all[c.args[0]]
		if !ok || found.State == check.Fresh {
			return fmt.Errorf("acknowledge %s: no alert was given of it that is not mended", c.args[0])
		}
		found.By, found.Why, found.At = c.Actor.Key(), c.flags["reason"], c.At
		all[c.args[0]], is = found, found
		return nil
	})
	if err != nil {
		return failure(err)
	}
	m := view.Message{Tone: view.Plain, Head: fmt.Sprintf("%s: %s is known to %s", c.args[0], is.State, view.Who(is.By))}
	m.Lines = []string{"There is no reminder until the state changes. Reports go on."}
	if is.Why != "" {
		m.Lines = append(m.Lines, view.Quote(is.Why))
	}
	return Response{Message: m, Data: is}
}
