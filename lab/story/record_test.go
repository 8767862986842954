package story

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"aurorabot/lab/slack"
)

// mostMessages is how many messages a whole recovery may post into the channel
// itself: it is where people think.
const mostMessages = 12

// A call is one line of `lab --record`.
type call struct {
	Method string                     `json:"method"`
	Body   map[string]json.RawMessage `json:"body"`
}

// text is an argument that is a string, "" if it is none.
func (c call) text(name string) string {
	var s string
	_ = json.Unmarshal(c.Body[name], &s) // Not a string: none.
	return s
}

// All that the bot says in whole recoveries is within Slack's limits, and little
// of it stands in the channel.
func TestWhatIsSaid(t *testing.T) {
	dir := t.TempDir()
	lab, bot := build(t, dir, "lab", "./lab"), build(t, dir, "aurorabot", ".")
	for name, more := range map[string][]string{
		"whole":   nil,
		"damaged": {"--damage", "corrupt:2"},
		"cheat":   {"--cheat", "self-approve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // A lab waits more than it works.
			file := filepath.Join(dir, name+".jsonl")
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, lab, append([]string{"--auto", "--bot", bot, "--record", file}, more...)...)
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
			cmd.WaitDelay = 20 * time.Second
			out, err := cmd.CombinedOutput()
			if status := cmd.ProcessState.ExitCode(); status != 0 && !(name == "cheat" && status == 5) {
				t.Fatalf("lab: %v\n%s", err, out)
			}
			calls := read(t, file)
			if len(calls) == 0 {
				t.Fatal("nothing was recorded")
			}
			posted, checked := 0, 0
			for _, c := range calls {
				checked += limits(t, c)
				if c.Method == "chat.postMessage" && c.text("thread_ts") == "" && c.text("channel")[:1] == "C" {
					posted++
				}
			}
			t.Logf("%d calls, %d messages and views checked, %d posted into the channel", len(calls), checked, posted)
			if posted > mostMessages {
				t.Errorf("%d messages were posted into the channel outside of the thread, want at most %d", posted, mostMessages)
			}
		})
	}
}

func read(t *testing.T, file string) []call {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		calls = append(calls, c)
	}
	return calls
}

// limits checks what a call shows; it returns how many things that were.
func limits(t *testing.T, c call) int {
	t.Helper()
	var problems []slack.Problem
	switch c.Method {
	case "chat.postMessage", "chat.update", "chat.postEphemeral", "response_url":
		body := map[string]json.RawMessage{"text": c.Body["text"], "blocks": plainJSON(c.Body["blocks"])}
		js, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		problems = slack.CheckMessage(js)
	case "views.open", "views.update", "views.publish", "views.push":
		problems = slack.CheckView(plainJSON(c.Body["view"]))
	default:
		return 0
	}
	for _, p := range problems {
		t.Errorf("%s: %s", c.Method, p)
	}
	return 1
}

// plainJSON is a value that a form carries as a string of JSON, or as it is.
func plainJSON(v json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return json.RawMessage(s)
	}
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}
