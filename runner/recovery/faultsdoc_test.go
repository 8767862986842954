package recovery_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var everyFault = flag.Bool("every-fault", false, "play every fault at every remote step, and write docs/faults.md")

// faults are what happens to a host, by name: those of the network, those of the
// host itself, and the bot's clock.
var faults = []string{"reset", "hang", "half-open", "slow", "garbage", "reboot", "disk full", "killed", "scheduler killed", "clock jump"}

// What became of a fault at a step.
const (
	stoppedThere = "stopped" // The run stopped with a message, and went on after a resume.
	wentOn       = "went on" // The host was asked, and the step came to its end all the same.
	notAsked     = "–"       // The step asked nothing of the host, or had nothing there to strike.
)

// Every fault at every remote step, one run for each fault, makes docs/faults.md.
func TestEveryFaultOnLab(t *testing.T) {
	if !*everyFault {
		t.Skip("`make faults` plays it: seven minutes")
	}
	var mu sync.Mutex
	played := 0
	table := map[string]map[string]cell{}
	t.Run("play", func(t *testing.T) {
		for _, fault := range faults {
			t.Run(strings.ReplaceAll(fault, " ", "-"), func(t *testing.T) {
				t.Parallel()
				s := newSpoiled(t, func(string) string { return fault })
				cells := s.through()
				s.ends(cells)
				if t.Failed() {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				played++
				for _, c := range cells {
					if table[c.step] == nil {
						table[c.step] = map[string]cell{}
					}
					table[c.step][c.fault] = c
				}
			})
		}
	})
	if played < len(faults) {
		return // A table with a column missing says nothing.
	}
	must(t, os.WriteFile("../../docs/faults.md", []byte(document(table)), 0o644))
}

const faultsHead = `# Faults of a host, step by step

Made by ` + "`make faults`" + `; not to be edited. Each fault strikes a host of the embedded lab while the step asks or changes it: the leader where the step has that one host, else one of three. Then it is
mended and the run is resumed, up to its end. The commit is struck when it has left.

- *stopped*: the run stopped with a message and went on after a resume.
- *went on*: the host was asked, and the step came to its end all the same: it asked again, waited, or read the verdict of a job over another connection.
- –: the step asks nothing of the host, or has nothing there that could be struck.

Every run ended recovered, with at most one commit for each approval, files as before, one scheduler on each host and no process left.
*killed* is what runs out of memory of the bot's own commands there, *scheduler killed* the scheduler; a *clock jump* is the bot's, by seven hours.

| step |`

func document(table map[string]map[string]cell) string {
	var b strings.Builder
	b.WriteString(faultsHead)
	var steps []string
	for step := range table {
		steps = append(steps, step)
	}
	for _, f := range faults {
		b.WriteString(" " + f + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(faults)+1) + "\n")
	slices.Sort(steps)
	for _, step := range steps {
		b.WriteString("| " + step + " |")
		for _, f := range faults {
			b.WriteString(" " + table[step][f].verdict + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## What it said\n\n")
	for _, step := range steps {
		for _, f := range faults {
			if c := table[step][f]; c.says != "" {
				fmt.Fprintf(&b, "- %s, %s: %s\n", step, f, c.says)
			}
		}
	}
	return b.String()
}
