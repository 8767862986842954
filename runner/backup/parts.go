package backup

import (
	"fmt"
	"math"

	"aurorabot/runner/tbinary"
)

// host reads HostAttributes.
func (in *inspector) host() {
	at := in.r.Offset()
	in.hostOf(at)
	in.report.HostAttributes++
	if len(in.name) == 0 || in.r.Err() != nil {
		return
	}
	if _, ok := in.hosts[string(in.name)]; ok {
		in.warn.add(oddPartTwice, at, in.name)
	} else if !in.tally.keep(len(in.name)) {
		// Without all names none can be missed.
		in.warn.add(oddManyNames, at, nil)
		in.hosts = nil
	} else if in.hosts != nil || in.report.HostAttributes == 1 {
		if in.hosts == nil {
			in.hosts = map[string]struct{}{}
		}
		in.hosts[string(in.name)] = struct{}{}
	}
}

// maintenance reads a HostMaintenanceRequest, which begins like HostAttributes.
func (in *inspector) maintenance() {
	in.hostOf(in.r.Offset())
	in.report.MaintenanceRequests++
}

// hostOf reads a struct whose first field is a host.
func (in *inspector) hostOf(at int64) {
	in.name = in.name[:0]
	eachIn(in.r, func(id int16, t tbinary.Type) bool {
		if id != 1 || t != tbinary.TypeString {
			return false
		}
		in.name = text(in.r, in.name)
		return true
	})
	in.named(at)
	in.hostName(in.name, at)
}

// named warns of an entry whose key, in in.name, is empty.
func (in *inspector) named(at int64) {
	if len(in.name) == 0 && in.r.Err() == nil {
		in.warn.add(oddPart, at, nil)
	}
}

// cron reads a StoredCronJob or, of 0.5 to 0.7, a StoredJob.
func (in *inspector) cron() {
	r, at := in.r, in.r.Offset()
	in.key.reset()
	in.name = in.name[:0]
	eachIn(r, func(id int16, t tbinary.Type) bool {
		if id != 3 || t != tbinary.TypeStruct {
			return false
		}
		eachIn(r, func(id int16, t tbinary.Type) bool {
			switch {
			case id == 4 && t == tbinary.TypeString:
				in.name = text(r, in.name)
			case id == 9 && t == tbinary.TypeStruct:
				in.key.read(r)
			default:
				return false
			}
			return true
		})
		return true
	})
	if r.Err() != nil {
		return
	}
	if !in.key.whole() {
		in.warn.add(oddPart, at, nil)
		return
	}
	in.jobName(&in.key, at)
	path := in.key.path(nil)
	if !in.tally.keep(len(path) + len(in.name)) {
		in.warn.add(oddManyNames, at, nil)
		return
	}
	if _, ok := in.report.CronJobs[string(path)]; ok {
		in.warn.add(oddPartTwice, at, path)
	}
	in.report.CronJobs[string(path)] = string(in.name)
}

// quota reads a QuotaConfiguration.
func (in *inspector) quota() {
	r, at := in.r, in.r.Offset()
	in.name = in.name[:0]
	var q quotaReader
	eachIn(r, func(id int16, t tbinary.Type) bool {
		switch {
		case id == 1 && t == tbinary.TypeString:
			in.name = text(r, in.name)
		case id == 2 && t == tbinary.TypeStruct:
			q.read(r, &in.warn)
		default:
			return false
		}
		return true
	})
	if r.Err() != nil {
		return
	}
	in.named(at)
	if !allOf(in.name, nameChar) {
		in.warn.add(oddName, at, in.name)
	}
	if !in.tally.keep(len(in.name)) {
		in.warn.add(oddManyNames, at, nil)
		return
	}
	if _, ok := in.report.Quotas[string(in.name)]; ok {
		in.warn.add(oddPartTwice, at, in.name)
	}
	in.report.Quotas[string(in.name)] = q.quota()
}

// quotaReader reads a ResourceAggregate: fields of its own to 0.20, a set of Resource from 0.16.
type quotaReader struct {
	old, resources Quota
	counted        int // Resources.
}

