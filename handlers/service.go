package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/drill"
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
	Check Check                                   // For report and backups.
	Tasks func(s *runner.State) ([]string, error) // Lines of the run's backup.

	Diagnose Diagnose // For assess, doctor and status.

	// Drill rehearses a recovery of the newest backup. An error means that
	// nothing was found out. Nil: no rehearsal lab is configured.
	Drill func(ctx context.Context) (drill.Drill, error)
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

	Alerts *Alerts // Between the reports. Nil: none are given.

	// Checked is told every check of a cluster's backups when it has ended. Nil:
	// nobody is. It must not block.
	Checked func(check.Result)
	Now     func() time.Time

	// Redact takes secrets out of answers. Nil: nothing is taken out.
	Redact Redactor

	table   []Command
	mu      sync.Mutex
	drives  map[string]*drive // By run.
	asking  map[string]*sync.Mutex
	tellers map[int]func(runner.Event)
	next    int
	backups map[string][]string // Names that the last check saw, by cluster.
	wait    sync.WaitGroup
	stopped bool

	closed closedRuns
	past   pastRuns
}

// A Redactor takes secrets out of what leaves the service.
type Redactor interface {
	Strings(pointer any) // Of all strings that it leads to.
	JSON(json.RawMessage) json.RawMessage
}

// A drive is the engine at work on a run.
type drive struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// Start connects the service with its engine. It must be called once, before
// anything else. It fails where a row of the table of commands makes no sense.
func (s *Service) Start() error {
	if s.table == nil {
		s.table = commands()
	}
	for i := range s.table {
		if err := s.table[i].check(); err != nil {
			return err
		}
	}
	s.drives, s.asking, s.tellers = map[string]*drive{}, map[string]*sync.Mutex{}, map[int]func(runner.Event){}
	s.Engine.Told = s.tell
	s.Engine.Recheck = s.recheck
	return nil
}

// Stop ends all drives and waits for them. What was in the middle stands in the
// journal; the next process says so and waits for a person.
func (s *Service) Stop() {
	s.mu.Lock()
	s.stopped = true
	for _, d := range s.drives {
		d.cancel(nil)
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// Subscribe has f called with every event once it is durable, in order, until
// cancel is called. f must not block.
func (s *Service) Subscribe(f func(runner.Event)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.tellers[id] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.tellers, id)
	}
}

func (s *Service) tell(e runner.Event) {
	s.mu.Lock()
	all := make([]func(runner.Event), 0, len(s.tellers))
	for _, f := range s.tellers {
		all = append(all, f)
	}
	s.mu.Unlock()
	for _, f := range all {
		f(e)
	}
}

