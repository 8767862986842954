package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"aurorabot/runner/tbinary"
)

// Options say how to look at a backup.
type Options struct {
	Name string    // For the report.
	Size int64     // Of the file in bytes, if it is known: lengths beyond it are refused at once. 0 means unknown.
	Now  time.Time // To tell timestamps in the future. The zero time means: do not look for them.

	Unhashed bool // Leave SHA256 empty: who asks knows it, or does not want it.
}

// skew is how far the clock of the leader that wrote a backup may be ahead of ours.
const skew = time.Minute

// Inspect reads a backup to its end.
//
// That the backup is damaged is not an error: the report says so. An error
// means that r could not be read, so nothing is known; the report then says
// what was read before.
//
// The memory does not grow with the file: a process that inspects 100,000
// tasks in 140 MB peaks at 17 MiB, and one that inspects a file made to fill
// the tables of ids and jobs at some 30 MiB where a limit holds the garbage down
// (runtime/debug.SetMemoryLimit), as the command does.
func Inspect(r io.Reader, opts Options) (Report, error) {
	src := newHashed(r, !opts.Unhashed)
	in := &inspector{r: tbinary.NewReaderSource(src), tally: newTally()}
	in.row.configs = newConfigs(&in.warn)
	in.report = Report{
		File: opts.Name, Metadata: map[string]string{}, Quotas: map[string]Quota{}, CronJobs: map[string]string{},
	}
	if opts.Size > 0 {
		in.r.SetSize(opts.Size)
	}
	lenient(in.r, &in.warn)
	eachField(in.r, &in.warn, in.field)

	end := in.r.Offset()
	var err error
	in.report.Bytes, in.report.SHA256, err = src.finish()
	if err != nil {
		err = fmt.Errorf("reading %s: byte %d: %w", opts.Name, in.report.Bytes, err)
	}
	if tail := in.report.Bytes - end; in.r.Err() == nil && tail > 0 {
		in.warn.say(oddTail, end, "")
		in.warn[oddTail].n = int(tail)
	}
	if !in.any && err == nil {
		in.report.Error = noBackup(src.head, in.report.Bytes, in.report.SHA256, in.r.Err())
	}
	in.finish(opts.Now)
	return in.report, err
}

// packed are files that people take for a backup, by how they begin. Read as a
// snapshot each is an empty one with bytes after its end.
var packed = []struct{ head, is string }{
	{"\x1f\x8b", "a gzip file"}, {"\xfd7zXZ\x00", "an xz file"}, {"\x28\xb5\x2f\xfd", "a zstd file"}, {"BZh", "a bzip2 file"}, {"PK\x03\x04", "a zip file"},
}

// noBackup says what a file is in which no field of a snapshot was found: a
// scheduler writes at least the time. why is where reading it ended.
func noBackup(head [6]byte, size int64, sum string, why error) string {
	for _, p := range packed {
		if bytes.HasPrefix(head[:], []byte(p.head)) {
			return "it is no backup but " + p.is + ": unpack it first"
		}
	}
	if head == [6]byte{} && size > 0 && sum == zeroSum(size) {
		return fmt.Sprintf("it is no backup: %d zero bytes and nothing else, as a disk leaves a file whose content was lost", size)
	}
	if why != nil {
		return why.Error()
	}
	return "it is no backup: no field of a snapshot is in it"
}

// zeroSum is the hash of so many zero bytes.
func zeroSum(size int64) string {
	h := sha256.New()
	block := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(block)))
		h.Write(block[:n])
		size -= n
	}
	return hex.EncodeToString(h.Sum(nil))
}

type inspector struct {
	r      *tbinary.Reader
	warn   warnings
	tally  *tally
	any    bool // A field of a snapshot was found.
	ids    seen
	hosts  map[string]struct{} // Those that have attributes.
	row    row
	key    key    // Of what is not a task.
	name   []byte // Host, role or the like.
	report Report

	prefix  []byte // What the ids of the job's tasks begin with.
	scratch []byte
}

