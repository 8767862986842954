package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// declared are the names that the tree declares, fields and methods among them.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".go" {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[n.Name.Name] = true
			case *ast.TypeSpec:
				names[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, id := range n.Names {
					names[id.Name] = true
				}
			case *ast.Field:
				for _, id := range n.Names {
					names[id.Name] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var (
	goName  = regexp.MustCompile(`^\*?(?:[a-z]+\.)?([A-Z][A-Za-z]+)$`)
	mapPath = regexp.MustCompile(`^[a-z][a-z_.]*(?:/[A-Za-z_.]*)*(?:/|\.go)$`)
)

// Every path and every Go name that docs/ARCHITECTURE.md gives is there.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	names := declared(t)
	paths, found := 0, 0
	for _, m := range span.FindAllStringSubmatch(block.ReplaceAllString(string(text), ""), -1) {
		if mapPath.MatchString(m[1]) {
			paths++
			if info, err := os.Stat(m[1]); err != nil || info.IsDir() != strings.HasSuffix(m[1], "/") {
				t.Errorf("it names the path `%s`, which is not there", m[1])
			}
		}
		if name := goName.FindStringSubmatch(m[1]); name != nil {
			found++
			if !names[name[1]] {
				t.Errorf("it names `%s`, which no package declares", m[1])
			}
		}
	}
	if paths < 50 || found < 10 {
		t.Errorf("only %d paths and %d names of Go were found", paths, found)
	}
}
