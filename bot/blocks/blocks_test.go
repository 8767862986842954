package blocks

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/runner/golden"
)

// representative messages: one of each kind that a run shows.
var representative = map[string]view.Message{
	"gate": {
		Tone:  view.Wait,
		Head:  "Commit the backup on devcluster?",
		Lines: []string{"Asked by T0TEAM0001/U0ALICE001: \"the log is damaged on two hosts\".", "No undo: see `status devcluster`."},
		Fields: []view.Field{
			{Name: "Backup", Value: "scheduler-backup-2026-11-23-08-36"}, {Name: "Age", Value: "2h10m0s"},
			{Name: "Approvals", Value: "1 of 2: T0TEAM0001/U0BOB00001 (sre)"}, {Name: "Digest", Value: "5f3a9c0d11ee"},
		},
		Actions: []view.Action{
			{ID: "approve", Label: "Approve", Style: "primary", Value: "devcluster-20261123T0836Z|commit|5f3a", Type: "devcluster"},
			{ID: "deny", Label: "Deny", Style: "danger", Value: "devcluster-20261123T0836Z|commit|5f3a", Ask: "Why?"},
		},
		Foot: "run devcluster-20261123T0836Z · expires 2026-11-23T09:06:00Z",
	},
	"progress": {
		Head: "Preparation: stopping the schedulers",
		Tasks: []view.Task{
			{ID: "a", Title: "Look at every host", State: "done", Detail: "3 of 3 hosts"},
			{ID: "b", Title: "Supervision off", State: "skipped", Detail: "it was off"},
			{ID: "c", Title: "Stop all scheduler instances", State: "running"},
			{ID: "d", Title: "Prove that they are stopped", State: "pending"},
			{ID: "e", Title: "Wait for the lease", State: "waiting"},
			{ID: "f", Title: "Block traffic", State: "undone"},
			{ID: "g", Title: "Start", State: "failed", Detail: "s2: exit status 1"},
		},
	},
	"hostile": {
		Tone:   view.Bad,
		Head:   "<!channel> *stop* & <@U0ALICE001>",
		Lines:  []string{"<!everyone> `<#C0INCIDENT>` *b* _i_ https://example.org/?a=1&b=2"},
		Fields: []view.Field{{Name: "<!here>", Value: "\u202Etxt.exe\x00\xff"}},
		Output: []view.Output{{Title: "<!channel>", Text: "``` <@U0ALICE001> ```\n\x1b[31mred"}},
		Foot:   "<!channel> & more",
	},
	"table": {
		Tone: view.Good,
		Head: "Backups of devcluster",
		Tables: []view.Table{
			{Title: "All hosts", Right: []int{2}, Rows: [][]string{{"Host", "Newest", "Tasks"}, {"s1", "scheduler-backup-2026-11-23-08-36", "65"}, {"s2", "", "65"}}},
			{Title: "Refused", Rows: [][]string{{"Host", "Why"}, {"s3", "cut at byte 1024"}}},
		},
	},
	"output": {
		Tone: view.Bad,
		Head: "restore/stage: failed on s2",
		Output: []view.Output{
			{Title: "3 of 3 hosts: same", Text: "active\n"},
			{Title: "s2: journalctl", Text: longOutput(400)},
			{Title: "s3: silent", Text: ""},
		},
		Actions: []view.Action{{ID: "resume", Label: "Resume", Value: "r"}, {ID: "undo", Label: "Undo", Style: "danger", Value: "r", Ask: "Why?"}},
	},
}

func longOutput(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "I1123 08:36:%02d.000000 scheduler line %d of a long log\n", i%60, i)
	}
	return b.String()
}

func TestLayoutsAreTheGoldens(t *testing.T) {
	for name, m := range representative {
		t.Run(name, func(t *testing.T) {
			l := Lay(m)
			got, err := json.MarshalIndent(map[string]any{"text": Text(m), "blocks": l.Blocks, "files": names(l), "plain": Plain(m).Blocks}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, filepath.Join("testdata", name+".golden.json"), string(got)+"\n")
		})
	}
}

func names(l Layout) []string {
	out := []string{}
	for _, f := range l.Files {
		out = append(out, f.Name)
	}
	return out
}

