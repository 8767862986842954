package metrics

import (
	"errors"
	"testing"
	"time"
)

// A report that a former process owes is owed still; one that failed is counted,
// and is not made. A drill that cannot be read hides nothing else.
func TestMonitor(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	broken := errors.New("not JSON")
	m := &Monitor{Began: at.Add(30 * time.Hour), Drills: []func() (Drill, error){
		func() (Drill, error) { return Drill{}, broken }, func() (Drill, error) { return Drill{Cluster: "dev"}, nil },
	}}
	m.Watches([]Due{{"daily", func(t time.Time) time.Time { return t.Add(24 * time.Hour) }}}, map[string]time.Time{"daily": at})
	m.Reported("daily", at.Add(time.Hour), true, false)
	var v Values
	var failed error
	m.Fill(&v, func(err error) { failed = err })
	if len(v.Reports) != 1 || !v.Reports[0].Last.Equal(at) || !v.Reports[0].Due.Equal(at.Add(24*time.Hour)) || v.Reports[0].Failed != 1 {
		t.Errorf("after a restart: %+v", v.Reports)
	}
	if !errors.Is(failed, broken) || len(v.Drills) != 2 || v.Drills[1].Cluster != "dev" {
		t.Errorf("drills %+v, %v", v.Drills, failed)
	}
}
