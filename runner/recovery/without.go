package recovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/zk"
)

// without is what is looked at before people decide to go on without a host,
// and again right after: docs/adr/0012.
func (r leaving) without() runner.Phase {
	asked := func(s *runner.State) []string { return s.Asked() }
	return runner.Phase{ID: runner.PhaseWithout, Title: "Going on without a host", Source: "Safety rule 1", Steps: []runner.Step{
		{
			ID: stepDepart, Source: "Safety rule 1", Title: "Is it gone? Its nodes in ZooKeeper, the port of its log, SSH",
			On: asked, Check: r.lookAtDeparture,
		},
		{
			ID: stepLeave, Source: "Safety rule 1", Title: "Leave it out, with a quorum of the others",
			On: asked, Check: r.mayLeave,
		},
	}}
}

// departure is what is known of a host that cannot be reached: the facts of
// without/look.
type departure struct {
	Proved  bool     `json:"proved"`            // Nothing of it answers, and ZooKeeper has forgotten it.
	Alive   []string `json:"alive,omitempty"`   // What says that its scheduler takes part: then it is not left out.
	Unclear []string `json:"unclear,omitempty"` // What could not be told: the approvers attest it.
	Open    []string `json:"open,omitempty"`    // The questions that Unclear answers, one for each.
	Says    []string `json:"says"`              // Each question with its answer.
	SSH     bool     `json:"ssh,omitempty"`     // It answered over SSH: that it does later is no news.
}

func (d *departure) say(format string, args ...any) {
	d.Says = append(d.Says, fmt.Sprintf(format, args...))
}

// What is asked of a host that cannot be reached.
const (
	askedSSH       = "ssh"
	askedZooKeeper = "zookeeper"
	askedPorts     = "ports" // All of them: where they are is not known.
	askedPort      = "port " // One, with its address.
)

func (d *departure) unclear(question, format string, args ...any) {
	d.Open = append(d.Open, question)
	d.Unclear = append(d.Unclear, fmt.Sprintf(format, args...))
}

// lookAtDeparture waits for as long as a dead scheduler's nodes stay in
// ZooKeeper.
func (r leaving) lookAtDeparture(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a := r.restIsQuorum(t); !a.Yes {
		return a, nil
	}
	var d departure
	a, err := r.Until(ctx, 2*r.Cluster.SessionLimit, func(ctx context.Context) (runner.Answer, error) {
		d = r.departed(ctx, t)
		return runner.Answer{Yes: len(d.Alive) == 0, Evidence: strings.Join(d.Alive, "; ")}, nil
	})
	if err != nil {
		return runner.Answer{}, err
	}
	if !a.Yes {
		return runner.No("%s is not gone: %s. A host that takes part cannot be left out: mend it, or switch it off and ask again", t.On, a.Evidence), nil
	}
	words := strings.Join(d.Says, "\n")
	if !d.Proved {
		words += "\nnot proved: " + strings.Join(d.Unclear, "; ")
	}
	return runner.Yes("%s", words).With(d), nil
}

// since is what could be told when people decided, and cannot now: it may be
// coming back, and silence proves nothing. Questions are compared and not words:
// after pre-flight more is known of where the host's log listens, and a network
// words its silence in several ways.
func (d *departure) since(before *departure) string {
	open := before.Open
	if len(open) == 0 {
		for _, words := range before.Unclear {
			open = append(open, questionOf(words))
		}
	}
	var more []string
	for i, q := range d.Open {
		if !slices.Contains(open, q) && !(strings.HasPrefix(q, askedPort) && slices.Contains(open, askedPorts)) {
			more = append(more, d.Unclear[i])
		}
	}
	return strings.Join(more, "; ")
}

// questionOf reads the question out of words that a version wrote down which did
// not write down questions.
func questionOf(words string) string {
	var address string
	switch n, _ := fmt.Sscanf(words, "whether port %s is closed", &address); {
	case n == 1:
		return askedPort + address
	case strings.Contains(words, "SSH"):
		return askedSSH
	case strings.Contains(words, "ZooKeeper"):
		return askedZooKeeper
	}
	return askedPorts
}

