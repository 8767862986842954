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

// Every ID that pre-flight and the diagnosis use stands in the table, and every step that a
// finding blocks is one of the recipe.
func TestFindingIDs(t *testing.T) {
	var files []string
	for _, dir := range []string{".", "../node", "../diagnose"} {
		list, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		files = append(files, list...)
	}
	seen := 0
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
				if name = f.Sel.Name; name == "say" {
					return true // A departure's, which says no finding.
				}
			}
			at := 0
			if name == "telling" {
				at = 1 // After the task.
			}
			text, _ := call.Args[at].(*ast.BasicLit)
			if !slices.Contains([]string{"Found", "say", "complain", "count", "bad", "telling"}, name) || text == nil {
				return true
			}
			seen++
			if id, err := strconv.Unquote(text.Value); err != nil || health.Look(id) == nil {
				t.Errorf("%s: %s(%s) is not in the table", file, name, text.Value)
			}
			return true
		})
	}
	if seen < 80 {
		t.Errorf("only %d IDs were found", seen)
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
