package view_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/drill"
	"aurorabot/runner/health"
)

// What the rules of every message look for.
var (
	digests = regexp.MustCompile(`\b[0-9a-f]{12,}\b`)
	ids     = regexp.MustCompile(`\b[a-z0-9][a-z0-9-]*-\d{8}T\d{4}Z\b|\b\d{13}-[a-z]`)

	// banned are words that nobody uses who speaks plainly.
	banned = regexp.MustCompile(`(?i)\banew\b|\bstands? (in|with|at)\b|\bgoes on\b|\btaken back\b|\bis told\b|'s sake\b|\bwhat is asked for\b|\brightly\b|\bresurrected\b|\bthat much later\b|\bwhoever\b[^.]*\bcounts?\b`)
)

// most is how many characters the first line of a message has at most.
const most = 120

// parts are what a message says, in the order in which it is read. What programs
// printed is theirs.
func parts(m view.Message) []string {
	list := append([]string{m.Head}, m.Lines...)
	for _, f := range m.Fields {
		list = append(list, f.Name+": "+f.Value)
	}
	for _, k := range m.Tasks {
		list = append(list, k.Title+" "+k.Detail)
	}
	for _, b := range m.Tables {
		list = append(list, fmt.Sprint(b.Rows))
	}
	for _, o := range m.Output {
		list = append(list, o.Title)
	}
	if m.Foot != "" {
		list = append(list, m.Foot)
	}
	return list
}

// brokenRules are the rules that a message breaks: how long its first line is, where ids
// and digests are, plain words, and what an open gate says first.
func brokenRules(m view.Message) []string {
	var broken []string
	if n := utf8.RuneCountInString(m.Head); n == 0 || n > most || strings.Contains(m.Head, "\n") {
		broken = append(broken, fmt.Sprintf("the first line has %d characters, want 1 to %d, and one line", n, most))
	}
	list := parts(m)
	for i, part := range list {
		if word := banned.FindString(part); word != "" {
			broken = append(broken, fmt.Sprintf("%q is no plain English: %s", word, part))
		}
		if i == len(list)-1 {
			break
		}
		for _, r := range []*regexp.Regexp{digests, ids} {
			if found := r.FindString(part); found != "" {
				broken = append(broken, fmt.Sprintf("%s is not in the last block: %s", found, part))
			}
		}
	}
	if slices.ContainsFunc(m.Actions, func(a view.Action) bool { return a.ID == "approve" }) {
		top := strings.Join(list[:min(len(list), 3)], "\n")
		if !regexp.MustCompile(`will be killed|will be lost|Nothing is lost|kills no task`).MatchString(top) {
			broken = append(broken, "the first three lines name no loss: "+top)
		}
		if !regexp.MustCompile(`Begin the outage|Confirm the assessment|Overwrite the replicated log|Start the schedulers on the log that was loaded|Undo everything|Continue without`).MatchString(top) {
			broken = append(broken, "the first three lines name no act: "+top)
		}
	}
	return broken
}

