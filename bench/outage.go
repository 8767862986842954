package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An event is what an outage is read from: a line of `lab --auto --json`.
type event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Step string    `json:"step"`
}

// waits are the steps whose time is the schedulers' own: they stop, start, open
// their replicas, elect a leader, register with Mesos. Undo of a step is told
// apart by the kind of its events.
var waits = map[string]bool{
	"prepare/stop-schedulers": true, "prepare/start-schedulers": true, "assess/look-at-schedulers": true,
	"reinitialize/stop-schedulers": true, "reinitialize/nobody-registered": true, "reinitialize/start-schedulers": true,
	"restore/find-leader": true, "restore/keep-quorum": true, "restore/prove-commit": true, "restore/restart-lingering": true,
	"cleanup/in-group": true,
}

// A share is a step of an outage, and how long it took in each play.
type share struct {
	step string
	last int // Where it came last in any play, for the order of lines: a play of all phases tells it.
	took map[string]time.Duration
}

// outages prints, for the journals of some plays, how long the schedulers were
// out of service and what took the time: a table in Markdown. An outage begins
// when the first scheduler is stopped, and ends when traffic is open again.
func outages(files []string, out io.Writer) error {
	var names []string
	shares := map[string]*share{}
	sums := map[string]map[string]time.Duration{"people": {}, "schedulers": {}, "ours": {}, "outage": {}}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		names = append(names, name)
		events, err := eventsOf(file)
		if err != nil {
			return err
		}
		begin := slices.IndexFunc(events, func(e event) bool { return e.Kind == "step.started" && e.Step == "prepare/stop-schedulers" })
		if begin < 0 {
			return fmt.Errorf("%s: no scheduler is stopped", file)
		}
		end := len(events) - 1
		for end > begin && (events[end].Kind != "undo.done" || events[end].Step != "prepare/block-traffic") {
			end--
		}
		if end == begin {
			return fmt.Errorf("%s: traffic is not opened again", file)
		}
		for i := begin + 1; i <= end; i++ {
			e, d := events[i], events[i].At.Sub(events[i-1].At)
			whose, step := "ours", e.Step
			switch {
			case strings.HasPrefix(e.Kind, "gate.") && e.Kind != "gate.opened" || e.Kind == "run.resumed":
				whose, step = "people", "people decide"
			case strings.HasPrefix(e.Kind, "undo."):
				step = "undo of " + step
				if e.Step == "prepare/stop-schedulers" || e.Step == "prepare/start-schedulers" {
					whose = "schedulers"
				}
			case waits[e.Step]:
				whose = "schedulers"
			case step == "":
				step = "between steps"
			}
			s := shares[step]
			if s == nil {
				s = &share{step: step, took: map[string]time.Duration{}}
				shares[step] = s
			}
			s.last = max(s.last, i)
			s.took[name] += d
			sums[whose][name] += d
		}
		sums["outage"][name] = events[end].At.Sub(events[begin].At)
	}
	line := func(what string, took map[string]time.Duration) {
		fmt.Fprintf(out, "| %s |", what)
		for _, name := range names {
			fmt.Fprintf(out, " %.1f |", took[name].Seconds())
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "| seconds | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, s := range slices.SortedFunc(func(yield func(*share) bool) {
		for _, s := range shares {
			if !yield(s) {
				return
			}
		}
	}, func(a, b *share) int { return cmp.Or(a.last-b.last, strings.Compare(a.step, b.step)) }) {
		if slices.ContainsFunc(names, func(name string) bool { return s.took[name] >= 50*time.Millisecond }) {
			line(s.step, s.took)
		}
	}
	line("**the whole outage**", sums["outage"])
	line("of it people", sums["people"])
	line("of it schedulers that stop, start, elect, register", sums["schedulers"])
	line("of it ours", sums["ours"])
	return nil
}

func eventsOf(file string) ([]event, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var events []event
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s: event %d: %w", file, len(events)+1, err)
		}
		events = append(events, e)
	}
	return events, lines.Err()
}
