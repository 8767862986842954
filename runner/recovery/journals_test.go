package recovery

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/journal"
)

// older is a journal that an older version of this program wrote.
func older(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata/journals", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Runs that older versions began can be resumed and undone: cut anywhere, their
// journals open, fold and go on; every step, gate and phase in them is one of
// this recipe; and what their steps left for later ones still decodes. A fixture
// is never written anew: a version that changes its journals adds one.
func TestOlderJournalsResume(t *testing.T) {
	r := testRecovery(t)
	recipe := r.Recipe()
	files, err := os.ReadDir("testdata/journals")
	if err != nil || len(files) == 0 {
		t.Fatalf("no journals: %v", err)
	}
	for _, file := range files {
		text := older(t, file.Name())
		lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		run := string(regexp.MustCompile(`"run":"([^"]+)"`).FindSubmatch(text)[1])
		for _, n := range []int{1, len(lines) / 4, len(lines) / 2, len(lines) * 3 / 4, len(lines)} {
			events := reopen(t, t.TempDir(), run, bytes.Join(lines[:n], nil))
			if len(events) != n {
				t.Fatalf("%s: %d of %d events are read", file.Name(), len(events), n)
			}
			known(t, recipe, events)
			s := runner.Fold(events)
			if s.Request.Cluster != "lab" || s.Request.Recipe != recipe.ID || s.Who == "" {
				t.Errorf("%s at %d: %+v", file.Name(), n, s.Request)
			}
		}
		s := runner.Fold(reopen(t, t.TempDir(), run, text))
		if s.Status != runner.Closed || s.Outcome != "recovered" || s.Commit.Outcome != runner.Committed || len(s.Effects) == 0 {
			t.Errorf("%s: %s %s, commit %s, %d effects", file.Name(), s.Status, s.Outcome, s.Commit.Outcome, len(s.Effects))
		}
		for _, host := range s.Request.Hosts {
			h, ok := placedHelper.Of(s, host)
			if !ok || h.SHA256 == "" {
				t.Errorf("%s: where the reader lies on %s does not decode", file.Name(), host)
			}
			if p, ok := startReceipt(s, host); !ok || p.At.IsZero() {
				t.Errorf("%s: when %s was started disabled does not decode", file.Name(), host)
			}
		}
	}
}

// reopen puts a journal into a folder, as an upgrade finds it, opens it, and
// appends to it.
func reopen(t *testing.T, dir, run string, text []byte) []runner.Event {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, run+".jsonl"), append(bytes.TrimSuffix(text, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	events, err := j.Events(run)
	if err != nil {
		t.Fatal(err)
	}
	e, err := j.Append(runner.Event{Run: run, Kind: runner.Note, At: time.Now(), Why: "after the upgrade"})
	if err != nil || e.Seq != len(events)+1 {
		t.Fatalf("append: event %d after %d: %v", e.Seq, len(events), err)
	}
	return events
}

// known reports what the events name and this recipe does not have.
func known(t *testing.T, recipe *runner.Recipe, events []runner.Event) {
	t.Helper()
	var steps, phases, gates []string
	for _, p := range append(slices.Clone(recipe.Phases), recipe.Without, recipe.Settle) {
		phases = append(phases, p.ID)
		for _, s := range p.Steps {
			steps = append(steps, s.ID)
		}
	}
	for _, g := range recipe.Gates {
		gates = append(gates, g.ID)
	}
	for _, e := range events {
		if e.Phase != "" && !slices.Contains(phases, e.Phase) {
			t.Errorf("event %d: there is no phase %s any more", e.Seq, e.Phase)
		}
		if e.Gate != "" && !slices.Contains(gates, e.Gate) {
			t.Errorf("event %d: there is no gate %s any more", e.Seq, e.Gate)
		}
		if strings.HasPrefix(string(e.Kind), "step.") && !slices.Contains(steps, e.Step) {
			t.Errorf("event %d: there is no step %s any more: it could be neither resumed nor undone", e.Seq, e.Step)
		}
	}
}
