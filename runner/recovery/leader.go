package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/zk"
)

// A fence names the one scheduler that leads: another host, process or start
// is another leader, and what was staged is gone.
type fence struct {
	Host      string    `json:"host"`
	PID       int       `json:"pid"`
	Start     uint64    `json:"start"`
	ElectedAt time.Time `json:"elected_at"` // By its own log, else when its process started; UTC, the bot's clock.
	Says      []string  `json:"says"`       // Who says what.
}

// fenceOf is the leader that was found in this run.
func fenceOf(s *runner.State) (fence, bool) {
	f, _ := foundLeader.Of(s, runner.Bot)
	return f, f.Host != ""
}

// electedLeader polls until /vars, the candidates, the processes and the logs agree
// on one leader of the disabled state, for twice ZooKeeper's session timeout and the
// time that a leader needs to be ready. In this state get_scheduler and member_
// nodes are expected to find nobody.
func (r leading) electedLeader(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	var last fence
	limit := 2*r.Cluster.SessionLimit + 45*time.Second
	a, err := r.Until(ctx, limit, func(ctx context.Context) (runner.Answer, error) {
		f, why, err := r.whoLeads(ctx, t)
		if err == nil && why == "" {
			why, err = r.logsAgree(ctx, t, &f)
		}
		if err != nil {
			return runner.Answer{}, err
		}
		if why != "" {
			return runner.No("%s", why), nil
		}
		last = f
		how := "disabled and ready"
		if real(t.State) {
			how = "registered with Mesos"
		}
		return runner.Yes("%s leads (PID %d), %s:\n%s", f.Host, f.PID, how, strings.Join(f.Says, "\n")), nil
	})
	if err == nil && !a.Yes && t.State.Irreversible() {
		if err := r.closing().ended(ctx, t); err != nil {
			return runner.Answer{}, err
		}
	}
	if err == nil && !a.Yes && !t.State.Irreversible() {
		// Nobody leads because somebody is gone: that is mended by starting them.
		nodes := r.nodes(t.State)
		gone, _ := node.Everywhere(nodes, func(n *node.Node) (string, error) { return missing(ctx, t.State, n), nil })
		for i, why := range gone {
			if why != "" {
				return runner.Answer{}, replaced(t, nodes[i].Name, why)
			}
		}
	}
	if err != nil || !a.Yes {
		return a, err
	}
	if was, ok := fenceOf(t.State); ok && was.Host == last.Host && was.PID == last.PID && was.Start == last.Start {
		last.ElectedAt = was.ElectedAt // Found again: its time runs since then.
	}
	return a.With(last), nil
}

// missing says why a host's scheduler is not the one that this run started, or
// takes no part any more; "" if it is there, or if it can't be told.
func missing(ctx context.Context, s *runner.State, n *node.Node) string {
	if is, err := exactly(ctx, s, n); err == nil && !is.Yes {
		return is.Evidence
	}
	if _, why, err := n.Gone(ctx); err == nil && why != "" {
		return n.Name + ": " + why
	}
	return ""
}

// whoLeads looks once. why is not empty as long as the sources don't agree. A
// leader waits for Mesos where schedulers are disabled, and is registered elsewhere.
func (r leading) whoLeads(ctx context.Context, t *runner.Task) (f fence, why string, err error) {
	looks := map[string]node.Look{}
	var leaders []string
	nodes := r.nodes(t.State)
	states, err := node.Everywhere(nodes, func(n *node.Node) (string, error) {
		v, err := n.Client().Vars(ctx)
		if err != nil {
			return "no answer", nil //nolint:nilerr // That is an answer here.
		}
		return v.Lifecycle()
	})
	if err != nil {
		return f, "", err
	}
	for i, state := range states {
		name := nodes[i].Name
		if looks[name], err = nodes[i].Known(); err != nil {
			return f, "", err
		}
		if state == aurora.Awaiting || state == "ACTIVE" {
			leaders = append(leaders, name)
		}
		if state == "ACTIVE" && !real(t.State) {
			return f, "", fmt.Errorf("%s is ACTIVE: it is registered with a Mesos master, which must not happen now", name)
		}
		f.Says = append(f.Says, fmt.Sprintf("/vars of %s: %s", name, state))
	}
	if len(leaders) != 1 {
		return f, fmt.Sprintf("%d schedulers say that they lead (%s)", len(leaders), strings.Join(f.Says, "; ")), nil
	}
	f.Host = leaders[0]
	if real(t.State) && !slices.Contains(states, "ACTIVE") {
		return f, fmt.Sprintf("%s leads and is not registered with Mesos yet", f.Host), nil
	}
	if why, err = r.lowestCandidate(ctx, t.State, looks, &f); err != nil || why != "" {
		return f, why, err
	}
	n := r.node(t.State, f.Host)
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return f, "", err
	}
	if len(mine) != 1 {
		return f, fmt.Sprintf("%s leads, but runs %d scheduler processes", f.Host, len(mine)), nil
	}
	f.PID, f.Start = mine[0].PID, mine[0].Start
	// Elected is not ready: staging needs nothing, but commit needs its storage.
	reply, err := r.Node(f.Host).Client().Tasks(ctx)
	if err != nil {
		return f, fmt.Sprintf("%s leads, but its storage does not answer yet: %v", f.Host, err), nil
	}
	if !reply.OK() {
		return f, fmt.Sprintf("%s leads, but: %s", f.Host, reply), nil
	}
	f.Says = append(f.Says, fmt.Sprintf("process on %s: PID %d", f.Host, f.PID), fmt.Sprintf("storage of %s: READY, %d tasks", f.Host, len(reply.Tasks)))
	return f, "", nil
}

