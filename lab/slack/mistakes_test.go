package slack

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// What other checkers of Slack's limits find wrong, ours finds wrong, and takes
// what they take. The mistakes are seeded by clients/mistakes.py.
func TestSeededMistakes(t *testing.T) {
	path := os.Getenv("AURORABOT_MISTAKES")
	if path == "" {
		t.Skip("SEEDED MISTAKES: SKIPPED (make test-slack-clients makes them)")
	}
	judge(t, path)
}

// judge fails if the checker judges a line of a file of seeded mistakes wrongly.
func judge(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var call struct {
			Method string
			Body   struct {
				Good bool
				View json.RawMessage
			}
		}
		var whole struct{ Body json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(lines.Bytes(), &whole); err != nil {
			t.Fatal(err)
		}
		n++
		problems := CheckMessage(whole.Body)
		if call.Body.View != nil {
			problems = CheckView(call.Body.View)
		}
		if (len(problems) == 0) != call.Body.Good {
			t.Errorf("line %d, good %v: problems %v: %.300s", n, call.Body.Good, problems, lines.Text())
		}
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("%d mistakes, %v", n, err)
	}
	t.Logf("%d seeded messages and views", n)
}
