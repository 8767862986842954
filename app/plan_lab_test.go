package app

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
)

// However a cluster stands, its plan is shown and says at its top what speaks against
// a recovery; a host that cannot be asked is named, and the others' part is there.
func TestPlanHoweverTheClusterStands(t *testing.T) {
	all := operate(t)
	for _, tt := range []struct {
		shelf string
		says  []string // In the first lines.
		open  int      // Hosts whose part is left open.
		run   bool
	}{
		{shelf: cluster.ShelfFresh, says: []string{"No restore seems to be needed"}},
		{shelf: cluster.ShelfStarved, says: []string{"Warning: "}},
		{shelf: cluster.ShelfEmpty, says: []string{"is on none of the hosts"}},
		{shelf: cluster.ShelfNoneRead, says: []string{"Warning: "}},
		{shelf: cluster.ShelfForeign, says: []string{"Warning: "}},
		{shelf: cluster.ShelfDown, says: []string{"Cannot tell what happens on s"}, open: 1},
		{shelf: cluster.ShelfAllDown, says: []string{"Cannot tell what happens on s1", "on s2", "on s3"}, open: 3},
		{shelf: cluster.ShelfFresh, says: []string{"lab has an open run, lab-20260102T0304Z"}, run: true},
	} {
		t.Run(tt.shelf, func(t *testing.T) {
			o := &operator{T: t, c: all.c, dir: all.dir, file: all.file}
			if err := o.c.Shelve(t.Context(), tt.shelf); err != nil {
				t.Fatal(err)
			}
			if tt.run {
				o.openRun("lab-20260102T0304Z")
			}
			exit, out, errs := o.types("plan", "lab", o.c.Truth.Backup)
			top, _, _ := strings.Cut(out, "\nCluster: ")
			for _, says := range tt.says {
				if !strings.Contains(top, says) {
					t.Errorf("its top lacks %q", says)
				}
			}
			if exit != 0 || errs != "" || strings.Contains(out, "not done") {
				t.Errorf("exit %d, %s", exit, errs)
			}
			var p struct {
				runner.Plan
				Warnings []runner.Obstacle
			}
			exit, js, errs := o.types("plan", "lab", o.c.Truth.Backup, "--json", "--reason", "to see it")
			if err := json.Unmarshal([]byte(js), &p); err != nil || exit != 0 {
				t.Fatalf("exit %d, %v: %s", exit, err, errs)
			}
			open, told := map[string]bool{}, map[string]bool{}
			for _, ph := range p.Phases {
				for _, st := range ph.Steps {
					for _, h := range st.Hosts {
						if h.Unknown != "" {
							open[h.Host] = true
						} else if st.ID == "prepare/change-configuration" && len(h.Does) > 1 {
							told[h.Host] = true // The change of its configuration, line by line.
						}
					}
				}
			}
			if len(open) != tt.open || len(told) != 3-tt.open {
				t.Errorf("left open: %v, want %d; told: %v", open, tt.open, told)
			}
			for _, h := range o.c.Hosts {
				left, err := filepath.Glob(filepath.Join(h.Path("/var/lib/aurorabot"), "bin", "*"))
				if err != nil || len(left) > 0 {
					t.Errorf("%s: left behind: %q, %v", h.Name(), left, err)
				}
			}
			if t.Failed() {
				t.Logf("%s\n%+v", top, p.Warnings)
			}
		})
	}
}