// check fails unless Slack would take m, laid out either way, and its text.
func check(t *testing.T, m view.Message) {
	t.Helper()
	for kind, l := range map[string]Layout{"blocks": Lay(m), "plain": Plain(m)} {
		if !fits(l.Blocks) {
			t.Errorf("%s: %d blocks, %d characters", kind, len(l.Blocks), size(l.Blocks))
		}
		body, err := json.Marshal(map[string]any{"text": Text(m), "blocks": l.Blocks})
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(body) {
			t.Errorf("%s: not JSON", kind)
		}
		for _, p := range sandbox.CheckMessage(body) {
			t.Errorf("%s: %s", kind, p)
		}
		seen := map[string]bool{}
		for _, f := range l.Files {
			if seen[f.Name] || f.Text == "" {
				t.Errorf("%s: file %q is there twice or empty", kind, f.Name)
			}
			seen[f.Name] = true
		}
	}
	for _, a := range m.Actions {
		body, err := json.Marshal(Modal(a, m, "ask"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sandbox.CheckView(body) {
			t.Errorf("modal: %s", p)
		}
	}
}

func TestRepresentativeMessagesAreWithinTheLimits(t *testing.T) {
	for name, m := range representative {
		t.Run(name, func(t *testing.T) { check(t, m) })
	}
}

// Each part alone far over what Slack takes, and all of them together.
func TestNothingIsTooBig(t *testing.T) {
	huge := strings.Repeat("\"<&>\\ 字", 2000)
	parts := []func(*view.Message){
		func(m *view.Message) { m.Head = huge },
		func(m *view.Message) { m.Lines = []string{huge, huge} },
		func(m *view.Message) { m.Lines = strings.Split(longOutput(5000), "\n") },
		func(m *view.Message) { m.Lines = []string{strings.Repeat("`a` T0TEAM0001/U0ALICE001 ", 2000)} },
		func(m *view.Message) {
			for range 100 {
				m.Fields = append(m.Fields, view.Field{Name: huge, Value: huge})
			}
		},
		func(m *view.Message) {
			for i := range 100 {
				m.Tasks = append(m.Tasks, view.Task{Title: huge, State: []string{"done", "failed", "what"}[i%3], Detail: huge})
			}
		},
		func(m *view.Message) {
			for range 7 {
				m.Tables = append(m.Tables, view.Table{Title: huge, Rows: [][]string{{huge, "b"}, {}, {"", huge, huge}}, Right: []int{0, 9}})
			}
		},
		func(m *view.Message) {
			m.Tables = []view.Table{{Rows: [][]string{make([]string, 40)}}, {Rows: [][]string{{}}}}
		},
		func(m *view.Message) {
			for range 60 {
				m.Output = append(m.Output, view.Output{Title: huge, Text: longOutput(1000)})
			}
		},
		func(m *view.Message) {
			for i := range 40 {
				m.Actions = append(m.Actions, view.Action{ID: "approve", Label: huge, Value: strings.Repeat("v", i*80), Type: huge, Ask: huge})
			}
		},
		func(m *view.Message) { m.Foot = huge },
	}
	var all view.Message
	for _, p := range parts {
		var m view.Message
		p(&m)
		check(t, m)
		p(&all)
	}
	check(t, all)
	check(t, view.Message{})
}

// What was cut is whole in a file, and the message names the file.
func TestWhatIsCutIsInAFile(t *testing.T) {
	m := representative["output"]
	l := Lay(m)
	if len(l.Files) != 1 || l.Files[0].Text != strings.TrimRight(m.Output[1].Text, "\n") {
		t.Fatalf("files = %v, want the one long output, whole", names(l))
	}
	body, _ := json.Marshal(l.Blocks)
	if !strings.Contains(string(body), l.Files[0].Name) {
		t.Errorf("the message does not name %s", l.Files[0].Name)
	}
}

// Nothing that comes from outside stands where Slack interprets it.
func TestNothingMentions(t *testing.T) {
	for _, m := range representative {
		for _, b := range append(Lay(m).Blocks, Plain(m).Blocks...) {
			switch b := b.(type) {
			case *slack.HeaderBlock:
				inert(t, b.Text)
			case *slack.SectionBlock:
				inert(t, b.Text)
			case *slack.ContextBlock:
				for _, e := range b.ContextElements.Elements {
					inert(t, e.(*slack.TextBlockObject))
				}
			case *slack.RichTextBlock, *slack.ActionBlock, *slack.PlanBlock, *slack.TableBlock:
			default:
				t.Errorf("unexpected block %T", b)
			}
		}
		if strings.ContainsAny(regexp.MustCompile(`<@U[A-Z0-9]+>|<!date\^\d+\^\{date_short_pretty\} \{time\}\|[0-9TZ:-]+>`).ReplaceAllString(Text(m), ""), "<>") {
			t.Errorf("text %q is not escaped", Text(m))
		}
	}
}

// People are named where they can be, and by ID where not.
func TestPeopleAreNamed(t *testing.T) {
	const who = "T0TEAM0001/U0ALICE001"
	m := view.Message{
		Head:   "Handed over to " + who,
		Lines:  []string{"By " + who + "."},
		Fields: []view.Field{{Name: "Asked by", Value: who}},
		Tasks:  []view.Task{{Title: "Hand over", State: "done", Detail: "by " + who}},
		Tables: []view.Table{{Rows: [][]string{{"Run", "Asked by"}, {"r1", who}}}},
		Output: []view.Output{{Title: "s1", Text: who}},
	}
	check(t, m)
	body, _ := json.Marshal(Lay(m).Blocks)
	if n := strings.Count(string(body), `"user_id":"U0ALICE001"`); n != 5 {
		t.Errorf("named %d times, want 5: everywhere but in a program's output", n)
	}
	if !strings.Contains(Text(m), "<@U0ALICE001>") {
		t.Errorf("the text %q names nobody", Text(m))
	}
	if strings.Contains(Whole(m), who) || !strings.Contains(Whole(m), "@U0ALICE001") {
		t.Errorf("the file says %q", Whole(m))
	}
}

func inert(t *testing.T, o *slack.TextBlockObject) {
	t.Helper()
	if o.Type != slack.PlainTextType || strings.ContainsAny(o.Text, "<>") {
		t.Errorf("%s %q is interpreted by Slack", o.Type, o.Text)
	}
}

func TestActionIDsAreUniqueAndComeBack(t *testing.T) {
	all := []view.Action{{ID: "approve"}, {ID: "deny"}, {ID: "approve"}}
	for i, want := range []string{"approve", "deny", "approve#2"} {
		got := actionID(all, i)
		if got != want || ActionID(got) != all[i].ID {
			t.Errorf("actionID(%d) = %q, back %q", i, got, ActionID(got))
		}
	}
}

// Never over Slack's limits, always valid JSON, whatever a message holds.
func FuzzBlocks(f *testing.F) {
	for _, m := range representative {
		js, _ := json.Marshal(m)
		f.Add(string(js), "x", 3)
	}
	f.Add(`{"head":"h"}`, "<!channel>\u202e`\"\\", 900)
	f.Fuzz(func(t *testing.T, js, text string, times int) {
		var m view.Message
		if json.Unmarshal([]byte(js), &m) != nil {
			m = view.Message{Head: js}
		}
		many := strings.Repeat(text, min(max(times, 0), 50_000/(len(text)+1)))
		m.Lines = append(m.Lines, many)
		m.Fields = append(m.Fields, view.Field{Name: text, Value: many})
		m.Tasks = append(m.Tasks, view.Task{ID: text, Title: many, State: text, Detail: many})
		m.Tables = append(m.Tables, view.Table{Title: text, Rows: [][]string{{text, many}, {many}}})
		m.Output = append(m.Output, view.Output{Title: text, Text: many})
		m.Actions = append(m.Actions, view.Action{ID: text, Label: many, Value: text, Type: text, Ask: many})
		m.Foot += many
		check(t, m)
	})
}

func BenchmarkLay(b *testing.B) {
	m := representative["progress"]
	for len(m.Tasks) < 120 {
		m.Tasks = append(m.Tasks, m.Tasks[0])
	}
	for b.Loop() {
		Lay(m)
	}
}

// A time is told in UTC, and by Slack in the reader's own; what only looks like
// a time stays as it is.
func TestTimesAreTheReadersToo(t *testing.T) {
	m := view.Message{Head: "Gate", Lines: []string{"Opened 2026-01-02T03:04:05Z by nobody.", "Never: 2026-13-02T03:04:05Z, 0001-01-01T00:00:00Z."}}
	check(t, m)
	body, _ := json.Marshal(Lay(m).Blocks)
	if n := strings.Count(string(body), `"type":"date","timestamp":1767323045`); n != 1 {
		t.Errorf("%d dates in %s, want 1", n, body)
	}
	if want := "2026-01-02T03:04:05Z (<!date^1767323045^{date_short_pretty} {time}|2026-01-02T03:04:05Z>)"; !strings.Contains(Text(m), want) {
		t.Errorf("text %q lacks %q", Text(m), want)
	}
}

// Who confirms sees all that the message says, and nothing of a file that there
// is not.
func TestModalSaysWhatTheMessageSays(t *testing.T) {
	m := view.Message{Head: "Overwrite the log?"}
	for i := range 16 {
		m.Fields = append(m.Fields, view.Field{Name: fmt.Sprintf("Fact %d", i), Value: strings.Repeat("evidence ", 8)})
	}
	body, err := json.Marshal(Modal(view.Action{ID: "approve", Label: "Approve", Type: "lab"}, m, "confirm"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), "Fact 15") {
		t.Errorf("the last fact is cut: %s", body)
	}
	m.Lines = []string{longOutput(1000)}
	if body, err = json.Marshal(Modal(view.Action{ID: "approve", Label: "Approve", Type: "lab"}, m, "confirm")); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), wholeName) || !strings.Contains(string(body), "more lines in the message") {
		t.Error("a modal names a file, or does not say where the rest is")
	}
}