// lowestCandidate compares the candidate with the lowest number with the leader.
func (r leading) lowestCandidate(ctx context.Context, s *runner.State, looks map[string]node.Look, f *fence) (why string, err error) {
	if r.Cluster.ZooKeeper == "none" {
		f.Says = append(f.Says, "ZooKeeper: there is none")
		return "", nil
	}
	flags := looks[r.anyScheduler(s)].Flags
	z, err := r.any(s).OpenZooKeeper(flags["zk_endpoints"])
	if err != nil {
		return "", err
	}
	candidates, err := z.Candidates(ctx, flags["serverset_path"])
	if errors.Is(err, zk.ErrNoNode) {
		return "no candidate in ZooKeeper", nil
	}
	if err != nil {
		return "", err
	}
	if len(candidates) == 0 {
		return "no candidate in ZooKeeper", nil
	}
	sort.SliceStable(candidates, func(i, j int) bool { return candidates[i].Sequence < candidates[j].Sequence })
	first := candidates[0]
	if name := r.SchedulerOf(first.Host, looks); name != f.Host {
		return fmt.Sprintf("%s says that it leads, but ZooKeeper's first candidate is %s (%s)", f.Host, first.Host, first.Node), nil
	}
	f.Says = append(f.Says, fmt.Sprintf("ZooKeeper: %s of %s is first of %d candidates", first.Node, first.Host, len(candidates)))
	return "", nil
}

// sameLeader asks whether the leader is still the one of the fence.
func (r leading) sameLeader(ctx context.Context, t *runner.Task) error {
	f, ok := fenceOf(t.State)
	if !ok {
		return fmt.Errorf("no leader was found in this run")
	}
	var now fence
	var why string
	// A look can fall into the moment of a change: what lasts counts.
	a, err := r.Until(ctx, 2*r.Cluster.SessionLimit, func(ctx context.Context) (runner.Answer, error) {
		var err error
		now, why, err = r.whoLeads(ctx, t)
		return runner.Answer{Yes: why == "", Evidence: why}, err
	})
	if err != nil {
		return err
	}
	if !a.Yes || now.Host != f.Host || now.PID != f.PID || now.Start != f.Start {
		if a.Yes {
			why = fmt.Sprintf("%s leads as PID %d", now.Host, now.PID)
		}
		if err := tell(t, health.Found("leader-changed", r.Cluster.Name, "it was %s (PID %d), now: %s", f.Host, f.PID, why)); err != nil {
			return err
		}
		return &runner.Ending{
			Reason: runner.StopExpired, Reopen: afterElection,
			Why: fmt.Sprintf("the leader changed: it was %s (PID %d), now: %s. What was staged is gone, and approvals for it are void; resume finds the leader and stages again", f.Host, f.PID, why),
		}
	}
	return nil
}

// disabledUntil is when the disabled state ends by itself, half an hour before:
// each leader gives up after -max_registration_delay and -max_leading_duration.
func (r leading) disabledUntil(s *runner.State) time.Time {
	f, ok := fenceOf(s)
	if !ok {
		return time.Time{}
	}
	l, err := look(s, f.Host)
	if err != nil {
		return time.Time{}
	}
	lasts := r.disabledFor(l)
	if lasts == 0 {
		return time.Time{}
	}
	return f.ElectedAt.Add(lasts)
}

// disabledFor is how long a scheduler can be relied on in the disabled state:
// half an hour less than what its flags say. Zero: not known.
func (r leading) disabledFor(l node.Look) time.Duration {
	wait, err := aurora.ParseAmount(r.Cluster.RegistrationWait)
	if err != nil {
		return 0
	}
	leads := 24 * time.Hour // Aurora's default.
	if v, ok := l.Flags["max_leading_duration"]; ok {
		if leads, err = aurora.ParseAmount(v); err != nil {
			return 0
		}
	}
	return min(wait, leads) - 30*time.Minute
}

// renewed are the steps that have their turn again when the disabled state is
// about to end: the schedulers are started anew, and all that rests on them.
func renewed(s *runner.State) []string {
	start := stepStart
	if len(s.Steps[stepRestart]) > 0 {
		start = stepRestart
	}
	return append([]string{start}, afterElection...)
}

// logsAgree asks the logs of all schedulers, since their processes began, and
// takes the time of the election from the leader's. Where that does not say, the
// process's own start stands for it: the leader cannot have been elected before.
func (r leading) logsAgree(ctx context.Context, t *runner.Task, f *fence) (why string, err error) {
	type word struct {
		began time.Time // By the bot's clock. Zero: it does not lead.
		diagnose.Election
	}
	words, err := node.Everywhere(r.nodes(t.State), func(n *node.Node) (w word, err error) {
		l, err := n.Known()
		if err != nil {
			return w, err
		}
		mine, _, err := n.Schedulers(ctx)
		if err != nil || len(mine) != 1 {
			return w, err // What its old processes logged is not asked for.
		}
		s, err := n.Logged(ctx, mine[0].Since)
		w.began = mine[0].Since.Add(-l.Skew).UTC()
		if !s.Missing && !s.Silent {
			w.Election = diagnose.ElectionIn(s.Found, l.Skew)
		}
		return w, err
	})
	if err != nil {
		return "", err
	}
	names, said := r.everyScheduler(t.State), map[string]diagnose.Election{}
	for i, name := range names {
		w := words[i]
		if w.began.IsZero() {
			continue
		}
		said[name] = w.Election
		if name == f.Host {
			if f.ElectedAt = w.began; w.At.After(w.began) && w.At.Before(r.Now()) {
				f.ElectedAt = w.At
			}
		}
		f.Says = append(f.Says, fmt.Sprintf("log of %s since it started: %s", name, w.Election))
	}
	return diagnose.Contradicts(f.Host, said, names, 2*r.Cluster.MaxClockSkew), nil
}
