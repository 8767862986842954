package health

import (
	"cmp"
	"maps"
	"slices"
)

// A Loss is what a restore kills, by all that know something of it. A source that
// knows a part only and found nothing in it knows nothing.
type Loss struct {
	Killed  *int           `json:"killed"`   // Tasks; the most that a source knows. Nil: none knows.
	AtLeast bool           `json:"at_least"` // No complete source gave it.
	Sources []LossSource   `json:"sources"`
	Jobs    map[string]int `json:"jobs"` // Tasks by job (role/environment/name), each the most that a source knows.
}

// A LossSource is one that was asked.
type LossSource struct {
	Source   string `json:"source"` // See the constants.
	Killed   int    `json:"killed"`
	Complete bool   `json:"complete"` // It knows of every task that can be lost.

	Jobs map[string]int `json:"-"`
}

// The sources of a [Loss].
const (
	LossByMesos = "mesos" // What Mesos says that runs.
	LossByLog   = "log"   // What the best log still holds.
	LossByAPI   = "api"   // What the leading scheduler says.
)

// A LostJob is a job that a restore kills tasks of.
type LostJob struct {
	Job       string `json:"job"`
	Instances int    `json:"instances"`
	Source    string `json:"source"` // Who knows of that many.

	// What one instance takes, where the backup has no task of the job at work, so that
	// it must be created again, and the log has its configuration.
	Each *Resources `json:"each,omitempty"`
}

// Resources are what one instance of a job takes.
type Resources struct {
	CPUs   float64 `json:"cpus"`
	RAMMB  int64   `json:"ram_mb"`
	DiskMB int64   `json:"disk_mb"`
}

// LossOf counts what sources know together.
func LossOf(sources ...LossSource) Loss {
	l := Loss{AtLeast: true, Sources: sources, Jobs: map[string]int{}}
	if sources == nil {
		l.Sources = []LossSource{}
	}
	for _, s := range sources {
		if s.Killed == 0 && !s.Complete {
			continue
		}
		if l.Killed == nil || s.Killed > *l.Killed {
			l.Killed, l.AtLeast = new(s.Killed), true
		}
		if s.Complete && s.Killed == *l.Killed {
			l.AtLeast = false
		}
	}
	all := 0
	for _, j := range LostJobs(sources...) {
		l.Jobs[j.Job] = j.Instances
		all += j.Instances
	}
	if l.Killed != nil && all > *l.Killed {
		l.AtLeast = true // One knows of some, and another of others.
	}
	return l
}

// LostJobs are the jobs that a restore kills tasks of, by name.
func LostJobs(sources ...LossSource) []LostJob {
	most := map[string]LostJob{}
	for _, s := range sources {
		for job, n := range s.Jobs {
			if n > most[job].Instances {
				most[job] = LostJob{Job: job, Instances: n, Source: s.Source}
			}
		}
	}
	return slices.SortedFunc(maps.Values(most), func(a, b LostJob) int { return cmp.Compare(a.Job, b.Job) })
}
