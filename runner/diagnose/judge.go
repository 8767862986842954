package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/aurora"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// disabled reports whether an open run keeps the schedulers disabled.
func (a Ask) disabled() bool { return a.Run != nil && a.Run.Disabled }

// left reports whether an open run left the host out.
func (a Ask) left(host string) bool { return a.Run != nil && slices.Contains(a.Run.Left, host) }

// disabledOn reports whether an open run keeps the scheduler of a host disabled.
func (a Ask) disabledOn(host string) bool {
	return a.disabled() || a.left(host)
}

// byTheRun is why something is no finding while a run is open.
const byTheRun = "the open run did this"

// takeState takes a newer answer of /vars.
func (f *hostFacts) takeState(v aurora.Vars) {
	state, err := v.Lifecycle()
	if err != nil || state == "" {
		return // The first answer stands, with what was said of it.
	}
	n, err := v.Int("framework_registered")
	f.vars, f.lifecycle, f.registered = v, state, err == nil && n == 1
}

// judgeHost judges one host.
func (dr *Doctor) judgeHost(f *hostFacts, ask Ask, logs replica.Verdict) []health.Finding {
	if f.silent != nil {
		return []health.Finding{health.Found("host-silent", f.name, "%v", f.silent)}
	}
	var found []health.Finding
	say := func(id, format string, args ...any) {
		found = append(found, health.Found(id, f.name, format, args...))
	}
	several := false
	for _, c := range f.complaints {
		several = several || c.id == "lingering-process"
		say(c.id, "%s", c.text)
	}
	down := f.looked && !f.look.Running && !several
	for _, u := range f.unknown {
		if u.what == whatVars && (down || f.lingers(dr.Now())) {
			continue // Nobody is there to answer.
		}
		say("cannot-tell", "%s: %s", u.what, u.why)
	}
	if down {
		found = append(found, expectedOn(f, health.Found("scheduler-down", f.name, "no scheduler process; the supervisor says %s", cmp.Or(f.look.Unit.Words, "nothing")), ask))
	}
	if f.lingers(dr.Now()) {
		say("scheduler-lingers", "PID %d runs since %s, and nobody listens at %s", f.look.Process.PID, f.look.Process.Since.Format(time.RFC3339), dr.Cluster.Scheduler(f.name).HTTP)
	}
	if n := f.crashes(); n > 1 || strings.Contains(f.look.Unit.Words, "auto-restart") {
		say("scheduler-keeps-ending", "%d starts that ended at once within the last hour; the supervisor says %s", n, f.look.Unit.Words)
	}
	found = append(found, dr.judgeConfiguration(f, ask)...)
	for _, m := range f.managers {
		say("configuration-manager", "%s runs", m)
	}
	if f.staged && !ask.disabledOn(f.name) {
		say("staged-left", "queryRecovery answers OK: a backup is staged on this scheduler")
	}
	found = append(found, judgeDisks(f)...)
	found = append(found, judgeLeft(f, ask.Run)...)
	found = append(found, judgeCounters(f)...)
	return append(found, dr.judgeLines(f, ask, logs)...)
}

// lingers tells a process whose application ended from one that starts: by its
// age, or by what it logged as its last words.
func (f *hostFacts) lingers(now time.Time) bool {
	if !f.closed {
		return false
	}
	since := f.look.Process.Since
	for _, m := range f.lines {
		last, ok := m.When()
		if ok && last.After(since) && (m.Finding == "registration-timeout" || m.Finding == "leadership-lost" || m.Finding == "log-disabled") {
			return true
		}
	}
	return now.Add(f.look.Skew).Sub(since) > node.Listens
}

// expected makes a note of what an open run does on purpose.
func expected(f health.Finding, ask Ask) health.Finding {
	if ask.disabled() {
		return f.Note(byTheRun)
	}
	return f
}

// expectedOn is expected of one host.
func expectedOn(f *hostFacts, found health.Finding, ask Ask) health.Finding {
	if ask.disabledOn(f.name) {
		return found.Note(byTheRun)
	}
	return found
}

