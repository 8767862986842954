package docs

import (
	"bytes"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The numbers of docs/limits.md are those of the code, and its tests are there.
func TestLimitsAreThoseOfTheCode(t *testing.T) {
	text, err := os.ReadFile("docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.(\\w+) = ([0-9_ <]+)`").FindAllSubmatch(text, -1)
	if len(named) < 20 {
		t.Errorf("%d constants are named, want 20 at least", len(named))
	}
	for _, m := range named {
		want, err := types.Eval(token.NewFileSet(), nil, token.NoPos, string(m[3]))
		if err != nil {
			t.Fatalf("%s: %v", m[0], err)
		}
		if got := constantOf(t, string(m[1]), string(m[2])); got == nil || !constant.Compare(got, token.EQL, want.Value) {
			t.Errorf("%s: the code says %v", m[0], got)
		}
	}
	tests := testNames(t)
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(text, -1) {
		if !tests[string(m[1])] {
			t.Errorf("there is no test %s", m[1])
		}
	}
}

// constantOf is the value of a constant that is written with numbers alone.
func constantOf(t *testing.T, dir, name string) constant.Value {
	t.Helper()
	files, err := filepath.Glob(path.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST || strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, s := range g.Specs {
				if v := s.(*ast.ValueSpec); v.Names[0].Name == name {
					var b bytes.Buffer
					if err := printer.Fprint(&b, set, v.Values[0]); err != nil {
						t.Fatal(err)
					}
					value, err := types.Eval(set, nil, token.NoPos, b.String())
					if err != nil {
						t.Fatal(err)
					}
					return value.Value
				}
			}
		}
	}
	return nil
}

// testNames are all tests and fuzz targets.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		text, err := os.ReadFile(p)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
