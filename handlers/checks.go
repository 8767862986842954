package handlers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"aurorabot/runner/backup/check"
)

// checks look at clusters' backups.
type checks struct {
	records *records
	drives  *drives
	now     func() time.Time
	told    func(check.Result) // Called with every check that was made.

	mu    sync.Mutex
	names map[string][]string // Of the backups that the last check saw, newest first, by cluster.
}

// atOnce bounds how many clusters are checked at the same time: connections and
// memory do not grow with the fleet, and a few slow hosts delay no others.
const atOnce = 32

// checkAll checks clusters, many at once. Every one has a result: a check that
// could not be made says so.
func (s *checks) checkAll(ctx context.Context, clusters []*Cluster) []check.Result {
	results := make([]check.Result, len(clusters))
	windows, err := s.records.windows()
	room := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, k := range clusters {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if err != nil {
				results[i] = check.Failed(k.Name, k.Hosts, s.now(), err)
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
func (s *checks) CheckBackups(ctx context.Context, k *Cluster) check.Result {
	return s.checkAll(ctx, []*Cluster{k})[0]
}

// check checks one cluster. Two at a time would both decode what is new.
func (s *checks) check(ctx context.Context, k *Cluster, runs []check.Window) (r check.Result) {
	defer s.drives.turn("check of " + k.Name)()
	at := s.now()
	if k.Check == nil {
		return check.Failed(k.Name, k.Hosts, at, fmt.Errorf("backups of %s: this build cannot look at them", k.Name))
	}
	r, err := k.Check(ctx, runs)
	if err != nil {
		r = check.Failed(k.Name, k.Hosts, at, err)
	}
	s.saw(&r)
	s.told(r)
	return r
}

// seen returns the names of the backups of a cluster that the last check saw.
func (s *checks) seen(cluster string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[cluster]
}

// saw remembers the names of the backups that a check saw.
func (s *checks) saw(r *check.Result) {
	var names []string
	for i := range r.Hosts {
		for j := range r.Hosts[i].Backups {
			names = append(names, r.Hosts[i].Backups[j].Name)
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[string][]string{}
	}
	s.names[r.Cluster] = slices.Compact(names)
}
