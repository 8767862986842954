package backup

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"aurorabot/runner/bound"
	"aurorabot/runner/tbinary"
)

// A JobConfig is a configuration of active tasks of a job, as the backup has it.
type JobConfig struct {
	Job       string  // role/environment/name
	Instances []int32 // That have it, in order.
	Config    Element // The TaskConfig.
	Each      Quota   // What one instance takes.
}

// Configs gathers the configurations of the active tasks of the jobs that want names,
// by job and first instance. One that would take more memory than the bot has for it
// is an error that wraps [bound.ErrTooMuch].
func Configs(r io.Reader, want func(job string) bool) ([]JobConfig, error) {
	var w warnings
	p := parser{names: interned{}}
	var elem []byte
	left := maxState
	in := tbinary.NewReader(r)
	lenient(in, &w)
	in.Odd = nil
	found := map[string]*JobConfig{}
	eachField(in, &w, func(id Field) {
		if id != TaskSet {
			skipField(in, &w, id)
			return
		}
		eachStruct(in, &w, func() {
			at := in.Offset()
			if elem = in.Copy(elem[:0], tbinary.TypeStruct, maxElement); in.Err() != nil {
				return
			}
			task := p.task(elem)
			if !task.Status.Active() || !want(task.Key()) {
				return
			}
			raw := configBytes(&p.r, elem)
			digest := sum(raw)
			c := found[task.Key()+string(digest[:])]
			if c == nil {
				if left -= perPart + len(raw); left < 0 {
					in.FailFor(at, fmt.Errorf("%w: the configurations would take over %d MiB of memory", bound.ErrTooMuch, maxState>>20))
					return
				}
				c = &JobConfig{Job: task.Key(), Config: slices.Clone(raw), Each: needs(raw)}
				found[task.Key()+string(digest[:])] = c
			}
			c.Instances = append(c.Instances, task.Instance)
		})
	})
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	var list []JobConfig
	for _, c := range found {
		slices.Sort(c.Instances)
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b JobConfig) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instances[0], b.Instances[0]))
	})
	return list, nil
}

// needs are the resources in a TaskConfig.
func needs(config []byte) Quota {
	var q quotaReader
	q.read(tbinary.NewReaderBytes(config), new(warnings), configFields)
	return q.quota()
}
