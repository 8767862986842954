package simulation

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Each of the runbook's 24 safety rules is a check by its number, in a file of
// its own.
func TestEveryRuleHasACheck(t *testing.T) {
	p := newPlay(1, t.TempDir(), true)
	named := map[string]int{}
	for _, r := range p.w.rules {
		number, words, _ := strings.Cut(r.name, " ")
		if words == "" {
			t.Errorf("rule %q has no words", r.name)
		}
		named[number]++
	}
	for n := 1; n <= 24; n++ {
		if named[fmt.Sprint(n)] == 0 {
			t.Errorf("no check is named after rule %d", n)
		}
		files, err := filepath.Glob(fmt.Sprintf("rule%02d_*_test.go", n))
		if err != nil || len(files) != 1 {
			t.Errorf("rule %d: files %v, %v; want one", n, files, err)
		}
		delete(named, fmt.Sprint(n))
	}
	if len(named) > 0 {
		t.Errorf("checks of rules that there are not: %v", named)
	}
}