// generated are messages of every kind that the views make, with those for which a run
// has no moment.
func generated(t *testing.T) []told {
	list := slices.Concat(listed(t), reports())
	for _, mo := range moments(t) {
		s := runner.Fold(mo.events)
		p := people(mo.events)
		p.Now, p.LastDrill = s.At.Add(40*time.Minute), 12*time.Minute
		p.Remind = map[string][]time.Duration{s.Gate: {15 * time.Minute}}
		p.Asked = map[string][]string{s.Gate: {bob, cat}}
		for n := range mo.events {
			if n < len(mo.events)-1 && mo.name != "recovered" {
				continue // The longest one is looked at everywhere, the others at their end.
			}
			list = append(list,
				told{mo.name + " event", view.Event(mo.events[n], runner.Fold(mo.events[:n+1]))}, told{mo.name + " event alone", view.Event(mo.events[n], nil)})
			for _, one := range all(view.ScreensOf(mo.events[:n+1], people(mo.events[:n+1]))) {
				list = append(list, told{fmt.Sprintf("%s at event %d, %s", mo.name, n+1, one.at), one.m})
			}
		}
		for _, one := range all(view.ScreensOf(mo.events, p)) {
			list = append(list, told{mo.name + " later, " + one.at, one.m})
		}
		for _, gate := range []string{"start", "assess", "commit", runner.GateUndo, runner.GateWithout} {
			for _, v := range []policy.Verdict{p.Gates[gate], {Open: true, Given: []policy.Counted{{Who: bob, Factor: "1 of sre"}}}} {
				list = append(list, told{mo.name + " approved at " + gate, view.Approved(mo.events, p, gate, bob, v)})
			}
		}
		jobs := health.LostJobs(health.LossSource{Source: health.LossByLog, Killed: 9, Jobs: map[string]int{"ads/prod/bidder": 8, "www-data/prod/web": 1}})
		list = append(list, told{"lost", view.Lost(s, total, jobs)}, told{"lost, not known", view.Lost(s, health.LossOf(), nil)}, told{"history", view.History([]*runner.State{s})}, told{"status", view.Status([]*runner.State{s}, day)})
		if plan, err := decodePlan(s.Plan); err == nil {
			list = append(list, told{"plan", view.Plan(plan, total)}, told{"plan against", view.Against(view.Plan(plan, health.LossOf()), "dev has an open run.", []runner.Obstacle{{Host: "s1", Why: "no disk"}})})
		}
	}
	for _, d := range []drill.Drill{
		{Cluster: "dev", Backup: "scheduler-backup-2026-11-23-08-36", Host: "s2", Timestamp: day, Tasks: 1, Result: drill.Result{Proved: true, Proof: "s2 leads since then"}},
		{Cluster: "dev", Unasked: "s3: no answer", Result: drill.Result{Why: "no such task", Step: "restore/stage"}},
	} {
		list = append(list, told{"drill", view.DrillDone(d)})
	}
	left := health.Leftovers{Left: []health.Left{{Host: "s1", Path: "/var/lib/aurorabot/devcluster-20260102T0304Z/log", Bytes: 1 << 20, Files: 1}}, Silent: map[string]string{"s3": "no answer"}}
	run := "devcluster-20260102T0304Z"
	list = append(list, told{"left", view.Left(run, left, []string{"1 of sre"}, "clean "+run+" --digest 0123456789ab")}, told{"nothing left", view.Left(run, health.Leftovers{}, nil, "")},
		told{"clean waits", view.CleanWaits(run, policy.Verdict{Missing: []string{"1 more of sre"}})}, told{"cleaned", view.Cleaned(run, left, nil)}, told{"not cleaned", view.Cleaned(run, left, map[string]string{"s1": "no space"})})
	long := strings.Repeat("dial s2: connection refused, ", 20)
	return append(list, told{"error", view.Error(long, "try again")}, told{"refusal", view.Refusal(policy.Refusal{Rule: "access", Why: long})})
}

func decodePlan(js json.RawMessage) (p runner.Plan, err error) {
	err = json.Unmarshal(js, &p)
	return p, err
}

// One rule for every message that the views can make: a short first line, ids and
// digests last, plain words, and at a gate the loss and the act before all else.
func TestRulesOfMessages(t *testing.T) {
	list := generated(t)
	for _, one := range list {
		for _, broken := range brokenRules(one.m) {
			t.Errorf("%s: %s", one.at, broken)
		}
	}
	t.Logf("%d messages", len(list))
}

// The rules hold whatever jobs are called, hosts print and people say; what these say
// is not ours.
func TestFirstLinesOfHostileTexts(t *testing.T) {
	for _, text := range hostileTexts {
		for _, mo := range moments(t) {
			if !slices.Contains([]string{"assess-gate", "commit-gate-1", "without-gate", "stopped", "denied", "recovered"}, mo.name) {
				continue
			}
			events := hostile(t, mo.events, text)
			for _, one := range all(view.ScreensOf(events, people(mo.events))) {
				if n := utf8.RuneCountInString(one.m.Head); n > most {
					t.Fatalf("%.20q, %s, %s: the first line has %d characters", text, mo.name, one.at, n)
				}
			}
		}
		for _, m := range []view.Message{view.Report([]check.Result{hostileCheck(text)}), view.Backups(hostileCheck(text)), view.Error(text, text), view.Refusal(policy.Refusal{Why: text})} {
			if n := utf8.RuneCountInString(m.Head); n > most {
				t.Fatalf("%.20q: the first line has %d characters: %s", text, n, m.Head)
			}
		}
	}
}

