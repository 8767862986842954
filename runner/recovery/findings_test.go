package recovery

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aurorabot/runner/health"
)

// Whatever pre-flight complains of has its line of the table: its code is read
// for the words.
func TestPreflightComplaintsAreFindings(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range []string{"look.go", "lookcluster.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			name, _ := call.Fun.(*ast.Ident)
			text, _ := call.Args[0].(*ast.BasicLit)
			if name == nil || name.Name != "bad" || text == nil {
				return true
			}
			format, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen[format] = true
			if preflightKinds[format] == "" {
				t.Errorf("%s complains %q, which is no finding: give it a line in preflightKinds", file, format)
			}
			return true
		})
	}
	for format, id := range preflightKinds {
		if !seen[format] {
			t.Errorf("nobody says %q any more", format)
		}
		if health.Look(id) == nil {
			t.Errorf("%q is called %s, which the table does not have", format, id)
		}
	}
}

// Every ID that the diagnosis uses stands in the table, and every step that a
// finding blocks is one of the recipe.
func TestFindingIDs(t *testing.T) {
	files, err := filepath.Glob("diagnose*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			text, _ := call.Args[0].(*ast.BasicLit)
			if !slices.Contains([]string{"Found", "say", "complain", "count"}, name) || text == nil {
				return true
			}
			if id, err := strconv.Unquote(text.Value); err != nil || health.Look(id) == nil {
				t.Errorf("%s: %s(%s) is not in the table", file, name, text.Value)
			}
			return true
		})
	}
	recipe := testRecovery(t).Recipe()
	for i := range health.Kinds {
		if k := &health.Kinds[i]; k.Blocks != "" {
			if st, _ := recipe.Step(k.Blocks); st == nil {
				t.Errorf("%s blocks %s, which is no step", k.ID, k.Blocks)
			}
		}
	}
}
