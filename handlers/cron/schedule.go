// Package cron is the surface that asks by the clock: read-only commands, on a
// schedule, with the answer posted into a channel. It is never silent: a check
// that fails, hangs or says nothing is said as such.
package cron

import (
	"errors"
	"fmt"
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
	if spec, ok := times.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	return Job{s, func(t time.Time) time.Time { return times.Next(t.In(zone)) }}, nil
}

// Next returns when the job is due after t; zero if it never is.
func (j Job) Next(t time.Time) time.Time { return j.next(t) }

// Schedule returns what the job was made of.
func (j Job) Schedule() Schedule { return j.schedule }
