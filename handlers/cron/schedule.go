// Package cron is the surface that asks by the clock: read-only commands, on a
// schedule, with the answer posted into a channel. It is never silent: a check
// that fails, hangs or says nothing is said as such.
package cron

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// A Schedule is one entry as the operator writes it.
type Schedule struct {
	Name    string   // For messages: "backups of devcluster".
	Spec    string   // Five fields, or "@daily", "@every 1h".
	Zone    string   // IANA time zone that Spec is meant in: "UTC", "Europe/Berlin". Never empty.
	Words   []string // The command: "report", "devcluster".
	Channel string   // ID of the channel that the answer goes to.

	// Jitter is the most by which the schedule's times are late, so that many
	// bots, or many schedules of one, do not ask at the same moment. How late
	// follows from the name and is always the same. Zero: not at all.
	Jitter time.Duration
}

// A Job is a schedule that was checked: its command only reads. [NewJob] is
// the only way to make one.
type Job struct {
	schedule Schedule
	next     func(time.Time) time.Time
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// NewJob checks s. readOnly says why a command may not be asked by the clock:
// because it changes something, or because there is none of that name.
func NewJob(s Schedule, readOnly func(words []string) error) (Job, error) {
	fail := func(err error) (Job, error) { return Job{}, fmt.Errorf("schedule %q: %w", s.Name, err) }
	switch {
	case s.Name == "":
		return Job{}, errors.New("schedule: no name")
	case s.Channel == "":
		return fail(errors.New("no channel to post to"))
	case len(s.Words) == 0:
		return fail(errors.New("no command"))
	case s.Zone == "" || s.Zone == "Local":
		return fail(errors.New("no time zone: name one, for example UTC"))
	case strings.Contains(s.Spec, "TZ="):
		return fail(errors.New("the time zone belongs into zone, not into the times"))
	}
	if err := readOnly(s.Words); err != nil {
		return fail(err)
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return fail(fmt.Errorf("time zone %q: %w", s.Zone, err))
	}
	times, err := parser.Parse(s.Spec)
	if err != nil {
		return fail(fmt.Errorf("times %q: %w", s.Spec, err))
	}
	spec, onTheClock := times.(*cron.SpecSchedule)
	if onTheClock {
		spec.Location = zone
	}
	late := late(s)
	return Job{s, func(t time.Time) time.Time {
		t = t.Add(-late).In(zone)
		next := times.Next(t)
		if onTheClock {
			next = overLeap(spec, t, next)
		}
		if next.IsZero() {
			return next
		}
		return next.Add(late)
	}}, nil
}

// overLeap is when the schedule is due after t, where next is what the times
// say. Clocks that are put forward leap over times; the times leave those out,
// and a report once a day would be missing for two. It is due when the clocks
// have leapt, unless the hour after it has a time of its own.
func overLeap(spec *cron.SpecSchedule, t, next time.Time) time.Time {
	for range 100 { // Changes of the clocks in fifty years.
		_, change := t.ZoneBounds()
		if change.IsZero() || !next.IsZero() && !change.Before(next) {
			return next
		}
		eve := change.Add(-time.Second)
		_, before := eve.Zone()
		_, after := change.Zone()
		if leap := time.Duration(after-before) * time.Second; leap > 0 {
			end := change.Add(leap)
			unchanged := *spec
			unchanged.Location = time.FixedZone("", before)
			lost, kept := unchanged.Next(eve), spec.Next(eve)
			if !lost.IsZero() && lost.Before(end) && (kept.IsZero() || !kept.Before(end)) {
				return change
			}
		}
		t = change
	}
	return next
}

// late is how late a schedule is, in whole seconds.
func late(s Schedule) time.Duration {
	if s.Jitter < time.Second {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(s.Name)) // A hash takes everything.
	return time.Duration(h.Sum64()%uint64(s.Jitter/time.Second+1)) * time.Second
}

// Next returns when the job is due after t; zero if it never is.
func (j Job) Next(t time.Time) time.Time { return j.next(t) }

// Schedule returns what the job was made of.
func (j Job) Schedule() Schedule { return j.schedule }
