package recovery_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/recovery"
)

// foreseen is the loss that a step found, in words.
func foreseen(t *testing.T, s *runner.State, step string) string {
	t.Helper()
	var facts struct {
		Total *health.Loss
		Loss  struct{ Total *health.Loss }
	}
	if err := json.Unmarshal(s.Of(step, runner.Bot).Facts, &facts); err != nil {
		t.Fatal(err)
	}
	l := cmp.Or(facts.Total, facts.Loss.Total)
	if l == nil || l.Killed == nil {
		return "unknown"
	}
	return fmt.Sprint(*l.Killed, l.AtLeast, l.Jobs)
}

// onlyInTheLog wants the configuration of the lab's job that the backup does not know:
// on the bot, readable by nobody else, in the form that the API takes.
func onlyInTheLog(t *testing.T, r *recovery.Recovery, s *runner.State, instances int) {
	t.Helper()
	const job = "www-data/prod/after-the-backup"
	raw, err := r.LostJobs(s)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Job       string
		Instances []int
		Config    map[string]map[string]any `json:"task_config"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 1 || list[0].Job != job || len(list[0].Instances) != instances {
		t.Fatalf("%v: %s; want %d instances of %s", err, raw, instances, job)
	}
	if key := fmt.Sprint(list[0].Config["28"]["rec"]); key != "map[1:map[str:www-data] 2:map[str:prod] 3:map[str:after-the-backup]]" {
		t.Errorf("its configuration is of %s", key)
	}
	dir, err := r.Files(s.Run)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "lost-jobs.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
	_, jobs := r.Loss(s)
	if len(jobs) != 1 || jobs[0].Each == nil || jobs[0].Each.CPUs <= 0 {
		t.Errorf("lost jobs %+v", jobs)
	}
}

// Where a replica still holds the newest state, people may choose it instead of the
// backup: what the backup would have lost is there afterwards.
func TestSalvageOnLab(t *testing.T) {
	for name, tt := range map[string]struct {
		damage string
		broken int // So many replicas have no MANIFEST any more when the schedulers have stopped.
	}{
		"nothing is damaged": {}, "one replica is lost": {damage: "missing:1"}, "two of three are broken": {broken: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, tt.damage)
			stopped := 0
			e, _ := asked(t, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}, func(ev runner.Event) {
				if ev.Kind != runner.StepDone || ev.Step != "prepare/stop-schedulers" {
					return
				}
				if stopped++; stopped < len(c.Hosts) {
					return
				}
				for _, h := range c.Hosts[:tt.broken] {
					lost, err := filepath.Glob(filepath.Join(c.LogDir(h), "MANIFEST-*"))
					for _, file := range lost {
						err = errors.Join(err, os.Rename(file, file+".lost"))
					}
					if err != nil || len(lost) == 0 {
						t.Errorf("%s: %v, %v", h.Name(), lost, err)
					}
				}
			})
			s := goOn(t, e, r, "assess")
			if s.Gate != "assess" {
				t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
			}
			choice := r.Recipe().Salvage
			source, err := choice.Offers(s)
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(source)
			if err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(choice.Steps)
			if err != nil {
				t.Fatal(err)
			}
			before := s.Gates["assess"].Digest
			for _, ev := range []runner.Event{
				{Kind: runner.GateVoided, Gate: "assess"}, {Kind: runner.StepsReopened, Data: again}, {Kind: runner.SourceChosen, Who: "T/UBOB", Data: data},
			} {
				if _, err := e.Append(run, ev); err != nil {
					t.Fatal(err)
				}
			}
			if s = goOn(t, e, r, "assess"); s.Gate != "assess" || s.Gates["assess"].Digest == before {
				t.Fatalf("gate %q (%s), the digest before was the same: %v", s.Gate, s.Why, s.Gates["assess"].Digest == before)
			}
			if got, want := foreseen(t, s, "assess/compare-with-log"), fmt.Sprint(0, false, map[string]int{}); got != want {
				t.Errorf("what was chosen loses %s, want %s", got, want)
			}
			if _, err := choice.Offers(s); err == nil {
				t.Error("it is offered once more")
			}
			if s = goOn(t, e, r, ""); s.Outcome != "recovered" {
				t.Fatalf("outcome %q, status %s: %s", s.Outcome, s.Status, s.Why)
			}
			leader, err := c.WaitLeader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.TaskIDs(t.Context(), leader)
			if want := slices.Sorted(slices.Values(slices.Concat(c.Truth.Tasks, c.Truth.Lost))); err != nil || !slices.Equal(got, want) {
				t.Errorf("the leader knows %d tasks (%v), want the %d that there were", len(got), err, len(want))
			}
			if changed, err := c.ChangedFiles(); err != nil || len(changed) > 0 {
				t.Errorf("files changed in /etc: %v, %v", changed, err)
			}
		})
	}
}
