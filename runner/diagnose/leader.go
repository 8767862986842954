package diagnose

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
	"aurorabot/runner/zk"
)

// judgeLeader judges who leads, by all that say something of it.
func (dr *Doctor) judgeLeader(facts []*hostFacts, g *groupFacts, ask Ask) []health.Finding {
	mute := dr.muteOf(facts)
	byName := map[string]*hostFacts{}
	for _, f := range facts {
		byName[f.name] = f
	}
	said := table(g.says)
	switch {
	case len(g.leaders) > 1:
		return []health.Finding{health.Found("two-leaders", dr.Cluster.Name, "%s; %s", g.odds, said)}
	case len(g.leaders) == 0 && len(mute) > 0:
		return []health.Finding{health.Found("cannot-tell", dr.Cluster.Name, "who leads: %s gave no answer; %s", strings.Join(mute, ", "), said)}
	case len(g.leaders) == 0:
		return []health.Finding{expected(health.Found("no-leader", dr.Cluster.Name, "%s", said), ask)}
	}
	var found []health.Finding
	if g.odds != "" {
		found = append(found, health.Found("leaders-disagree", dr.Cluster.Name, "%s, for longer than twice the session timeout; %s", g.odds, said))
	}
	f := byName[g.leaders[0]]
	if !f.registered {
		one := health.Found("leader-unregistered", f.name, "it leads as %s and is not registered with Mesos; it runs since %d s", f.lifecycle, f.look.Uptime)
		if f.look.Uptime < 60 && !ask.disabled() {
			one = one.Note("it started less than a minute ago")
		}
		found = append(found, expected(one, ask))
	}
	return found
}

// muteOf are the hosts whose schedulers may run and did not say what they are: no
// answer, or one that names no state.
func (dr *Doctor) muteOf(facts []*hostFacts) []string {
	var mute []string
	for _, f := range facts {
		if f.silent != nil || f.lifecycle == "" && (f.look.Running && !f.lingers(dr.Now()) || !f.looked) {
			mute = append(mute, f.name)
		}
	}
	return mute
}

func table(says []health.Saying) string {
	parts := make([]string, len(says))
	for i, s := range says {
		parts[i] = s.Who + ": " + s.Says
	}
	return strings.Join(parts, "; ")
}

// flapsFrom is how many changes of leadership within an hour are flapping, if
// at least two leaders ended by themselves: a recovery makes four changes, and a
// restart of one host after the other as many, all on purpose.
const flapsFrom = 4

// changes are what tells of changes of leadership within the last hour.
type changes struct {
	elected, lost, expired, unregistered, crashed, killed, cut int

	joined int      // Candidates that came and went, per hour, by ZooKeeper's numbers.
	blind  bool     // The lines of a host are not known.
	log    []string // What tells of the log.
	with   []string // What leaders end of, besides.
}

func changesIn(facts []*hostFacts, joined int) changes {
	c := changes{joined: joined}
	for _, f := range facts {
		c.elected += f.count("elected")
		c.lost += f.count("leadership-lost")
		c.expired += f.count("zookeeper-session-expired")
		c.unregistered += f.count("registration-timeout")
		c.crashed += f.crashes()
		c.killed += f.count("process-killed")
		c.cut += f.count("zookeeper-client-lost")
		for _, kind := range []string{"framework-removed", "out-of-memory", "jvm-crashed"} {
			if n := f.count(kind); n > 0 {
				c.with = append(c.with, fmt.Sprintf("%s on %s (%d)", kind, f.name, n))
			}
		}
		c.blind = c.blind || !f.scanned
		for _, m := range f.lines {
			// That a scheduler ends at its start is a sign, not the cause.
			if n := f.counted(m); n > 0 && health.LogTrouble(m.Finding) && m.Finding != "start-failed" && m.Severity != health.Info {
				c.log = append(c.log, fmt.Sprintf("%s on %s (%d)", m.Finding, f.name, n))
			}
		}
		if p := f.report; p != nil && p.Aurora != nil && p.Aurora.Undecodable > 0 {
			c.log = append(c.log, fmt.Sprintf("an entry on %s that cannot be replayed", f.name))
		}
	}
	return c
}