// A test that no message breaks would be worth nothing: each rule is broken once.
func TestRulesAreSeenToBreak(t *testing.T) {
	approve := []view.Action{{ID: "approve"}}
	for want, m := range map[string]view.Message{
		"characters":              {Head: strings.Repeat("x", most+1)},
		"0123456789ab is not":     {Head: "Plan 0123456789ab", Foot: "small"},
		"-20260102T0304Z is not":  {Head: "stopped", Lines: []string{"Type `undo devcluster-20260102T0304Z`."}, Foot: "small"},
		"1400000000000-w is not":  {Head: "dropped", Fields: []view.Field{{Name: "Tasks", Value: "1400000000000-www-prod-0"}}, Foot: "small"},
		`"anew" is no`:            {Head: "asked anew"},
		`"whoever chose counts"`:  {Head: "x", Lines: []string{"and whoever chose counts as one who asked"}},
		"name no loss":            {Head: "dev: Overwrite the replicated log?", Lines: []string{"what can be lost", "two", "9 tasks will be killed"}, Actions: approve},
		"name no act":             {Head: "dev: the commit gate", Lines: []string{"9 tasks will be killed"}, Actions: approve},
		`"resurrected" is no`:     {Head: "x", Foot: "0 resurrected"},
		`"stands with" is no`:     {Head: "how it stands with `status`"},
		`"taken back" is no`:      {Head: "what was done is taken back"},
		"0123456789abcdef is not": {Head: "x", Tasks: []view.Task{{Title: "0123456789abcdef"}}, Foot: "y"},
	} {
		if got := strings.Join(brokenRules(m), "\n"); !strings.Contains(got, want) {
			t.Errorf("%+v breaks %q, want %q", m, got, want)
		}
	}
	if got := brokenRules(view.Message{Head: "dev: Overwrite the replicated log?", Lines: []string{"9 tasks will be killed."}, Foot: "run dev-20260102T0304Z · digest 0123456789ab", Actions: approve}); got != nil {
		t.Errorf("a good one breaks %q", got)
	}
}

// The same of what Slack gets, by the goldens: of a message the last block alone, but
// for buttons, holds ids and digests.
func TestRulesOfGoldens(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "slack-*.golden.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d goldens, %v", len(files), err)
	}
	for _, file := range files {
		js, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct {
			At     string           `json:"at"`
			As     string           `json:"as"`
			Blocks []map[string]any `json:"blocks"`
		}
		if err := json.Unmarshal(js, &list); err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			blocks := slices.DeleteFunc(one.Blocks, func(b map[string]any) bool { return b["type"] == "actions" })
			for i, b := range blocks {
				text := said(b)
				if i == 0 && utf8.RuneCountInString(text) > most+2 { // With the sign of its tone.
					t.Errorf("%s, %s: the first block has %d characters: %s", file, one.At, utf8.RuneCountInString(text), text)
				}
				if word := banned.FindString(text); word != "" {
					t.Errorf("%s, %s: %q is no plain English: %s", file, one.At, word, text)
				}
				if found := digests.FindString(text) + ids.FindString(text); found != "" && i < len(blocks)-1 {
					t.Errorf("%s, %s: %s is in block %d of %d: %s", file, one.At, found, i+1, len(blocks), text)
				}
			}
			if len(blocks) == 0 && one.As == "" {
				t.Errorf("%s, %s: no blocks", file, one.At)
			}
		}
	}
}

// said is all text of a block, but for what programs printed.
func said(v any) string {
	switch v := v.(type) {
	case string:
		return ""
	case []any:
		var words []string
		for _, e := range v {
			if s := said(e); s != "" {
				words = append(words, s)
			}
		}
		return strings.Join(words, " ")
	case map[string]any:
		if v["type"] == "rich_text_preformatted" {
			return ""
		}
		var words []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if s, ok := v[key].(string); ok && (key == "text" || key == "title") {
				words = append(words, s)
			} else if s := said(v[key]); s != "" {
				words = append(words, s)
			}
		}
		return strings.Join(words, " ")
	}
	return ""
}

// What the program says is plain English, wherever in its surfaces it is written.
func TestPlainWords(t *testing.T) {
	n := 0
	for _, dir := range []string{".", "../cli", "../../bot", "../../bot/blocks", "../../bot/outbox", "../../bot/link", "../../bot/typing", "../../bot/web"} {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(x ast.Node) bool {
				if field, ok := x.(*ast.Field); ok {
					field.Tag = nil // Names for programs.
				}
				lit, ok := x.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				n++
				if word := banned.FindString(lit.Value); word != "" {
					t.Errorf("%s: %q is no plain English: %s", file, word, lit.Value)
				}
				return true
			})
		}
	}
	if n < 1000 {
		t.Errorf("%d texts found, want all", n)
	}
}
