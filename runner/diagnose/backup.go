package diagnose

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/aurora"
	"aurorabot/runner/backup"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// A backupFound is one backup on one host, decoded where it lies.
type backupFound struct {
	Host   string
	Path   string
	Report backup.Report
}

func (b *backupFound) seen(now time.Time) *health.BackupSeen {
	return &health.BackupSeen{
		Host: b.Host, Name: path.Base(b.Path), Timestamp: b.Report.Timestamp, Age: int64(now.Sub(b.taken()).Seconds()),
		Tasks: b.Report.Tasks.Total, Bytes: b.Report.Bytes,
	}
}

func (b *backupFound) taken() time.Time { return ParseTime(b.Report.Timestamp) }

// judgeBackups judges the newest backups of every host, and returns the newest
// one that a recovery would take. Freshness is a matter of the cluster: only the
// leader writes backups.
func (dr *Doctor) judgeBackups(facts []*hostFacts, ask Ask) ([]health.Finding, *backupFound) {
	var found []health.Finding
	var good []backupFound
	asked, framework := 0, ""
	contents := map[string]map[string]string{} // By name, by hash: the host.
	for _, f := range facts {
		if f.look.BackupDir.Exists {
			asked++
		}
		framework = cmp.Or(framework, f.framework)
	}
	for _, f := range facts {
		for _, b := range f.backups {
			name := path.Base(b.Path)
			if contents[name] == nil {
				contents[name] = map[string]string{}
			}
			contents[name][b.Report.SHA256] = f.name
			bad := dr.judgeOne(f.name, &b, framework)
			found = append(found, bad...)
			if !slices.ContainsFunc(bad, func(x health.Finding) bool { return x.Blocks != "" }) {
				good = append(good, b)
			}
		}
	}
	for name, hashes := range contents {
		if len(hashes) < 2 {
			continue
		}
		var parts []string
		for hash, host := range hashes {
			parts = append(parts, fmt.Sprintf("%.12s on %s", hash, host))
		}
		slices.Sort(parts)
		found = append(found, health.Found("backups-differ", dr.Cluster.Name, "%s: %s", name, strings.Join(parts, ", ")))
	}
	slices.SortStableFunc(good, func(a, b backupFound) int { return b.taken().Compare(a.taken()) })
	good, empty := collapsed(good, ask)
	found = append(found, empty...)
	switch {
	case len(good) == 0 && asked < len(facts):
		found = append(found, health.Found("cannot-tell", dr.Cluster.Name, "whether there is a backup: %d of %d backup folders could be looked into, and none has a valid one", asked, len(facts)))
		return found, nil
	case len(good) == 0:
		found = append(found, health.Found("backup-none", dr.Cluster.Name, "the backup folders of all %d hosts hold no backup that is valid", len(facts)))
		return found, nil
	}
	newest := &good[0]
	if age := dr.Now().Sub(newest.taken()); age > dr.Cluster.MaxBackupAge {
		found = append(found, health.Found("backup-stale", dr.Cluster.Name, "the newest valid one is %s on %s, %s old; the limit is %s", path.Base(newest.Path), newest.Host, check.Age(age), check.Age(dr.Cluster.MaxBackupAge)))
	}
	if framework == "" {
		found = append(found, health.Found("cannot-tell", dr.Cluster.Name, "whether the backups are of this framework: neither a log line of the last hour nor a log that was read says its id").Note("`assess` reads the log for it"))
	}
	return found, newest
}

// judgeOne judges one backup by itself.
func (dr *Doctor) judgeOne(host string, b *backupFound, framework string) []health.Finding {
	name := path.Base(b.Path)
	if !b.Report.Valid {
		return []health.Finding{health.Found("backup-damaged", host, "%s: %s", name, b.Report.Error)}
	}
	var found []health.Finding
	for _, w := range b.Report.Warnings {
		one := health.Found("backup-odd", host, "%s: %s", name, w)
		if dr.Profile.DBScript && strings.Contains(w, "dbScript") {
			one = one.Note("this version reads it")
		}
		found = append(found, one)
	}
	if id := b.Report.FrameworkID; framework != "" && id != "" && id != framework {
		found = append(found, health.Found("backup-foreign", host, "%s is of framework %s, the cluster is %s", name, id, framework))
	}
	if v, err := aurora.ParseVersion(b.Report.Metadata["version"]); err == nil && v.At(dr.Cluster.Version.Major, dr.Cluster.Version.Minor+1) {
		found = append(found, health.Found("backup-newer", host, "%s was written by Aurora %s, the cluster runs %s", name, v, dr.Cluster.Version))
	}
	return found
}

// fewTasks is below what a collapse of the number of tasks says nothing.
const fewTasks = 10

// collapsed takes out what an empty leader wrote: backups of the time of an
// open run, and those whose tasks are fewer than half of those before.
func collapsed(newestFirst []backupFound, ask Ask) ([]backupFound, []health.Finding) {
	var found []health.Finding
	var since time.Time
	if ask.disabled() {
		since = ask.Run.Started
	}
	var good []backupFound
	for i := range newestFirst {
		b := &newestFirst[i]
		if !since.IsZero() && b.taken().After(since) {
			found = append(found, health.Found("backup-in-run", b.Host, "%s was written at %s, after the open run started the schedulers disabled", path.Base(b.Path), b.Report.Timestamp))
			continue
		}
		if i+1 < len(newestFirst) && len(good) == 0 {
			before := &newestFirst[i+1]
			if n := before.Report.Tasks.Total; n >= fewTasks && b.Report.Tasks.Total*2 < n {
				found = append(found, health.Found("backup-in-run", b.Host, "%s holds %d tasks, and %s before it held %d", path.Base(b.Path), b.Report.Tasks.Total, path.Base(before.Path), n))
				continue
			}
		}
		good = append(good, *b)
	}
	return good, found
}
