package backup

import "aurorabot/runner/tbinary"

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
