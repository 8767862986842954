package backup

import (
	"fmt"
	"math"

	"aurorabot/runner/tbinary"
)

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
			q.read(r, &in.warn, aggregateFields)
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

// quotaReader reads resources: fields of their own to 0.20, a set of Resource from 0.16.
type quotaReader struct {
	old, resources Quota
	counted        int // Resources.
}

// quotaFields are where a struct has its resources.
type quotaFields struct{ cpus, ram, disk, resources int16 }

var (
	aggregateFields = quotaFields{1, 2, 3, 4}   // Of a ResourceAggregate.
	configFields    = quotaFields{8, 9, 10, 32} // Of a TaskConfig.
)

func (q *quotaReader) read(r *tbinary.Reader, w *warnings, in quotaFields) {
	eachIn(r, func(id int16, t tbinary.Type) bool {
		switch {
		case id == in.cpus && t == tbinary.TypeDouble:
			q.old.CPUs = finite(r.Double())
		case id == in.ram && t == tbinary.TypeI64:
			q.old.RAMMB = r.I64()
		case id == in.disk && t == tbinary.TypeI64:
			q.old.DiskMB = r.I64()
		case id == in.resources && t == tbinary.TypeSet:
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
	q.read(tbinary.NewReaderBytes(aggregate.Encode()), new(warnings), aggregateFields)
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