// joinedIn is how many candidates came and went, per hour, by the numbers that
// ZooKeeper gave those who are there.
func joinedIn(candidates []zk.Candidate, now time.Time) int {
	if len(candidates) == 0 {
		return 0
	}
	low, high, oldest := int64(-1), int64(-1), candidates[0].Created
	for _, k := range candidates {
		n, err := strconv.ParseInt(k.Sequence, 10, 64)
		if err != nil {
			continue
		}
		if low < 0 || n < low {
			low = n
		}
		high = max(high, n)
		if k.Created.Before(oldest) {
			oldest = k.Created
		}
	}
	hours := max(now.Sub(oldest).Hours(), 1)
	return int(float64(high-low+1-int64(len(candidates))) / hours)
}

// judgeChanges tells whether leadership changes again and again, and why.
// joined is what joinedIn says of ZooKeeper's candidates.
func (dr *Doctor) judgeChanges(facts []*hostFacts, leads bool, joined int, ask Ask) []health.Finding {
	c := changesIn(facts, joined)
	ends := c.crashed + c.unregistered + c.lost + c.expired + c.killed
	flaps := max(c.elected, c.joined) >= flapsFrom && (ends > 1 || c.blind) || !leads && c.elected > 0 && ends > 1
	if !flaps || ask.disabled() {
		return nil
	}
	seen := fmt.Sprintf("within the last hour: %d elections and %d losses of leadership in the logs, %d candidates that came and went in ZooKeeper; %s", c.elected, c.lost, c.joined, uptimes(facts))
	id, why := cause(c, facts)
	if len(c.with) > 0 {
		why += "; with it: " + strings.Join(c.with, ", ")
	}
	return []health.Finding{health.Found(id, dr.Cluster.Name, "%s; %s", seen, why)}
}

// cause tells the causes of flapping apart. The log comes first: what is wrong
// with it makes schedulers end in all the other ways, too.
func cause(c changes, facts []*hostFacts) (id, why string) {
	most := max(c.elected, c.joined, 1)
	switch {
	case len(c.log) > 0 && !passing(facts):
		return "flapping-log", "the log: " + strings.Join(c.log, ", ")
	case c.unregistered*2 >= most:
		return "flapping-registration", fmt.Sprintf("%d leaders were not registered with Mesos in time", c.unregistered)
	case c.expired*2 >= most:
		return "flapping-zookeeper", fmt.Sprintf("%d sessions with ZooKeeper were lost", c.expired)
	case c.crashed > 0:
		return "flapping-start", fmt.Sprintf("%d starts ended at once, and nothing of the log is wrong", c.crashed)
	case c.expired > 0:
		return "flapping-zookeeper", fmt.Sprintf("%d sessions with ZooKeeper were lost", c.expired)
	case c.cut > 0:
		return "flapping-zookeeper", fmt.Sprintf("the schedulers lost ZooKeeper %d times", c.cut)
	case len(c.with) > 0:
		return "flapping", "nothing is wrong with the log"
	}
	return "flapping", "no cause is seen"
}

// passing reports whether every log was read, is whole and votes: then lines
// about replicas that recover are of the restarts themselves.
func passing(facts []*hostFacts) bool {
	for _, f := range facts {
		if f.report == nil || !f.report.State.Whole() && !node.OnlyTorn(f.report) || f.report.Status != "VOTING" || f.report.Aurora != nil && f.report.Aurora.Undecodable > 0 {
			return false
		}
	}
	v := compareLogs(facts).Verdict
	return v == replica.VerdictHealthy || v == replica.VerdictLags
}

func uptimes(facts []*hostFacts) string {
	var parts []string
	for _, f := range facts {
		if f.look.Uptime > 0 {
			parts = append(parts, fmt.Sprintf("%s up %s", f.name, time.Duration(f.look.Uptime)*time.Second))
		}
	}
	if len(parts) == 0 {
		return "no scheduler says how long it is up"
	}
	return strings.Join(parts, ", ")
}