// mayLeave looks again after the approvals: a host that answers now is not gone.
func (r leaving) mayLeave(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a := r.restIsQuorum(t); !a.Yes {
		return a, nil
	}
	before, ok := foundDeparture.Of(t.State, t.On)
	if !ok {
		return runner.Answer{}, fmt.Errorf("what became of %s was not looked at", t.On)
	}
	now := r.departed(ctx, t)
	switch {
	case len(now.Alive) > 0:
		return runner.No("%s came back while people decided: %s", t.On, strings.Join(now.Alive, "; ")), nil
	case now.SSH && !before.SSH:
		return runner.No("%s came back while people decided: it answers over SSH", t.On), nil
	case now.since(&before) != "":
		return runner.Answer{}, fmt.Errorf("whether %s is gone still can't be told as it could when people were asked: %s", t.On, now.since(&before))
	case before.Proved:
		return runner.Yes("%s is gone: %s", t.On, strings.Join(now.Says, "; ")), nil
	}
	return runner.Yes("%s is gone, by the word of those who approved (not proved: %s)", t.On, strings.Join(before.Unclear, "; ")), nil
}

// restIsQuorum asks whether the others suffice to elect a leader and to write.
func (r leaving) restIsQuorum(t *runner.Task) runner.Answer {
	asked := t.State.Asked()
	rest := 0
	for _, name := range r.everyScheduler(t.State) {
		if !slices.Contains(asked, name) {
			rest++
		}
	}
	if rest < r.Cluster.Quorum() {
		return runner.No("without %s %d of %d schedulers are left, and %d are needed", strings.Join(asked, ", "), rest, len(r.Cluster.Schedulers), r.Cluster.Quorum())
	}
	return runner.Yes("%d of %d schedulers are left, a quorum", rest, len(r.Cluster.Schedulers))
}

// departures is what the gate binds: no error's words, which differ each time.
func departures(s *runner.State) any {
	list := map[string]any{}
	for _, l := range s.Without {
		d, ok := foundDeparture.Of(s, l.Host)
		if ok {
			list[l.Host] = map[string]any{"proved": d.Proved, "unclear": d.Unclear}
		}
	}
	return list
}

// departed asks everything once, all at the same time: a host that is off lets
// each question wait for its limit. What it cannot tell stands in Unclear.
func (r leaving) departed(ctx context.Context, t *runner.Task) departure {
	addresses := r.addressesOf(ctx, t.State, t.On)
	parts := [3]departure{}
	var asking sync.WaitGroup
	asking.Go(func() { askSSH(ctx, t, &parts[0]) })
	asking.Go(func() { r.askMembership(ctx, t, addresses, &parts[1]) })
	asking.Go(func() { r.askPorts(ctx, t, addresses, &parts[2]) })
	asking.Wait()
	var d departure
	for _, p := range parts {
		d.add(p)
	}
	d.Proved = len(d.Unclear) == 0 && len(d.Alive) == 0
	return d
}

// add takes what another question told.
func (d *departure) add(p departure) {
	d.Alive, d.Unclear = append(d.Alive, p.Alive...), append(d.Unclear, p.Unclear...)
	d.Open, d.Says = append(d.Open, p.Open...), append(d.Says, p.Says...)
	d.SSH = d.SSH || p.SSH
}

func askSSH(ctx context.Context, t *runner.Task, d *departure) {
	_, err := t.Host.Run(ctx, runner.Command{Argv: []string{"true"}, Limit: 10 * time.Second})
	var dial *net.OpError
	switch {
	case err == nil:
		d.SSH = true
		d.say("SSH: it answers")
		d.unclear(askedSSH, "it answers over SSH")
	case errors.As(err, &dial) && dial.Op == "dial":
		d.say("SSH: %v", dial.Err)
	default:
		d.say("SSH: %v", err)
		d.unclear(askedSSH, "whether it runs can't be told over SSH")
	}
}

// askMembership looks for the host among ZooKeeper's candidates and replicas.
func (r leaving) askMembership(ctx context.Context, t *runner.Task, addresses []netip.Addr, d *departure) {
	if r.Cluster.ZooKeeper == "none" {
		d.say("ZooKeeper: there is none")
		return
	}
	flags, err := r.flagsOfAny(ctx, t.State)
	var candidates []zk.Candidate
	var replicas []zk.Replica
	if err == nil {
		candidates, replicas, err = r.any(t.State).Group(ctx, flags)
	}
	if err != nil {
		d.say("ZooKeeper: %v", err)
		d.unclear(askedZooKeeper, "whether ZooKeeper still lists it")
		return
	}
	for _, c := range candidates {
		if r.SchedulerOf(c.Host, nil) == t.On {
			d.Alive = append(d.Alive, "it is a candidate in ZooKeeper ("+c.Node+")")
		}
	}
	for _, p := range replicas {
		if slices.Contains(addresses, p.Address.Addr().Unmap()) {
			d.Alive = append(d.Alive, "its replica is in the log's group in ZooKeeper ("+p.PID+")")
		}
	}
	if len(d.Alive) == 0 {
		d.say("ZooKeeper: neither a candidate nor a replica of it among %d and %d", len(candidates), len(replicas))
	}
	if len(addresses) == 0 {
		d.unclear(askedZooKeeper, "under which address its replica would be in ZooKeeper")
	}
}

