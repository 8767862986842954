package script

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/slack"
)

// An ending is what a kind of damage must come to.
type ending struct {
	finds []string // Ids of the findings that must be told; "a|b" is one of both.
	given int      // Exit status where a reason is given for the restore.
	bare  int      // And where none is. Kinds that break a log take as many as a quorum.
}

// endings are those of all kinds: docs/testing.md has the same table in words.
var endings = map[string]ending{
	cluster.Corrupt:     {[]string{"log-damaged|log-empty|log-not-voting"}, Done, Done},
	cluster.Missing:     {[]string{"log-missing|log-empty|log-not-voting"}, Done, Done},
	cluster.EmptyLog:    {[]string{"log-empty|log-not-voting"}, Done, Done},
	cluster.Flapping:    {[]string{"log-undecodable"}, Done, Done},
	cluster.ExitAtStart: {[]string{"log-damaged"}, Done, Done},
	cluster.Down:        {[]string{"scheduler-down"}, Done, Refused},
	cluster.Unlisted:    {[]string{"scheduler-unlisted", "replicas-unlisted"}, Stopped, Refused},

	cluster.FlappingZooKeeper:   {[]string{"flapping-zookeeper"}, Done, Refused},
	cluster.RegistrationTimeout: {[]string{"flapping-registration", "scheduler-lingers"}, Done, Refused},
	cluster.WrongQuorum:         {[]string{"quorum-flag-wrong"}, Stopped, Stopped},
	cluster.ForeignFramework:    {[]string{"backup-foreign"}, Stopped, Refused},
	cluster.OldBackup:           {[]string{"backup-stale"}, Done, Stopped},
	cluster.RealListener:        {[]string{"fake-address-answers"}, Stopped, Stopped},

	cluster.LeaderChange:    {[]string{"leader-changed|scheduler-replaced"}, Done, Refused},
	cluster.WriteTimeout:    {[]string{"commit-unknown", "log-write-timeout"}, Done, Refused},
	cluster.LostReply:       {[]string{"commit-unknown"}, Done, Refused},
	cluster.CommitNonLeader: {[]string{"scheduler-replaced"}, Done, Refused},
	cluster.SwappedStaging:  {[]string{"staged-differs"}, Done, Refused},
	cluster.ProofLineBefore: {[]string{"commit-unknown", "snapshot-of-before"}, Done, Refused},
}

// checkDamage compares the end of the play with what its damage must come to.
func (p *Play) checkDamage(ctx context.Context, bad func(string, ...any)) {
	d := p.Cluster.Damage()
	want, known := endings[d.Kind]
	if !known || p.Cheat != "" || p.KillAt != "" {
		return
	}
	exit, finds := want.given, want.finds
	quorum := d.Hosts < 2 && want.bare == Done && d.Kind != cluster.Flapping // Of the logs is left.
	switch {
	case p.Reason == "" && quorum:
		// Pre-flight ends it, which reads no log.
		exit, finds = Refused, []string{"scheduler-down|scheduler-keeps-ending|log-missing"}
	case p.Reason == "":
		exit = want.bare
	}
	if p.outcome.exit != exit {
		bad("damage %s ended with %d (%s), not %d", d.Kind, p.outcome.exit, p.outcome.why, exit)
	}
	if n := p.Cluster.Calls("commitRecovery"); n > 1 {
		bad("the schedulers received %d commits", n)
	}
	if cluster.InRun(d.Kind) && p.Reason == "" {
		return // It did not get so far.
	}
	p.checkFindings(ctx, finds, bad)
	switch {
	case exit == Stopped:
		p.checkNothingBegun(bad)
	case exit == Done && cluster.InRun(d.Kind):
		p.checkInRun(d.Kind, bad)
	}
}

// checkFindings: each was journaled as an event of its own, and stands in the channel.
func (p *Play) checkFindings(ctx context.Context, wanted []string, bad func(string, ...any)) {
	for _, group := range wanted {
		told := ""
		for _, id := range strings.Split(group, "|") {
			if slices.Contains(p.seen.found, id) {
				told = id
			}
		}
		if told == "" {
			bad("no finding %s is in the journal, only %v", group, p.seen.found)
			continue
		}
		shown, cancel := context.WithTimeout(ctx, 30*time.Second) // Slack lets a message a second through, and others wait too.
		err := p.Slack.Wait(shown, func(st slack.State) bool { _, ok := st.Find(Incidents, told); return ok })
		cancel()
		if err != nil {
			bad("the finding %s is not to be seen in the channel", told)
		}
	}
}

// checkNothingBegun: a run that pre-flight stopped asked nobody, and changed nothing.
func (p *Play) checkNothingBegun(bad func(string, ...any)) {
	if p.seen.gated {
		bad("people were asked for approval though pre-flight had findings that block")
	}
	if n := p.Cluster.Calls("commitRecovery") + p.Cluster.Calls("stageRecovery"); n != 0 {
		bad("the schedulers were told %d times to stage or commit", n)
	}
	p.checkHosts(bad)
}

// checkInRun: what the journal says of the commit, in which order.
func (p *Play) checkInRun(kind string, bad func(string, ...any)) {
	order := strings.Join(p.seen.commits, " ")
	for _, word := range map[string][]string{
		cluster.LeaderChange:    {"voided sent proved"},
		cluster.CommitNonLeader: {"voided sent proved"},
		cluster.SwappedStaging:  {"voided sent proved"},
		cluster.LostReply:       {"sent unknown proved"},
		cluster.WriteTimeout:    {"sent unknown unknown proved"},
		cluster.ProofLineBefore: {"sent unknown unknown unknown absent voided sent proved"},
	}[kind] {
		if order != word {
			bad("the commit went %q, not %q", order, word)
		}
	}
	if n := p.Cluster.Calls("commitRecovery"); n != 1 {
		bad("the schedulers received %d commits, not one", n)
	}
	switch kind {
	case cluster.WriteTimeout:
		if len(p.seen.denied) != len(p.attempts()) {
			bad("of the attempts to begin anew or to undo while the commit was unknown only these were refused: %q", p.seen.denied)
		}
	case cluster.LeaderChange, cluster.CommitNonLeader:
		if n := p.Cluster.CallsOn(p.struck, "commitRecovery"); n != 0 {
			bad("%s, which no longer led, received %d commits", p.struck.Name(), n)
		}
	}
}

// another is the backup with one task that is another one: as many tasks, the
// same jobs.
func another(data []byte, id string) ([]byte, error) {
	changed := []byte(id)
	last := changed[len(changed)-1]
	changed[len(changed)-1] = '0'
	if last == '0' {
		changed[len(changed)-1] = '1'
	}
	out := []byte(strings.ReplaceAll(string(data), id, string(changed)))
	if string(out) == string(data) {
		return nil, fmt.Errorf("the backup has no task %s", id)
	}
	return out, nil
}
