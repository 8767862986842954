package recovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/zk"
)

// groupBefore is what a start leaves: who was in the log's group before it.
type groupBefore struct {
	// Newest is the highest number of a member in ZooKeeper before the start, -1 if
	// there was none. A member of this start has a higher one, whatever the clocks
	// say. Nil: not known.
	Newest *int64 `json:"newest_member,omitempty"`
}

// newestMember is the highest number in the log's group now, nil if it can't be told.
func (r leading) newestMember(ctx context.Context, t *runner.Task) *int64 {
	members, err := r.members(ctx, t.State)
	if err != nil || r.Cluster.ZooKeeper == "none" {
		return nil // Then times are compared.
	}
	newest := int64(-1)
	for _, m := range members {
		n, err := strconv.ParseInt(m.Node, 10, 64)
		if err != nil {
			return nil
		}
		newest = max(newest, n)
	}
	return &newest
}

// members are the log's group in ZooKeeper; none where there is no ZooKeeper.
func (r leading) members(ctx context.Context, s *runner.State) ([]zk.Replica, error) {
	if r.Cluster.ZooKeeper == "none" {
		return nil, nil
	}
	l, err := look(s, r.anyScheduler(s))
	if err != nil {
		return nil, err
	}
	z, err := r.any(s).OpenZooKeeper(l.Flags["zk_endpoints"])
	if err != nil {
		return nil, err
	}
	list, err := z.LogReplicas(ctx, l.Flags["native_log_zk_group_path"])
	if errors.Is(err, zk.ErrNoNode) {
		return nil, nil
	}
	return list, err
}

// A membership is whether a host's replica is in the log's group by evidence of
// its scheduler's present start: the supervisor says active long before the
// replica is open, and what ZooKeeper lists may be left from the process before,
// for as long as its session (recorded: 6 to 20 s).
type membership struct {
	host string
	in   bool
	why  string
}

// memberships asks for all hosts of the run.
func (r leading) memberships(ctx context.Context, t *runner.Task) ([]membership, error) {
	members, err := r.members(ctx, t.State)
	if err != nil {
		return nil, fmt.Errorf("who is in the log's group: %w", err)
	}
	return node.Everywhere(r.nodes(t.State), func(n *node.Node) (membership, error) {
		m, err := r.membershipOf(ctx, t.State, n, members)
		if err != nil {
			err = fmt.Errorf("whether its replica is in the log's group: %w", err)
		}
		return m, err
	})
}

func (r leading) membershipOf(ctx context.Context, run *runner.State, n *node.Node, members []zk.Replica) (membership, error) {
	m := membership{host: n.Name}
	l, err := n.Known()
	if err != nil {
		return m, err
	}
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return m, err
	}
	if len(mine) != 1 {
		m.why = fmt.Sprintf("%d schedulers run", len(mine))
		return m, nil
	}
	var before groupBefore
	if step := newestStart(run, n.Name); step != "" {
		run.Receipt(step, n.Name, &before)
	}
	began := mine[0].Since.Add(-l.Skew)
	own, _ := r.leaving().writtenAddresses(run, n.Name)
	at := membersAt(members, own)
	if len(at) == 0 {
		at = membersAt(members, r.leaving().addressesOf(ctx, run, n.Name))
	}
	for _, p := range at {
		if !p.Stale && newer(p, before, began) {
			m.in, m.why = true, fmt.Sprintf("member %s of this start", p.Node)
			return m, nil
		}
	}
	if len(at) > 0 && before.Newest != nil {
		m.why = "ZooKeeper lists the replica of the process before only"
		return m, nil
	}
	// Its address may be one that is not known here, or there is no ZooKeeper, or the
	// bot died before it noted who was there: that a member seems older than the start
	// then proves nothing, for one time is ZooKeeper's and one the host's. The
	// scheduler's own word counts, in its log or over HTTP.
	s, err := n.Logged(ctx, mine[0].Since)
	if err != nil {
		return m, err
	}
	for _, line := range s.Found {
		if line.Finding == "replica-votes" || line.Finding == "group-joined" {
			m.in, m.why = true, "its log says so: "+strings.TrimSpace(line.Example)
			return m, nil
		}
	}
	m.why = "no member of its address, and no line of its log"
	if v, err := n.Client().Vars(ctx); err == nil {
		state, err := v.Lifecycle()
		if m.in = err == nil && (state == "STORAGE_PREPARED" || state == aurora.Awaiting || state == "ACTIVE" && real(run)); m.in {
			m.why = "/vars say " + state
		}
	}
	return m, nil
}

// membersAt are the members that listen at one of the addresses.
func membersAt(members []zk.Replica, addresses []netip.Addr) []zk.Replica {
	var at []zk.Replica
	for _, p := range members {
		if slices.Contains(addresses, p.Address.Addr().Unmap()) {
			at = append(at, p)
		}
	}
	return at
}

// newer reports whether a member joined after a start: by its number where that
// was noted before the start, else by ZooKeeper's clock.
func newer(p zk.Replica, before groupBefore, began time.Time) bool {
	n, err := strconv.ParseInt(p.Node, 10, 64)
	if before.Newest != nil && err == nil {
		return n > *before.Newest
	}
	return p.Created.After(began)
}

// joins is how long a replica may take from its scheduler's start until it is in
// the group: one starts in stages (recorded: 1.6 to 3 s, on a busy host more).
const joins = time.Minute

// allInGroup waits until every replica is in the log's group. One that missed a
// write fetches nothing by itself, so nothing is written before.
func (r leading) allInGroup(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	return r.inGroup(ctx, t, 2*r.Cluster.SessionLimit+joins, len(r.everyScheduler(t.State)))
}

// quorumInGroup waits until enough replicas are in the group that a write can
// succeed: without a quorum the write ends the leader.
func (r leading) quorumInGroup(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	return r.inGroup(ctx, t, joins, r.Cluster.Quorum())
}

func (r leading) inGroup(ctx context.Context, t *runner.Task, limit time.Duration, enough int) (runner.Answer, error) {
	a, err := r.Until(ctx, limit, func(ctx context.Context) (runner.Answer, error) {
		all, err := r.memberships(ctx, t)
		if err != nil {
			return runner.Answer{}, err
		}
		in, words := 0, make([]string, len(all))
		for i, m := range all {
			words[i] = fmt.Sprintf("%s: %s", m.host, m.why)
			if m.in {
				in++
			} else {
				words[i] = fmt.Sprintf("%s is NOT: %s", m.host, m.why)
			}
		}
		return runner.Answer{Yes: in >= enough, Evidence: fmt.Sprintf("%d of %d replicas are in the log's group (%s)", in, len(all), strings.Join(words, "; "))}, nil
	})
	if err == nil && !a.Yes && t.State.Irreversible() {
		err = r.closing().ended(ctx, t)
	}
	return a, err
}