// flagsOfAny are the flags that pre-flight found, or, before it, those of a
// configuration file.
func (r leaving) flagsOfAny(ctx context.Context, s *runner.State) (map[string]string, error) {
	asked := s.Asked()
	why := errors.New("no scheduler is left to ask")
	for _, name := range r.everyScheduler(s) {
		if slices.Contains(asked, name) {
			continue
		}
		if l, err := look(s, name); err == nil {
			return l.Flags, nil
		}
		_, vars, err := r.node(s, name).Config(ctx)
		if err != nil {
			why = err
			continue
		}
		flags := node.FlagsOf(vars)
		if flags["zk_endpoints"] != "" && flags["serverset_path"] != "" && flags["native_log_zk_group_path"] != "" {
			return flags, nil
		}
		why = fmt.Errorf("the configuration of %s does not say where", name)
	}
	return nil, why
}

// askPorts dials the port of its log and that of its scheduler from another host.
func (r leaving) askPorts(ctx context.Context, t *runner.Task, addresses []netip.Addr, d *departure) {
	ports := r.portsOf(t.State, t.On, addresses)
	if len(addresses) == 0 || len(ports) == 0 {
		d.say("its log's port: not known")
		d.unclear(askedPorts, "the address of its log")
		return
	}
	from := r.neighbour(t)
	var at []string
	for _, a := range addresses {
		for _, port := range ports {
			at = append(at, netip.AddrPortFrom(a, port).String())
		}
	}
	parts := make([]departure, len(at))
	var asking sync.WaitGroup
	for i, address := range at {
		asking.Go(func() { askPort(ctx, from, address, &parts[i]) })
	}
	asking.Wait()
	for _, p := range parts {
		d.add(p)
	}
}

// answersWithin is how long a neighbour of the same network may take to take a
// connection: SYN is sent again after a second.
const answersWithin = 2 * time.Second

func askPort(ctx context.Context, from runner.Host, address string, d *departure) {
	within, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	conn, err := from.Dial(within, address)
	switch {
	case err == nil:
		conn.Close()
		d.Alive = append(d.Alive, fmt.Sprintf("somebody listens at %s, seen from %s", address, from.Name()))
	case errors.Is(err, syscall.ECONNREFUSED):
		d.say("port %s: closed, seen from %s", address, from.Name())
	default:
		d.say("port %s: no answer, seen from %s", address, from.Name())
		d.unclear(askedPort+address, "whether port %s is closed: a host behind a cut network looks the same", address)
	}
}

// neighbour is a host to look from.
func (r leaving) neighbour(t *runner.Task) runner.Host {
	for _, name := range r.everyScheduler(t.State) {
		if name != t.On && !slices.Contains(t.State.Asked(), name) {
			return r.Hosts[name]
		}
	}
	return t.Host
}

// stillGone holds as long as a host that was left out cannot take part: it is
// gone, or it came back and its scheduler is kept from starting.
func (r leaving) stillGone(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	now := r.departed(ctx, t)
	if len(now.Alive) > 0 {
		return runner.No("%s is back, and its scheduler TAKES PART: %s. Its replica votes with what it holds from before. `settle %s %s` stops it before anything else", t.On, strings.Join(now.Alive, "; "), t.State.Run, t.On), nil
	}
	before, known := foundDeparture.Of(t.State, t.On)
	if !now.SSH {
		if why := now.since(&before); known && why != "" {
			return runner.Answer{}, fmt.Errorf("whether %s is still gone can't be told as it could when people decided: %s", t.On, why)
		}
		return runner.Yes("%s is still gone", t.On), nil
	}
	u, err := n.Supervisor().State(ctx)
	if err == nil && u.Running {
		return runner.No("%s is back, and its scheduler RUNS (%s). `settle %s %s` stops it before anything else", t.On, u.Words, t.State.Run, t.On), nil
	}
	if err == nil && !u.Enabled && !u.Restarts {
		return runner.Yes("%s is back, and kept from taking part: %s", t.On, u.Words), nil
	}
	if err != nil && known && before.SSH {
		return runner.Yes("%s answers over SSH as before, and does not take part", t.On), nil
	}
	if err != nil {
		return runner.Answer{}, fmt.Errorf("%s answers over SSH again, and whether its scheduler runs can't be told: %w", t.On, err)
	}
	return runner.No("%s is back, and its scheduler may start at any time (%s). `settle %s %s` keeps it from taking part", t.On, u.Words, t.State.Run, t.On), nil
}

