// Package health holds the table of findings, and what reads logs for them.
// Assess, doctor, pre-flight and the reports range over the same table.
package health

import (
	"regexp"
	"slices"
	"strings"
)

// A Severity orders findings.
type Severity string

// The severities, least first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// AtLeast reports whether s is as bad as o or worse. Unknown severities are the worst.
func (s Severity) AtLeast(o Severity) bool { return s.rank() >= o.rank() }

func (s Severity) rank() int {
	switch s {
	case Info:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// A Kind is one line of the table of findings.
type Kind struct {
	ID       string
	Severity Severity
	Means    string // What it means, in one sentence.
	Evidence string // What must have been seen for it. Empty for lines of a log: see [Kind.Wants].
	Do       string // What to do.
	Blocks   string // ID of the step of a recovery that stops on it. Empty: none does.
	Log      bool   // It tells of trouble with the replicated log: Assess re-initialises.
	Passes   bool   // A line of a log that a healthy scheduler has too while it starts: old ones alarm nobody.

	literals []string       // One of them stands in every line that matches: found fast.
	pattern  *regexp.Regexp // What matches; nil: the literals do.
	not      *regexp.Regexp // What must not match at the same place (Go has no look-ahead).
}

// A LogFinding is one kind of line that a scheduler's or replica's log may have.
type LogFinding = Kind

// Kinds is the whole table: lines of logs, then hosts, the log, leadership, the
// commit, backups, the cluster.
var Kinds = slices.Concat(LogFindings, hostKinds, replicaKinds, leaderKinds, commitKinds, backupKinds, clusterKinds)

// Wants is the evidence that a finding of this kind needs, in words.
func (k *Kind) Wants() string {
	if k.Evidence != "" || len(k.literals) == 0 {
		return k.Evidence
	}
	said := "a line of the scheduler's log with \"" + strings.Join(k.literals, "\" or \"") + "\""
	if k.not != nil {
		said += ", but not \"" + k.not.String() + "\""
	}
	return said
}

// Look returns the line of the table with that ID, or nil.
func Look(id string) *Kind {
	for i := range Kinds {
		if Kinds[i].ID == id {
			return &Kinds[i]
		}
	}
	return nil
}

// LogTrouble reports whether a finding tells of trouble with the replicated log.
func LogTrouble(id string) bool {
	k := Look(id)
	return k != nil && k.Log
}
