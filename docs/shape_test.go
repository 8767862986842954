package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// How large a package and a type may be before they are two: nobody reads more
// than that at a time.
const (
	mostFiles   = 25
	mostMethods = 40
)

// What is not split yet, with as much as there may be of it. Nothing on these
// lists may grow, and what is within the bounds leaves them.
var (
	manyFiles   = map[string]int{}
	manyMethods = map[string]int{}
)

// shapes counts the files and the methods of every package that ships.
func shapes(t *testing.T) (files, methods map[string]int) {
	t.Helper()
	files, methods = map[string]int{}, map[string]int{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || p == "lab" || strings.HasPrefix(d.Name(), ".") && p != "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(p))
		files[dir]++
		for _, decl := range f.Decls {
			if name := receiver(decl); name != "" {
				methods[path.Join(dir, name)]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, methods
}

// receiver is the type that a declaration is a method of, "" if it is none.
func receiver(decl ast.Decl) string {
	f, ok := decl.(*ast.FuncDecl)
	if !ok || f.Recv == nil {
		return ""
	}
	at := f.Recv.List[0].Type
	for {
		switch e := at.(type) {
		case *ast.StarExpr:
			at = e.X
		case *ast.IndexExpr:
			at = e.X
		case *ast.IndexListExpr:
			at = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// No package has more than 25 files, and no type more than 40 methods.
func TestShape(t *testing.T) {
	files, methods := shapes(t)
	for _, c := range []struct {
		what   string
		counts map[string]int
		most   int
		except map[string]int
	}{{"files", files, mostFiles, manyFiles}, {"methods", methods, mostMethods, manyMethods}} {
		for name, n := range c.counts {
			if allowed := max(c.most, c.except[name]); n > allowed {
				t.Errorf("%s has %d %s, at most %d: split it along its thoughts", name, n, c.what, allowed)
			}
		}
		for name := range c.except {
			if n := c.counts[name]; n <= c.most {
				t.Errorf("%s has %d %s now: take it off the list of what is not split yet", name, n, c.what)
			}
		}
		if len(c.counts) < 20 {
			t.Errorf("%s of only %d things were counted", c.what, len(c.counts))
		}
	}
}