// crashes counts the starts within the hour that ended at once, by its log.
func (f *hostFacts) crashes() int {
	return f.count("start-failed") + f.count("log-open-failed") + f.count("unknown-flag")
}

func (f *hostFacts) count(id string) int {
	for _, m := range f.lines {
		if m.Finding == id {
			return f.counted(m)
		}
	}
	return 0
}

// counted is how many of a finding's lines count. Where it is not known when they
// were logged all do.
func (f *hostFacts) counted(m health.Match) int {
	n := 0
	for _, at := range m.Times {
		if f.past.counts(at.Add(-f.look.Skew)) {
			n++
		}
	}
	if older := m.Count - len(m.Times); len(m.Times) == 0 || f.past.from.IsZero() {
		if last, ok := m.When(); len(m.Times) > 0 || !ok || f.past.counts(last.Add(-f.look.Skew)) {
			n += older
		}
	}
	return n
}

// judgeConfiguration judges flags, version and supervision.
func (dr *Doctor) judgeConfiguration(f *hostFacts, ask Ask) []health.Finding {
	var found []health.Finding
	say := func(id, format string, args ...any) {
		found = append(found, health.Found(id, f.name, format, args...))
	}
	runs := f.look.Running && f.look.Flags["mesos_master_address"] == dr.Cluster.FakeMaster
	if runs || f.fakeInFile {
		where := "the running scheduler has"
		if !runs {
			where = dr.Cluster.Scheduler(f.name).ConfigFile + " sets"
		}
		found = append(found, expectedOn(f, health.Found("fake-master-left", f.name, "%s -mesos_master_address=%s", where, dr.Cluster.FakeMaster), ask))
	}
	version := dr.Cluster.Version
	if text := f.vars["build.version"]; f.vars != nil {
		v, err := aurora.ParseVersion(text)
		switch {
		case text == "":
			// Releases without the variable are told by the configuration alone.
		case err != nil:
			say("cannot-tell", "its version: /vars says %.40q", text)
		case v.Major != version.Major || v.Minor != version.Minor:
			say("version-differs", "it runs Aurora %s, the bot's configuration says %s", v, version)
			version = v
		}
	}
	if p, err := aurora.ProfileOf(version); err == nil {
		say("profile", "Aurora %s: profile %s, recipes %s", version, p.Name, strings.Join(p.Recipes, " and "))
	}
	switch u := f.look.Unit; {
	case u.Words == "":
		// That the supervisor could not be asked was said.
	case ask.left(f.name):
		// What it owes, its supervision too, is a finding of its own.
	case ask.disabledOn(f.name) && (u.Restarts || u.Enabled):
		say("supervision-on", "the supervisor would start the scheduler (at boot %v, when it ends %v)", u.Enabled, u.Restarts)
	case !ask.disabledOn(f.name) && (!u.Restarts || !u.Enabled):
		say("supervision-off", "the supervisor would not start the scheduler again (at boot %v, when it ends %v)", u.Enabled, u.Restarts)
	}
	return found
}

// little is below what a disk is nearly full, in bytes.
const little = 2 << 30

func judgeDisks(f *hostFacts) []health.Finding {
	var found []health.Finding
	for _, d := range []struct {
		what       string
		free, used int64
		known      bool
	}{
		{"log " + f.look.Flags["native_log_file_path"], f.look.Log.Free, f.look.Log.Size, f.look.LogParent.Exists},
		{"backup folder " + f.look.Flags["backup_dir"], f.look.BackupDir.Free, f.look.BackupDir.Size, f.look.BackupDir.Exists},
	} {
		if need := max(little, 2*d.used); d.known && d.free < need {
			found = append(found, health.Found("disk-nearly-full", f.name, "the %s has %d MiB free, and %d MiB lie there", d.what, d.free>>20, d.used>>20))
		}
	}
	return found
}

