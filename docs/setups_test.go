package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row of docs/set-ups.md names a key of the configuration that exists, and a test
// that does.
func TestSetUps(t *testing.T) {
	text, err := os.ReadFile("docs/set-ups.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("config/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("^`([a-z/]+)` (Test\\w+)$")
	keys := regexp.MustCompile("`([a-z_.]+)(: [a-z]+)?`")
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| set-up") {
			continue
		}
		rows++
		if len(cells) != 4 {
			t.Errorf("a row of %d cells: %s", len(cells), line)
			continue
		}
		if verdict := strings.TrimSpace(cells[1]); !strings.HasPrefix(verdict, "works") && !strings.HasPrefix(verdict, "does not") {
			t.Errorf("%s: neither works nor does not: %s", cells[0], verdict)
		}
		for _, key := range keys.FindAllStringSubmatch(cells[2], -1) {
			for name := range strings.SplitSeq(key[1], ".") {
				if !strings.Contains(string(example), name+":") {
					t.Errorf("%s: config/example.yaml has no key %s", cells[0], name)
				}
			}
		}
		m := named.FindStringSubmatch(strings.TrimSpace(cells[3]))
		if m == nil {
			t.Errorf("%s: names no test: %s", cells[0], cells[3])
			continue
		}
		if !testExists(t, m[1], m[2]) {
			t.Errorf("%s: %s has no %s", cells[0], m[1], m[2])
		}
	}
	if rows < 30 {
		t.Errorf("%d rows were read", rows)
	}
}

func testExists(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(") {
			return true
		}
	}
	return false
}
