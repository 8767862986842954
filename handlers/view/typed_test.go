package view_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/handlers/view"
)

// A command is told as it is typed on the surface; what only looks like one is not.
func TestTyped(t *testing.T) {
	m := view.Message{
		Head: "h `undo r1`", Foot: "`help`",
		Lines:  []string{"Type `abort r1 --reason TEXT`, or `aurora_admin scheduler_backup_now`; see `plan.txt`, `planet` and `/aurora status`.", "abort r1"},
		Fields: []view.Field{{Name: "`undo`", Value: "`resume r1`"}},
		Output: []view.Output{{Title: "`undo`", Text: "`undo`"}},
	}
	want := view.Message{
		Head: "h `@aurora undo r1`", Foot: "`@aurora help`",
		Lines:  []string{"Type `@aurora abort r1 --reason TEXT`, or `aurora_admin scheduler_backup_now`; see `plan.txt`, `planet` and `/aurora status`.", "abort r1"},
		Fields: []view.Field{{Name: "`undo`", Value: "`@aurora resume r1`"}},
		Output: []view.Output{{Title: "`undo`", Text: "`undo`"}},
	}
	if d := cmp.Diff(want, view.Typed(m, "@aurora")); d != "" {
		t.Error(d)
	}
	if m.Lines[1] != "abort r1" || m.Fields[0].Value != "`resume r1`" {
		t.Error("the message itself was changed")
	}
}
