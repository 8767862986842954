package diagnose

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"

	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// readLogs reads every replica's log. The leader's copy is made first: whatever
// was agreed on then is in the later ones of a quorum, so that positions which
// are written meanwhile do not look lost.
func (dr *Doctor) readLogs(ctx context.Context, visits []*visit, leader string) {
	first := slices.IndexFunc(visits, func(v *visit) bool { return v.facts.name == leader })
	if first >= 0 {
		dr.readLogOf(ctx, visits[first])
	}
	dr.readOthers(ctx, visits, first)
	facts := seen(visits)
	for round := 1; ; round++ {
		c := compareLogs(facts)
		if c.Verdict == replica.VerdictHealthy || c.Verdict == replica.VerdictUnknown {
			return
		}
		// Copies that were not made at one moment can look as if something were
		// forgotten. The one that reaches furthest is kept, the others are made anew:
		// what still lacks then was lacking. Where each copy alone is whole and votes,
		// a scheduler that starts again and again can have spoiled that one too.
		if skewed := c.Voting >= c.Quorum && c.Verdict == replica.VerdictQuorumLost; round > 1 && (!skewed || round > node.CopiesOfLog) {
			return
		}
		furthest := -1
		for i, v := range visits {
			if v.facts.report != nil && (furthest < 0 || v.facts.report.End > visits[furthest].facts.report.End) {
				furthest = i
			}
		}
		if round > 1 {
			if dr.Pause(ctx, 0) != nil {
				return
			}
		}
		dr.readOthers(ctx, visits, furthest)
	}
}

func (dr *Doctor) readOthers(ctx context.Context, visits []*visit, but int) {
	var wg sync.WaitGroup
	for i, v := range visits {
		if i != but {
			wg.Go(func() { dr.readLogOf(ctx, v) })
		}
	}
	wg.Wait()
}

func (dr *Doctor) readLogOf(ctx context.Context, v *visit) {
	f := &v.facts
	log := f.look.Flags["native_log_file_path"]
	if f.silent != nil || v.Tool.Path == "" || log == "" {
		return // Its absence is judged.
	}
	ctx, cancel := context.WithTimeout(ctx, node.LogLimit)
	defer cancel()
	for f.copies = 1; ; f.copies++ {
		report, err := v.ReadCopy(ctx, node.Copy{
			Log: log, Running: f.look.Running,
			More: func(dir, copied string, p *replica.Report) { v.learnFramework(ctx, dir, copied, p) },
			Left: func(dir string, err error) { f.cannotTell("whether "+dir+" was taken away", err) },
		})
		if err != nil {
			f.report = nil
			f.cannotTell("its log", err)
			return
		}
		f.report = &report
		settled := report.State.Whole() || node.OnlyTorn(&report) || report.State == replica.StateMissing
		if settled || !f.look.Running || f.copies == node.CopiesOfLog {
			return
		}
		if dr.Pause(ctx, 0) != nil {
			return
		}
	}
}

// learnFramework takes the framework id that a log holds, where no line said it.
func (v *visit) learnFramework(ctx context.Context, dir, copied string, p *replica.Report) {
	if v.facts.framework != "" || p.Aurora == nil {
		return
	}
	if made, err := v.Salvage(ctx, copied, path.Join(dir, "state"), true); err == nil {
		v.facts.framework = made.FrameworkID
	} // That it is not known is said of the backups.
}

// compareLogs sets all replicas side by side; one that could not be read counts
// as not known, one that is missing as missing.
func compareLogs(facts []*hostFacts) replica.Comparison {
	reports := make([]replica.Report, len(facts))
	for i, f := range facts {
		reports[i] = replica.Report{Path: f.name, State: replica.StateUnreadable, Error: "its log could not be read"}
		if f.report == nil {
			continue
		}
		reports[i] = *f.report
		reports[i].Path = f.name
		if f.look.Running && node.OnlyTorn(f.report) {
			// What a copy of a log that is being written looks like.
			reports[i].State, reports[i].Damage = replica.StateOK, nil
		}
	}
	return replica.Compare(reports)
}

// lagging is by how many positions a replica may lack behind another one while
// tasks are being changed, before it is worth a word.
const lagging = 100

// positionsHigh is where a position is near 2^31.
const positionsHigh = 2_000_000_000

// judgeLogs judges the replicas, alone and together.
func (dr *Doctor) judgeLogs(facts []*hostFacts, c replica.Comparison) []health.Finding {
	var found []health.Finding
	say := func(id, subject, format string, args ...any) {
		found = append(found, health.Found(id, subject, format, args...))
	}
	for i, f := range facts {
		p := f.report
		if p == nil {
			if f.silent == nil && !slices.ContainsFunc(f.unknown, func(u unknown) bool { return u.what == "its log" }) {
				say("cannot-tell", f.name, "its log could not be read: its path or a reader on the host is missing")
			}
			continue
		}
		torn := node.OnlyTorn(p)
		switch {
		case p.State == replica.StateMissing:
			say("log-missing", f.name, "%s is not there", p.Path)
		case p.State == replica.StateEmpty || p.State == replica.StateNotALog:
			say("log-empty", f.name, "%s: %s", p.Path, node.LogWords(p))
		case p.State == replica.StateDamaged && !torn:
			say("log-damaged", f.name, "%s: %s%s", p.Path, node.LogWords(p), timesCopied(f))
		case p.State == replica.StateLocked || p.State == replica.StateUnreadable:
			say("cannot-tell", f.name, "%s: %s", p.Path, p.Error)
		case p.Status != "VOTING":
			say("log-not-voting", f.name, "%s: %s", p.Path, node.LogWords(p))
		case i < len(c.Missing) && c.Missing[i] > lagging:
			say("log-lags", f.name, "%s lacks %d positions that another replica has learned (it reaches %d of %d)", p.Path, c.Missing[i], p.End, c.End)
		}
		if torn && !f.look.Running {
			found = append(found, health.Found("log-damaged", f.name, "%s: its write-ahead log ends inside a record, as after a crash", p.Path).Note("harmless where a quorum holds every position"))
		}
		if p.Aurora != nil && p.Aurora.Undecodable > 0 {
			say("log-undecodable", f.name, "%s: %d entries cannot be decoded", p.Path, p.Aurora.Undecodable)
		}
		if p.End >= positionsHigh {
			say("log-positions-high", f.name, "%s reaches position %d", p.Path, p.End)
		}
	}
	switch c.Verdict {
	case replica.VerdictDiverged:
		d := c.Diverged[0]
		say("log-diverged", dr.Cluster.Name, "%s and %s differ at positions %s", facts[d.A].name, facts[d.B].name, replica.Ranges{d.Range})
	case replica.VerdictQuorumLost:
		say("log-quorum-lost", dr.Cluster.Name, "%d of %d replicas are whole and VOTING, %d are needed%s", c.Voting, len(facts), c.Quorum, because(c.Why))
	case replica.VerdictUnknown:
		say("cannot-tell", dr.Cluster.Name, "whether a quorum of the log is whole: %d of %d replicas are known to vote, %d are needed", c.Voting, len(facts), c.Quorum)
	}
	return found
}

func timesCopied(f *hostFacts) string {
	if !f.look.Running {
		return ""
	}
	return fmt.Sprintf(" (in each of %d copies of the running log)", f.copies)
}

func because(why []string) string {
	s := ""
	for _, w := range why {
		s += "; " + w
	}
	return s
}