func (q *quotaReader) read(r *tbinary.Reader, w *warnings) {
	eachIn(r, func(id int16, t tbinary.Type) bool {
		switch {
		case id == 1 && t == tbinary.TypeDouble:
			q.old.CPUs = finite(r.Double())
		case id == 2 && t == tbinary.TypeI64:
			q.old.RAMMB = r.I64()
		case id == 3 && t == tbinary.TypeI64:
			q.old.DiskMB = r.I64()
		case id == 4 && t == tbinary.TypeSet:
			eachStruct(r, w, func() {
				q.counted++
				eachIn(r, q.resources.resource(r))
			})
		default:
			return false
		}
		return true
	})
}

// resource reads the fields of a Resource.
func (q *Quota) resource(r *tbinary.Reader) func(int16, tbinary.Type) bool {
	return func(id int16, t tbinary.Type) bool {
		switch {
		case id == 1 && t == tbinary.TypeDouble:
			q.CPUs = finite(r.Double())
		case id == 2 && t == tbinary.TypeI64:
			q.RAMMB = r.I64()
		case id == 3 && t == tbinary.TypeI64:
			q.DiskMB = r.I64()
		case id == 5 && t == tbinary.TypeI64:
			q.GPUs = r.I64()
		default:
			return false
		}
		return true
	}
}

func (q *quotaReader) quota() Quota {
	if q.counted > 0 {
		return q.resources
	}
	return q.old
}

// quotaOf is the quota in a ResourceAggregate.
func quotaOf(aggregate *tbinary.Struct) Quota {
	if aggregate == nil {
		return Quota{}
	}
	var q quotaReader
	q.read(tbinary.NewReaderBytes(aggregate.Encode()), new(warnings))
	return q.quota()
}

// String writes the quota in a few words: "50 CPUs, 65536 MB RAM, 1048576 MB disk".
func (q Quota) String() string {
	s := fmt.Sprintf("%g CPUs, %d MB RAM, %d MB disk", q.CPUs, q.RAMMB, q.DiskMB)
	if q.GPUs != 0 {
		s += fmt.Sprintf(", %d GPUs", q.GPUs)
	}
	return s
}

// finite makes a number that JSON can write of any.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// update reads StoredJobUpdateDetails, as far as the job that it updates.
func (in *inspector) update() {
	r, at := in.r, in.r.Offset()
	in.key.reset()
	// details, update, summary; the job stands there (to 0.8) or in a key of its own (from 0.8).
	path := func(want int16, next func()) func(int16, tbinary.Type) bool {
		return func(id int16, t tbinary.Type) bool {
			if id != want || t != tbinary.TypeStruct {
				return false
			}
			next()
			return true
		}
	}
	summary := func() {
		eachIn(r, func(id int16, t tbinary.Type) bool {
			switch {
			case t != tbinary.TypeStruct:
				return false
			case id == 2:
				in.key.read(r)
			case id == 5:
				eachIn(r, path(1, func() { in.key.read(r) }))
			default:
				return false
			}
			return true
		})
	}
	update := func() { eachIn(r, path(1, summary)) }
	eachIn(r, path(1, func() { eachIn(r, path(1, update)) }))
	if r.Err() != nil {
		return
	}
	if !in.key.whole() {
		in.warn.add(oddPart, at, nil)
	} else {
		in.jobName(&in.key, at)
	}
	in.report.JobUpdates++
}

// metadata reads the SchedulerMetadata.
func (in *inspector) metadata() {
	r := in.r
	at := r.Offset()
	eachIn(r, func(id int16, t tbinary.Type) bool {
		switch {
		case id == 1 && t == tbinary.TypeString:
			in.name = text(r, in.name)
			if in.tally.keep(len(in.name)) {
				in.report.FrameworkID = string(in.name)
			}
		case id == 8 && t == tbinary.TypeMap:
			in.details()
		default:
			return false
		}
		return true
	})
	if id := in.report.FrameworkID; !allOf([]byte(id), nameChar|hostChar) {
		in.warn.add(oddName, at, []byte(id))
	}
}

// details reads the map of strings in the SchedulerMetadata.
func (in *inspector) details() {
	r, at := in.r, in.r.Offset()
	key, elem, n := r.Map()
	if n > 0 && (key != tbinary.TypeString || elem != tbinary.TypeString) {
		in.warn.say(oddElements, at, "%s to %s", key, elem)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		k := string(text(r, nil))
		in.name = text(r, in.name)
		if !in.tally.keep(len(k) + len(in.name)) {
			in.warn.add(oddManyNames, at, nil)
			continue
		}
		in.report.Metadata[k] = string(in.name)
	}
}
