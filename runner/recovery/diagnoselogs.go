package recovery

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// copiesOfLog is how often a running log is copied before damage in the copy
// counts as damage of the log: a copy can fall into the moment in which tables
// are rewritten, but not every time.
const copiesOfLog = 3

// logLimit bounds the copying and reading of one log.
const logLimit = 25 * time.Minute

// readLogs reads every replica's log. The leader's copy is made first: whatever
// was agreed on then is in the later ones of a quorum, so that positions which
// are written meanwhile do not look lost.
func (r *Recovery) readLogs(ctx context.Context, visits []*visit, leader string) {
	first := slices.IndexFunc(visits, func(v *visit) bool { return v.facts.name == leader })
	if first >= 0 {
		r.readLogOf(ctx, visits[first])
	}
	r.readOthers(ctx, visits, first)
	facts := make([]*hostFacts, len(visits))
	for i, v := range visits {
		facts[i] = &v.facts
	}
	for round := 1; ; round++ {
		c := compareLogs(facts)
		if c.Verdict == replica.VerdictHealthy || c.Verdict == replica.VerdictUnknown {
			return
		}
		// Copies that were not made at one moment can look as if something were
		// forgotten. The one that reaches furthest is kept, the others are made anew:
		// what still lacks then was lacking. Where each copy alone is whole and votes,
		// a scheduler that starts again and again can have spoiled that one too.
		if skewed := c.Voting >= c.Quorum && c.Verdict == replica.VerdictQuorumLost; round > 1 && (!skewed || round > copiesOfLog) {
			return
		}
		furthest := -1
		for i, v := range visits {
			if v.facts.report != nil && (furthest < 0 || v.facts.report.End > visits[furthest].facts.report.End) {
				furthest = i
			}
		}
		if round > 1 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(r.poll()):
			}
		}
		r.readOthers(ctx, visits, furthest)
	}
}

func (r *Recovery) readOthers(ctx context.Context, visits []*visit, but int) {
	var wg sync.WaitGroup
	for i, v := range visits {
		if i != but {
			wg.Go(func() { r.readLogOf(ctx, v) })
		}
	}
	wg.Wait()
}

func (r *Recovery) readLogOf(ctx context.Context, v *visit) {
	f := &v.facts
	log := f.look.Flags["native_log_file_path"]
	if f.silent != nil || !v.ready || log == "" {
		return // Its absence is judged.
	}
	ctx, cancel := context.WithTimeout(ctx, logLimit)
	defer cancel()
	for f.copies = 1; ; f.copies++ {
		report, err := r.copyAndRead(ctx, v, log)
		if err != nil {
			f.report = nil
			f.cannotTell("its log", err)
			return
		}
		f.report = &report
		settled := report.State.Whole() || onlyTorn(&report) || report.State == replica.StateMissing
		if settled || !f.look.Running || f.copies == copiesOfLog {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.poll()):
		}
	}
}

// copyAndRead reads a log from a copy, which is taken away again: it is this
// function's own, and nothing else was there under its name.
func (r *Recovery) copyAndRead(ctx context.Context, v *visit, log string) (replica.Report, error) {
	report := replica.Report{Path: log, State: replica.StateMissing}
	facts, err := r.probe(ctx, v.t, probe.Request{Paths: []string{log, r.scheduler(v.t).RunDir}})
	if err != nil {
		return report, err
	}
	switch at, room := facts.Paths[log], facts.Paths[r.scheduler(v.t).RunDir].Free; {
	case at.Error != "":
		return report, fmt.Errorf("%s: %s", log, at.Error)
	case !at.Exists:
		report.Error = "no such folder"
		return report, nil
	case at.Size+at.Size/4+64<<20 > room:
		return report, fmt.Errorf("a copy of %s (%d MiB) does not fit into %s (%d MiB free)", log, at.Size>>20, r.scheduler(v.t).RunDir, room>>20)
	}
	dir := path.Join(r.scheduler(v.t).RunDir, fmt.Sprintf("look-%d", facts.Now.UnixNano()))
	if err := r.makeFolder(ctx, v.t, dir); err != nil {
		return report, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if _, err := run(ctx, v.t, "root", "rm", "-rf", "--", dir); err != nil {
			v.facts.cannotTell("whether "+dir+" was taken away", err)
		}
	}()
	copied := path.Join(dir, "log")
	out, err := v.t.Host.Run(ctx, runner.Command{
		Argv: []string{"cp", "-a", "--reflink=auto", "-T", "--", log, copied}, User: r.Cluster.User, Gentle: true, Limit: logLimit,
	})
	if err != nil {
		return report, fmt.Errorf("copy %s: %w", log, err)
	}
	if out.Exit != 0 && !v.facts.look.Running {
		// Of a running one a file may be gone between listing and copying; then the copy says so by itself.
		return report, fmt.Errorf("copy %s: exit status %d: %s", log, out.Exit, tail(out))
	}
	report = replica.Report{}
	if err := r.readLog(ctx, v.t, copied, &report); err != nil {
		return report, err
	}
	report.Path = log
	if v.facts.framework == "" && report.Aurora != nil {
		v.facts.framework = r.frameworkIn(ctx, v, copied, path.Join(dir, "state"))
	}
	return report, nil
}

// frameworkIn is the framework id that a log holds, "" if that can't be known.
func (r *Recovery) frameworkIn(ctx context.Context, v *visit, log, state string) string {
	helper, err := r.helper(v.t)
	if err != nil {
		return ""
	}
	argv := []string{helper, "log", "salvage", "--json", "--up-to-damage", log, "-o", state}
	out, err := v.t.Host.Run(ctx, runner.Command{Argv: argv, User: r.Cluster.User, Gentle: true, Limit: 10 * time.Minute, Output: 32 << 20})
	if err != nil || out.Exit != 0 {
		return ""
	}
	var b backup.Report
	if err := r.readJSON(ctx, v.t, 5*time.Minute, &b, "backup", "inspect", "--json", state); err != nil {
		return ""
	}
	return b.FrameworkID
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
		if f.look.Running && onlyTorn(f.report) {
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
func (r *Recovery) judgeLogs(facts []*hostFacts, c replica.Comparison) []health.Finding {
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
		torn := onlyTorn(p)
		switch {
		case p.State == replica.StateMissing:
			say("log-missing", f.name, "%s is not there", p.Path)
		case p.State == replica.StateEmpty || p.State == replica.StateNotALog:
			say("log-empty", f.name, "%s: %s", p.Path, logWords(p))
		case p.State == replica.StateDamaged && !torn:
			say("log-damaged", f.name, "%s: %s%s", p.Path, logWords(p), timesCopied(f))
		case p.State == replica.StateLocked || p.State == replica.StateUnreadable:
			say("cannot-tell", f.name, "%s: %s", p.Path, p.Error)
		case p.Status != "VOTING":
			say("log-not-voting", f.name, "%s: %s", p.Path, logWords(p))
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
		say("log-diverged", r.Cluster.Name, "%s and %s differ at positions %s", facts[d.A].name, facts[d.B].name, replica.Ranges{d.Range})
	case replica.VerdictQuorumLost:
		say("log-quorum-lost", r.Cluster.Name, "%d of %d replicas are whole and VOTING, %d are needed%s", c.Voting, len(facts), c.Quorum, because(c.Why))
	case replica.VerdictUnknown:
		say("cannot-tell", r.Cluster.Name, "whether a quorum of the log is whole: %d of %d replicas are known to vote, %d are needed", c.Voting, len(facts), c.Quorum)
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