// finish judges the snapshot as a whole.
func (in *inspector) finish(now time.Time) {
	out := &in.report
	if err := in.r.Err(); err != nil && out.Error == "" {
		out.Error = err.Error()
	}
	if out.Error != "" {
		in.warn[oddTail].n = 0 // What is no snapshot has no end.
	}
	out.Valid = out.Error == ""
	out.Timestamp = instant(out.TimestampMs)
	out.Jobs = len(in.tally.jobs)
	if in.ids.full() {
		in.warn.say(oddManyIDs, -1, "%d of %d", maxSeen, in.tally.total)
	}
	in.ids, in.row, in.hosts = seen{}, row{}, nil // The figures need the room.
	out.Tasks = in.tally.figures()
	if out.Valid {
		if out.TimestampMs == 0 {
			in.warn.add(oddTimeless, -1, nil)
		}
		if out.FrameworkID == "" {
			in.warn.add(oddFramework, -1, nil)
		}
		if out.Tasks.Total == 0 {
			in.warn.add(oddNoTasks, -1, nil)
		}
	}
	if !now.IsZero() && out.Time().After(now.Add(skew)) {
		in.warn.say(oddFuture, -1, "%s, and now it is %s", out.Timestamp, now.UTC().Format(time.RFC3339))
	}
	if out.DBScriptStatements > 0 {
		in.warn[oddScript].n, in.warn[oddScript].at = out.DBScriptStatements, -1
	}
	out.Warnings = in.warn.list()
}

// field reads one field of the snapshot.
func (in *inspector) field(f Field) {
	r, out := in.r, &in.report
	in.any = in.any || f >= Timestamp && f <= MaintenanceRequests
	switch f {
	case Timestamp:
		out.TimestampMs = r.I64()
	case HostAttributes:
		eachStruct(r, &in.warn, in.host)
	case TaskSet:
		eachStruct(r, &in.warn, in.task)
	case CronJobs:
		eachStruct(r, &in.warn, in.cron)
	case Metadata:
		in.metadata()
	case Quotas:
		eachStruct(r, &in.warn, in.quota)
	case JobUpdates:
		eachStruct(r, &in.warn, in.update)
	case DBScript:
		eachStatement(r, func() { out.DBScriptStatements++ })
	case MaintenanceRequests:
		eachStruct(r, &in.warn, in.maintenance)
	default:
		skipField(r, &in.warn, f)
	}
}

// task reads and counts one task.
func (in *inspector) task() {
	t := &in.row
	t.read(in.r)
	if in.r.Err() != nil {
		return
	}
	if !t.status.Known() {
		in.warn.say(oddStatus, t.at, "%s", t.status)
	}
	if len(t.id) == 0 {
		in.warn.add(oddNoID, t.at, nil)
	} else if in.ids.add(t.id) {
		in.warn.add(oddTwice, t.at, t.id)
	}
	in.hostName(t.host, t.at)
	// The scheduler stores a host's attributes before it uses an offer of it,
	// and deletes none: a host without them is one whose name is damaged.
	if len(t.host) > 0 && len(in.hosts) > 0 && t.status.Active() {
		if _, ok := in.hosts[string(t.host)]; !ok {
			in.warn.add(oddStray, t.at, t.host)
		}
	}

	k := t.job()
	if !k.whole() {
		in.warn.add(oddNoJob, t.at, t.id)
		if k.empty() {
			in.tally.count(t.status, noJob)
			return
		}
	}
	j := in.jobOf(t, k)
	if j == noJob {
		in.warn.add(oddManyNames, t.at, nil)
	} else if len(t.id) > 0 && !fits(t.id, in.prefix, t.instance) {
		in.warn.add(oddMisfit, t.at, t.id)
	}
	in.tally.count(t.status, j)
}

// jobOf finds the tally's job of a task, and leaves in prefix what the task's id begins with.
func (in *inspector) jobOf(t *row, k *key) int {
	if t.same != nil && t.same.prefix != nil {
		in.prefix = t.same.prefix
		return t.same.job
	}
	j, fresh := in.tally.job(k)
	if fresh {
		in.jobName(k, t.at)
	}
	in.scratch = idPrefix(in.scratch[:0], k)
	in.prefix = in.scratch
	if t.same != nil && j != noJob {
		t.same.job, t.same.prefix = j, bytes.Clone(in.prefix)
	}
	return j
}

// jobName looks at the characters of a job's key.
func (in *inspector) jobName(k *key, at int64) {
	if !allOf(k.role, nameChar) || !allOf(k.env, nameChar) || !allOf(k.name, nameChar) {
		in.warn.add(oddName, at, k.path(nil))
	}
}

// hostName looks at the characters of a host's name; tasks that run nowhere have none.
func (in *inspector) hostName(name []byte, at int64) {
	if !allOf(name, hostChar) {
		in.warn.add(oddHost, at, name)
	}
}
