package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every claim of SECURITY.md that somebody cannot do something, and of what keeps it
// so, names the tests that hold it, and these exist. Whoever has root on the bot's
// machine can do everything: that row claims nothing.
func TestSecurityClaimsAreTested(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	test := regexp.MustCompile("`(Test\\w+)`")
	exists := testNames(t)
	for _, m := range test.FindAllSubmatch(text, -1) {
		if !exists[string(m[1])] {
			t.Errorf("there is no test %s", m[1])
		}
	}
	part := func(title string) string {
		_, rest, found := strings.Cut(string(text), "\n## "+title+"\n")
		if !found {
			t.Fatalf("there is no part %q", title)
		}
		part, _, _ := strings.Cut(rest, "\n## ")
		return part
	}
	rows := 0
	for line := range strings.Lines(part("Who could do what")) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " **") {
			continue
		}
		if rows++; strings.TrimSpace(cells[3]) != "–" && !test.MatchString(cells[3]) {
			t.Errorf("no test holds what is said of%s", cells[1])
		}
	}
	if rows < 12 {
		t.Errorf("%d rows were read, want 12 at least", rows)
	}
	bullets := 0
	for _, bullet := range strings.Split(part("What keeps it so"), "\n- ")[1:] {
		if bullets++; !test.MatchString(bullet) {
			t.Errorf("no test holds %.60q", bullet)
		}
	}
	if bullets < 5 {
		t.Errorf("%d claims were read, want 5 at least", bullets)
	}
}
