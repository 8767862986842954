package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What SECURITY.md says is held by tests that are there.
func TestSecurityNamesTests(t *testing.T) {
	var there strings.Builder
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		text, err := os.ReadFile(p)
		there.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]*)`").FindAllSubmatch(text, -1)
	for _, m := range named {
		if !strings.Contains(there.String(), "\nfunc "+string(m[1])+"(t *testing.T)") {
			t.Errorf("SECURITY.md names %s, which is not there", m[1])
		}
	}
	if len(named) < 10 {
		t.Errorf("SECURITY.md names only %d tests", len(named))
	}
}