// judgeLeft says what runs left, but of the one that is open: it needs that.
func judgeLeft(f *hostFacts, open *Run) []health.Finding {
	bytes := map[string]int64{}
	for _, l := range f.left {
		if open == nil || l.Run != open.ID {
			bytes[l.Run] += l.Bytes
		}
	}
	if len(bytes) == 0 {
		return nil
	}
	var words []string
	var all int64
	for _, run := range slices.Sorted(maps.Keys(bytes)) { // The oldest first: that is in its name.
		all += bytes[run]
		words = append(words, run+" "+check.Size(bytes[run]))
	}
	const most = 5
	if len(words) > most {
		words = append(words[:most], fmt.Sprintf("%d more", len(bytes)-most))
	}
	return []health.Finding{health.Found("runs-left", f.name, "%s: %s", check.Size(all), strings.Join(words, ", "))}
}

// judgeCounters judges what the scheduler counted since its start.
func judgeCounters(f *hostFacts) []health.Finding {
	if f.vars == nil {
		return nil
	}
	var found []health.Finding
	var wrong []string
	for _, what := range []string{"append", "truncate", "read"} {
		for _, how := range []string{"timeouts", "failures"} {
			name := "scheduler_log_native_" + what + "_" + how
			if _, there := f.vars[name]; !there {
				continue // A scheduler that never led has not counted.
			}
			n, err := f.vars.Int(name)
			switch {
			case err != nil:
				found = append(found, health.Found("cannot-tell", f.name, "%v", err))
			case n > 0:
				wrong = append(wrong, fmt.Sprintf("%s %d", name, n))
			}
		}
	}
	if len(wrong) > 0 {
		found = append(found, health.Found("log-write-trouble", f.name, "%s", strings.Join(wrong, ", ")))
	}
	if _, there := f.vars["scheduler_backup_failed"]; !there {
		return found
	}
	n, err := f.vars.Int("scheduler_backup_failed")
	switch {
	case err != nil:
		found = append(found, health.Found("cannot-tell", f.name, "%v", err))
	case n > 0:
		found = append(found, health.Found("backup-writes-fail", f.name, "scheduler_backup_failed %d", n))
	}
	return found
}

// judgeLines judges what the scheduler logged within the hour. What was before
// its present process started, and what passes and has passed, is told without
// alarm.
func (dr *Doctor) judgeLines(f *hostFacts, ask Ask, logs replica.Verdict) []health.Finding {
	var found []health.Finding
	voting := f.report != nil && f.report.State.Whole() && f.report.Status == "VOTING" && (logs == replica.VerdictHealthy || logs == replica.VerdictLags)
	for _, m := range f.lines {
		k := health.Look(m.Finding)
		if k == nil || m.Severity == health.Info {
			continue
		}
		times := fmt.Sprintf("%d times, last at %s", m.Count, m.Last)
		if m.Count == 1 {
			times = "once, at " + m.Last
		}
		one := health.Found(m.Finding, f.name, "%s: %s", times, m.Example)
		last, ok := m.When()
		fake := f.look.Flags["mesos_master_address"] == dr.Cluster.FakeMaster
		switch {
		case m.Finding == "new-framework" && ask.disabledOn(f.name) && fake:
			one = one.Note("the log was re-initialised, and nobody can register with the fake Mesos address")
		case ok && !f.past.counts(last.Add(-f.look.Skew)):
			one = one.Note("the bot did this, or it was before the leader of today")
		case f.look.Running && ok && last.Before(node.Began(f.look.Process.Since, last)):
			one = one.Note("before the present process started")
		case k.Passes && voting && f.look.Running:
			one = one.Note("it passed: the log votes")
		case k.Passes && f.report == nil && (f.lifecycle == "ACTIVE" || f.lifecycle == "STORAGE_PREPARED") && ok && f.look.Uptime > 120 && last.Before(f.look.Process.Since.Add(2*time.Minute)):
			one = one.Note("while it started")
		}
		found = append(found, one)
	}
	return found
}
