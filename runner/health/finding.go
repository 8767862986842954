package health

import (
	"cmp"
	"fmt"
	"slices"
)

// A Finding is something that was found of a host, a backup or the cluster.
// Its JSON form is a promise to scripts: names are added, never changed.
type Finding struct {
	ID       string   `json:"finding"`
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject"`  // Whom it is about: a host, or the cluster.
	Evidence string   `json:"evidence"` // What was seen, without secrets.
	Means    string   `json:"means"`
	Do       string   `json:"do"`
	Blocks   string   `json:"blocks,omitempty"` // ID of the step of a recovery that stops on it.
}

// Found makes a finding of a kind. An ID that the table does not know is the
// program's mistake; it is reported as critical, since nobody can tell how bad
// it is.
func Found(id, subject, format string, args ...any) Finding {
	f := Finding{ID: id, Severity: Critical, Subject: subject, Evidence: fmt.Sprintf(format, args...)}
	if k := Look(id); k != nil {
		f.Severity, f.Means, f.Do, f.Blocks = k.Severity, k.Means, k.Do, k.Blocks
	}
	return f
}

// Note returns f as something to know only: expected where it was found.
func (f Finding) Note(why string) Finding {
	f.Severity, f.Blocks = Info, ""
	f.Evidence += " (" + why + ")"
	return f
}

// Worst returns the highest severity among findings, Info if there is none.
func Worst(findings []Finding) Severity {
	worst := Info
	for _, f := range findings {
		if f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// Any reports whether a finding is as bad as s or worse.
func Any(findings []Finding, s Severity) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity.AtLeast(s) })
}

// Has reports whether a finding of that kind is among findings.
func Has(findings []Finding, id string) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.ID == id })
}

// Sort orders findings by severity, worst first, then as the table has them,
// then by subject.
func Sort(findings []Finding) {
	place := map[string]int{}
	for i := range Kinds {
		place[Kinds[i].ID] = i
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(b.Severity.rank()-a.Severity.rank(), place[a.ID]-place[b.ID], cmp.Compare(a.Subject, b.Subject))
	})
}