// rests are the steps whose findings rest on a host that is left out.
func rests(s *runner.State, host string) []string {
	var again []string
	if s.Phases["reinitialize"] == "" && s.Of(stepDecide, runner.Bot).Progress != "" {
		again = append(again, stepDecide, stepConfirm) // One replica fewer is another assessment.
	}
	if !s.Commit.Sent && s.Of(stepElected, runner.Bot).Progress != "" {
		again = append(again, afterElection...)
	}
	if next, ok := nextLeader(s); ok && next.Host == host && !s.Passed(stepVoting, runner.Bot) {
		again = append(again, stepProof)
	}
	return again
}

// owes says what a host owes that was left out. Where a run ended with nothing
// done to it nor to the log, that is nothing: its replica is as good as before.
func owes(s *runner.State, host string) []string {
	begun := func(steps ...string) bool {
		return slices.ContainsFunc(steps, func(id string) bool { return s.Of(id, host).Begun })
	}
	touched := begun(stepSupervise, stepStop, stepEvidence, stepBlock, stepConfigure, stepStart, stepReStop, stepAside, stepInit, stepRestart)
	if !touched && !s.Irreversible() {
		return nil
	}
	owes := []string{"log folder aside"}
	if begun(stepConfigure) {
		owes = append(owes, "flags")
	}
	if begun(stepSupervise) {
		owes = append(owes, "supervision")
	}
	if begun(stepBlock) {
		owes = append(owes, "traffic")
	}
	return append(owes, "start as a fresh replica")
}

// addressesOf are the IP addresses that a host is known by. None: not known.
func (r leaving) addressesOf(ctx context.Context, s *runner.State, name string) []netip.Addr {
	found, names := r.writtenAddresses(s, name)
	resolve := r.Resolve
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	for _, n := range names {
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		resolved, err := resolve(within, n)
		cancel()
		if err != nil {
			continue // Then it is not known by this name; the others may do.
		}
		for _, text := range resolved {
			if a, err := netip.ParseAddr(text); err == nil {
				found = withAddress(found, a)
			}
		}
	}
	return found
}

// writtenAddresses are the addresses of a host that stand in the configuration
// or in its flags, and the names there that have to be looked up.
func (r leaving) writtenAddresses(s *runner.State, name string) (found []netip.Addr, names []string) {
	sch := r.Cluster.Scheduler(name)
	texts := []string{sch.Hostname}
	if host, _, err := net.SplitHostPort(sch.HTTP); err == nil {
		texts = append(texts, host)
	}
	if l, err := look(s, name); err == nil {
		texts = append(texts, l.Flags["ip"], l.Flags["hostname"])
	}
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			found = withAddress(found, a)
		} else if text != "" && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	return found, names
}

// withAddress adds an address that is one host's: 127.0.0.1 and 0.0.0.0 are
// every host's own.
func withAddress(list []netip.Addr, a netip.Addr) []netip.Addr {
	a = a.Unmap()
	if a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback() || a.IsUnspecified() || slices.Contains(list, a) {
		return list
	}
	return append(list, a)
}

// portsOf are the ports of a host's log, as pre-flight saw it in ZooKeeper, or
// as the other replicas have theirs; and that of its HTTP server.
func (r leaving) portsOf(s *runner.State, name string, addresses []netip.Addr) []uint16 {
	c, _ := foundCluster.Of(s, runner.Bot)
	var own, others, ports []uint16
	for _, text := range c.Replicas {
		p, err := netip.ParseAddrPort(text)
		switch {
		case err != nil:
		case slices.Contains(addresses, p.Addr().Unmap()):
			own = append(own, p.Port())
		default:
			others = append(others, p.Port())
		}
	}
	if ports = own; len(own) == 0 {
		ports = others
	}
	if len(ports) == 0 {
		return nil // Only the log's port says something of the log.
	}
	if p, err := netip.ParseAddrPort(r.Cluster.Scheduler(name).HTTP); err == nil {
		ports = append(ports, p.Port())
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
