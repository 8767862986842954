package view

import (
	"fmt"
	"time"

	"aurorabot/runner/drill"
)

// DrillDone is what a drill proved, or that it failed.
func DrillDone(d drill.Drill) Message {
	m := Message{Tone: Good, Head: fmt.Sprintf("Drill of %s: a cluster was recovered from the newest backup", d.Cluster)}
	if !d.Proved {
		m.Tone, m.Head = Bad, fmt.Sprintf("Drill of %s: FAILED. The newest backup did not recover a cluster", d.Cluster)
		if d.Backup == "" {
			m.Head = fmt.Sprintf("Drill of %s: FAILED. There is no backup", d.Cluster)
		}
		why := sentence(d.Why)
		if d.Step != "" {
			why = "It stopped at " + d.Step + ": " + why
		}
		m.Lines = append(m.Lines, why)
		if d.Usable != "" {
			m.Lines = append(m.Lines, "The newest backup that decodes is "+d.Usable+".")
		}
	} else {
		m.Lines = append(m.Lines, "Proof: "+sentence(d.Proof))
	}
	if d.Unasked != "" {
		m.Lines = append(m.Lines, "A newer backup may lie on a host that could not be asked: "+sentence(d.Unasked))
		if m.Tone == Good {
			m.Tone = Warn
		}
	}
	if d.Backup != "" {
		m.Fields = append(m.Fields, Field{"Backup", d.Backup + " on " + d.Host})
	}
	if !d.Timestamp.IsZero() {
		m.Fields = append(m.Fields, Field{"Taken", when(d.Timestamp)}, Field{"Content", fmt.Sprintf("%s, %s", count(d.Tasks, "task"), size(d.Bytes))})
	}
	m.Fields = append(m.Fields, Field{"Lasted", took(seconds(d.Took))})
	if len(d.Phases) > 0 {
		t := Table{Rows: [][]string{{"Phase", "Steps", "Lasted", ""}}, Right: []int{1}}
		for _, p := range d.Phases {
			end := "did not end"
			switch {
			case p.Skipped:
				end = "skipped"
			case p.Done:
				end = "done"
			}
			t.Rows = append(t.Rows, []string{p.ID, fmt.Sprint(p.Steps), took(seconds(p.Took)), end})
		}
		m.Tables = []Table{t}
	}
	m.Foot = "On a cluster of the rehearsal lab, Aurora 0.22.0. The live cluster was not touched: its backup was read."
	return m
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