// Recover marks every run that a former process left in the middle as stopped.
// Nothing goes on by itself.
func (s *Service) Recover() error {
	runs, err := s.Engine.Journal.Runs()
	if err != nil {
		return fmt.Errorf("open runs: %w", err)
	}
	for _, run := range runs {
		st, err := s.state(run)
		if err != nil {
			return err
		}
		if st.Status == runner.Owing && len(st.Debts()) == 0 {
			// All is done and said; only the last line is missing.
			if _, err := s.Engine.Append(run, runner.Event{Kind: runner.RunClosed, Why: st.Outcome}); err != nil {
				return err
			}
			continue
		}
		if run == auditRun || st.Status != runner.Open && st.Status != runner.Undoing && st.Status != runner.Settling {
			continue
		}
		data, err := json.Marshal(runner.Stop{Reason: runner.StopCrash, Step: st.Step})
		if err != nil {
			return fmt.Errorf("run %s: %w", run, err)
		}
		why := "the bot went away in the middle"
		if st.Step != "" {
			why += " of " + st.Step
		}
		if _, err := s.Engine.Append(run, runner.Event{Kind: runner.RunStopped, Step: st.Step, Why: why + "; a person says how it goes on", Data: data}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) state(run string) (*runner.State, error) {
	events, err := s.Engine.Journal.Events(run)
	if err != nil {
		return nil, fmt.Errorf("journal of %s: %w", run, err)
	}
	return runner.Fold(events), nil
}

// Screens returns what the run's messages show now.
func (s *Service) Screens(run string) (view.Screens, error) {
	events, err := s.Engine.Journal.Events(run)
	if err != nil {
		return view.Screens{}, fmt.Errorf("journal of %s: %w", run, err)
	}
	return view.ScreensOf(events, s.people(runner.Fold(events))), nil
}

// people counts the approvals as they stand, without asking anybody anew: for
// display only. What counts is asked again at the moment of use.
func (s *Service) people(st *runner.State) view.People {
	p := view.People{RequesterMayApprove: s.Rules.RequesterMayApprove, Gates: map[string]policy.Verdict{}, Needed: map[string][]string{}, Lasts: map[string]time.Duration{}}
	gates := maps.Clone(s.Rules.Gates)
	gates[policy.Without] = s.Rules.RuleOf(policy.Without)
	for id, rule := range gates {
		for _, f := range rule.Factors {
			p.Needed[id] = append(p.Needed[id], f.String())
		}
		p.Lasts[id] = rule.Expiry()
		gs := st.Gates[id]
		var given []policy.Approval
		for _, a := range gs.Approvals {
			given = append(given, policy.Approval{Who: s.remembered(a), Digest: a.Digest, At: a.At})
		}
		p.Gates[id] = s.Rules.Gate(id, st.Who, gs.Digest, given, st.At)
	}
	return p
}

// remembered is the person of an approval as they were when they gave it: their
// groups stand in the event.
func (s *Service) remembered(a runner.Approval) policy.Actor {
	team, user, _ := strings.Cut(a.Who, "/")
	who := policy.Actor{TeamID: team, UserID: user}
	// Without groups an approval counts for less, never for more.
	_ = json.Unmarshal(a.Data, &who.Groups)
	return who
}

func (s *Service) cluster(name string) *Cluster {
	i := slices.IndexFunc(s.Clusters, func(c *Cluster) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return s.Clusters[i]
}

// recipe makes the recipe of a run.
func (s *Service) recipe(st *runner.State) (*runner.Recipe, error) {
	c := s.cluster(st.Request.Cluster)
	if c == nil {
		return nil, fmt.Errorf("run %s: cluster %s is not configured any more", st.Run, st.Request.Cluster)
	}
	make, ok := c.Recipes[st.Request.Recipe]
	if !ok {
		return nil, fmt.Errorf("run %s: cluster %s has no recipe %q", st.Run, c.Name, st.Request.Recipe)
	}
	return make()
}

// open returns the open run of a cluster, nil if there is none: it is the
// cluster's lock. One that only waits for debts comes last.
func (s *Service) open(cluster string) (*runner.State, error) {
	states, err := s.Unclosed()
	if err != nil {
		return nil, err
	}
	var owing *runner.State
	for _, st := range states {
		switch {
		case st.Request.Cluster != cluster:
		case st.Status == runner.Owing:
			owing = st
		default:
			return st, nil
		}
	}
	return owing, nil
}

// errBusy is why a run is not driven: it already is.
var errBusy = errors.New("it is at work already; abort it first")

// drive lets the engine work on a run in the background.
func (s *Service) drive(run string, r *runner.Recipe, work func(context.Context, *runner.Recipe, string) (*runner.State, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("the bot is stopping")
	}
	if s.drives[run] != nil {
		return errBusy
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &drive{cancel: cancel, done: make(chan struct{})}
	s.drives[run] = d
	s.wait.Go(func() {
		defer cancel(nil)
		_, err := work(ctx, r, run)
		s.mu.Lock()
		delete(s.drives, run)
		s.mu.Unlock()
		close(d.done)
		if err != nil {
			s.broken(run, err)
		}
		s.tell(runner.Event{Run: run, Kind: Settled})
	})
	return nil
}

// Settled is told, and not journaled, when the engine has come to rest on a run.
const Settled runner.Kind = "settled"

// broken says in the journal that the program itself could not go on, if the
// journal still takes it.
func (s *Service) broken(run string, err error) {
	data, merr := json.Marshal(runner.Stop{Reason: runner.StopFailed})
	if merr != nil {
		return
	}
	// If this fails too, the journal is down: what is not in it did not happen,
	// and the next process finds the run in the middle.
	_, _ = s.Engine.Append(run, runner.Event{Kind: runner.RunStopped, Why: err.Error(), Data: data})
}

// halt stops the engine on a run and waits until it stands.
func (s *Service) halt(ctx context.Context, run string) error {
	s.mu.Lock()
	d := s.drives[run]
	s.mu.Unlock()
	if d == nil {
		return nil
	}
	d.cancel(runner.ErrAborted) // What goes on by itself on a host is ended, too.
	return s.rest(ctx, run)
}

// rest waits until the engine does not work on a run.
func (s *Service) rest(ctx context.Context, run string) error {
	s.mu.Lock()
	d := s.drives[run]
	s.mu.Unlock()
	if d == nil {
		return nil
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("run %s does not come to rest: %w", run, ctx.Err())
	}
}

// Busy reports whether the engine works on the run now.
func (s *Service) Busy(run string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drives[run] != nil
}

// turn makes requests about one run or cluster stand in line.
func (s *Service) turn(key string) func() {
	s.mu.Lock()
	m := s.asking[key]
	if m == nil {
		m = &sync.Mutex{}
		s.asking[key] = m
	}
	s.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// Events returns all events of a run.
func (s *Service) Events(run string) ([]runner.Event, error) { return s.Engine.Journal.Events(run) }

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
func Summary(st *runner.State) map[string]any {
	return openRuns([]*runner.State{st})[0]
}
