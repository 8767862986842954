package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/durable"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
)

// salvaged is a backup made of a replica's log, and what a restore of it would lose:
// part of the facts of assess/compare-with-log.
type salvaged struct {
	runner.Source
	Backup backup.Report `json:"backup"`
	Total  health.Loss   `json:"total"` // By all who know.

	NotOffered string `json:"not_offered,omitempty"` // Why nobody may choose it. Empty: it loses less than the backup.
}

// made is a backup that was made of a log, on the bot.
type made struct {
	host     string
	local    string // Its file.
	sum      string
	position uint64 // Of the last entry that is in it.
	dropped  []string
}

// salvage turns a log of a host into a backup, there and on the bot. What was chosen
// is made once: it is what people have seen.
func (r *Recovery) salvage(ctx context.Context, n *node.Node, log, name string, upToDamage bool, chosen *runner.Source) (made, error) {
	dir, err := r.Files(n.RunID)
	if err != nil {
		return made{}, err
	}
	m := made{host: n.Name, local: filepath.Join(dir, name+"-"+n.Name)}
	if chosen != nil {
		m.local, m.sum, m.position = filepath.Join(dir, chosen.File), chosen.SHA256, chosen.Position
		have, _, err := durable.HashWithin(ctx, m.local)
		if err == nil && have != chosen.SHA256 {
			err = fmt.Errorf("its SHA-256 is %.12s, that of what was chosen %.12s", have, chosen.SHA256)
		}
		if err != nil {
			return made{}, fmt.Errorf("the bot's copy of %s: %w", chosen.Name, err)
		}
		return m, nil
	}
	remote := path.Join(n.Folder(), "evidence", name)
	there, err := n.Salvage(ctx, log, remote, upToDamage)
	if err == nil && there.SHA256 == "" {
		err = errors.New("salvage: the answer does not say what it made (no SHA-256)")
	}
	if err != nil {
		return made{}, err
	}
	m.sum, m.position, m.dropped = there.SHA256, there.Position, there.Dropped
	return m, fetch(ctx, m.local, m.sum, func(w io.Writer) error { _, err := n.Host.Get(ctx, remote, r.Cluster.User, w); return err })
}

// judgeSalvage says under which name a backup made of a log would be staged, and
// whether it may be: a backup that was asked for has to meet the same.
func (r assessing) judgeSalvage(ctx context.Context, s *runner.State, m made) (*salvaged, error) {
	report, err := inspectFile(ctx, m.local, r.Now())
	if err != nil {
		return nil, err
	}
	v := &salvaged{Backup: report, Source: runner.Source{
		File: filepath.Base(m.local), SHA256: m.sum, Host: m.host, Position: m.position, Time: diagnose.ParseTime(report.Timestamp), Dropped: m.dropped,
	}}
	if s.Source != nil {
		v.Source = *s.Source
		return v, nil
	}
	looks := map[string]node.Look{}
	for _, name := range r.everyScheduler(s) {
		looks[name], _ = look(s, name) // Without it there is no backup of that name, and no line.
	}
	v.Name = "scheduler-backup-" + v.Time.UTC().Format("2006-01-02-15-04")
	for _, l := range looks {
		if slices.Contains(l.Backups, v.Name) || v.Name == s.Request.Backup {
			v.Name += "-salvaged" // The other one stays what it is.
			break
		}
	}
	odd, _ := r.odd(&report)
	switch id := foreignTo(looks, &report); {
	case !report.Valid:
		v.NotOffered = "it does not decode to its end: " + report.Error
	case len(odd) > 0:
		v.NotOffered = odd[0]
	case id != "":
		v.NotOffered = fmt.Sprintf("it is of framework %s, and the cluster is %s", report.FrameworkID, id)
	}
	return v, nil
}

// odd are the warnings for which a backup is not restored, and those that people
// should know of only.
func (r *Recovery) odd(b *backup.Report) (odd, known []string) {
	for _, w := range b.Warnings {
		if r.Profile.DBScript && strings.Contains(w, "dbScript") {
			known = append(known, w)
		} else {
			odd = append(odd, w)
		}
	}
	return odd, known
}

// foreignTo is the framework that the schedulers' logs name, where a backup is of
// another one.
func foreignTo(looks map[string]node.Look, b *backup.Report) string {
	for _, l := range looks {
		if id := health.Framework(l.Lines); id != "" && b.FrameworkID != "" && id != b.FrameworkID {
			return id
		}
	}
	return ""
}

// salvageOffered is the salvaged log, or why it cannot be chosen.
func salvageOffered(s *runner.State) (runner.Source, error) {
	l, ok := foundLoss.Of(s, runner.Bot)
	begun := slices.ContainsFunc(s.Effects, func(e runner.Effect) bool { return e.Step == stepCopy && s.Of(e.Step, e.Host).Begun })
	switch {
	case s.Source != nil:
		return runner.Source{}, fmt.Errorf("what this run restores is made of the log of %s already", s.Source.Host)
	case !ok || l.Salvaged == nil:
		return runner.Source{}, fmt.Errorf("no backup could be made of a replica's log: %s", l.Why)
	case l.Salvaged.NotOffered != "":
		return runner.Source{}, fmt.Errorf("the backup made of the log of %s is not offered: %s", l.Salvaged.Host, l.Salvaged.NotOffered)
	case begun:
		return runner.Source{}, errors.New("the requested backup is on the leader already; undo the run, and ask again")
	}
	return l.Salvaged.Source, nil
}

// lessBySalvage reports whether a restore of the salvaged log loses less than one of
// the backup: fewer tasks, or as many and the backup differs in something else from
// the log, which is newer.
func (l *loss) lessBySalvage() bool {
	if !l.Diff.Old.Time.Before(l.Diff.New.Time) {
		return false
	}
	now, then := l.Total.Killed, l.Salvaged.Total.Killed
	if now != nil && then != nil && *now != *then {
		return *then < *now
	}
	return !l.Diff.Empty()
}
