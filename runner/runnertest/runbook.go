package runnertest

import (
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
)

// Runbook is the recipe as people read it: docs/runbook.md and its neighbour are made of it.
func Runbook(r *runner.Recipe) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The runbook, as the bot walks it\n\nGenerated from the recipe `%s` (version %d) by the test that compares it; do not edit.\nEach line is a step: its place in the procedure, how it is undone, and the gates at which people decide.\n", r.ID, r.Version)
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "\n## %s\n\n", p.Title)
		for i, st := range p.Steps {
			for _, g := range r.Gates {
				if g.Before == st.ID {
					fmt.Fprintf(&b, "\n> **Gate `%s`.** %s\n\n", g.ID, g.Title)
				}
			}
			fmt.Fprintf(&b, "%d. **%s** (`%s`; %s)", i+1, st.Title, st.ID, st.Source)
			switch {
			case st.ReadOnly():
				b.WriteString(". Looks only.\n")
			case st.OneWay != "":
				fmt.Fprintf(&b, ". **Cannot be undone:** %s.\n", st.OneWay)
			case st.Keeps != "":
				fmt.Fprintf(&b, ". Undo reverts it; Cleanup leaves it: %s.\n", st.Keeps)
			default:
				b.WriteString(". Undo and Cleanup revert it.\n")
			}
			if st.Holds != nil {
				b.WriteString("   Must stay true while the run is open; asked again on resume, before each phase and right before a dangerous step.\n")
			}
		}
		if p.Undoes != "" {
			fmt.Fprintf(&b, "\nThen `%s` is undone, in this order:\n\n", p.Undoes)
			for i, id := range UndoOrder(r, p.Undoes) {
				st, _ := r.Step(id)
				fmt.Fprintf(&b, "%d. %s (`%s`)\n", i+1, st.Title, id)
			}
		}
	}
	return b.String()
}

// UndoOrder is the order of Cleanup: newest first, those marked Last at the end,
// without what is kept.
func UndoOrder(r *runner.Recipe, phase string) []string {
	var order, last []string
	for _, p := range r.Phases {
		if p.ID != phase {
			continue
		}
		for _, st := range slices.Backward(p.Steps) {
			switch {
			case st.Undo == nil || st.Keeps != "":
			case st.Last:
				last = append(last, st.ID)
			default:
				order = append(order, st.ID)
			}
		}
	}
	return append(order, last...)
}
