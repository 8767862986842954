// Package offline is the recipe of the later runbook: with all schedulers stopped a
// new log is loaded from the backup by recovery-tool, and the schedulers start on it.
// It is made of the steps of package recovery and of what only it does.
//
// Nothing is staged here. The commit is the first start on the loaded log: until then
// the old folders come back by undo, and from then on a scheduler meets the real Mesos
// master. What the recorded recovery-tool does and does not do is in testdata of
// lab/scheduler; the two ways to lose everything with it are tests of this package.
package offline

import (
	"fmt"
	"slices"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/recovery"
)

// The IDs of the steps that others refer to.
const (
	stepKeep     = "prepare/keep-backups"
	stepTool     = "prepare/look-at-recovery-tool"
	stepDecide   = "assess/decide"
	stepConfirm  = "assess/confirm"
	stepInit     = "reinitialize/initialize-log"
	stepBring    = "restore/copy-backup"
	stepLoad     = "restore/load"
	stepFetch    = "restore/fetch-log"
	stepSpread   = "restore/distribute"
	stepFolders  = "restore/compare-loaded"
	stepCommit   = "restore/commit"
	stepFirst    = "restore/first-start"
	stepStartAll = "restore/start-schedulers"
	stepProve    = "restore/prove-commit"
	stepSnapshot = "restore/snapshot"
	stepRest     = "restore/start-rest"
)

// What steps leave for later ones.
var (
	brought = runner.Fact[restored]{Step: stepBring}
	loaded  = runner.Fact[load]{Step: stepLoad}
	fetched = runner.Fact[archive]{Step: stepFetch}
	atStake = runner.Fact[stake]{Step: stepFolders}
	proved  = runner.Fact[recovery.Leader]{Step: stepProve}
)

// A Recovery is the recipe with what it needs of the world around it.
type Recovery struct{ recovery.Parts }

// New makes the recipe for a cluster that has a recovery-tool.
func New(r *recovery.Recovery) *Recovery { return &Recovery{r.Parts()} }

// The recipe's thoughts, each with the run's hosts to ask.
type (
	loading   struct{ *Recovery } // Loads the log of one host, and proves what it holds.
	spreading struct{ *Recovery } // Copies the folder to the others, and compares all of them.
	starting  struct{ *Recovery } // Starts the schedulers, and proves the commit.
)

func (r *Recovery) loading() loading     { return loading{r} }
func (r *Recovery) spreading() spreading { return spreading{r} }
func (r *Recovery) starting() starting   { return starting{r} }

// Recipe is the table of contents.
func (r *Recovery) Recipe() *runner.Recipe {
	made := *r.Parts.Recipe()
	made.ID, made.Version = recovery.Offline, 1
	made.Title = "Load a scheduler backup into a new log while all schedulers are stopped"
	cleanup := made.Phases[len(made.Phases)-1]
	made.Phases = []runner.Phase{r.prepare(), r.assess(), r.anew(), r.restore(), r.cleanup(cleanup)}
	made.Gates = []runner.Gate{
		{ID: "start", Before: stepKeep, Title: "Begin the outage? All schedulers of the cluster stop."},
		{ID: "assess", Before: stepConfirm, Title: "Confirm the assessment?", Binds: gateOf(&made, "assess").Binds},
		{ID: "commit", Before: stepCommit, Title: "Start the schedulers on the log that was loaded from the backup?", Binds: r.spreading().staked},
		*gateOf(&made, runner.GateWithout),
	}
	made.Drop = afterBackup
	made.Without = r.without()
	before := made.Rests
	made.Rests = func(s *runner.State, host string) []string { return append(before(s, host), r.rests(s, host)...) }
	return &made
}

// afterBackup are the steps that rest on the file that is loaded.
var afterBackup = []string{stepBring, stepLoad, stepFetch, stepSpread, stepFolders, stepCommit}

func gateOf(r *runner.Recipe, id string) *runner.Gate {
	return &r.Gates[slices.IndexFunc(r.Gates, func(g runner.Gate) bool { return g.ID == id })]
}

// Validate checks that the recipe keeps the rules of recipes.
func (r *Recovery) Validate() error {
	if !slices.Contains(r.Profile.Recipes, recovery.Offline) {
		return fmt.Errorf("Aurora %s has no offline recovery", r.Cluster.Version)
	}
	return r.Recipe().Validate()
}

func onBot(*runner.State) []string { return []string{runner.Bot} }

// rehydrated is the host whose log is loaded: the one that has been, else the first
// that the run goes on with.
func (r *Recovery) rehydrated(s *runner.State) string {
	here := r.Here(s)
	for _, name := range here {
		if s.Of(stepLoad, name).Progress != "" {
			return name
		}
	}
	if len(here) == 0 {
		return r.Cluster.Schedulers[0].Name
	}
	return here[0]
}

func (r *Recovery) one(s *runner.State) []string { return []string{r.rehydrated(s)} }

// others are all but the one whose log is loaded.
func (r *Recovery) others(s *runner.State) []string {
	return slices.DeleteFunc(slices.Clone(r.Here(s)), func(name string) bool { return name == r.rehydrated(s) })
}

// first are those that start before the commit is proved: all of them, or with
// --catch-up the loaded one and so many blank ones that they are a quorum.
func (r *Recovery) first(s *runner.State) []string {
	all := append(r.one(s), r.others(s)...)
	if s.Request.CatchUp {
		all = all[:min(len(all), r.Cluster.Quorum())]
	}
	return all
}

// joining are those of first that start when the loaded one has.
func (r *Recovery) joining(s *runner.State) []string { return r.first(s)[1:] }

// rest are those that start when the leader has written a snapshot.
func (r *Recovery) rest(s *runner.State) []string {
	first := r.first(s)
	return slices.DeleteFunc(slices.Clone(r.Here(s)), func(name string) bool { return slices.Contains(first, name) })
}

func copied(s *runner.State) (bool, string) {
	return !s.Request.CatchUp, "the other replicas learn from the loaded one (--catch-up)"
}

func learning(s *runner.State) (bool, string) {
	return s.Request.CatchUp, "every replica is a copy of the loaded one"
}

func logOf(n *node.Node) (string, error) {
	l, err := n.Known()
	return l.Flags["native_log_file_path"], err
}

// stays is the Undo of a step whose effect is harmless and is left in place.
func stays(why string) runner.Answer { return runner.Yes("%s", why) }

// tree reads a folder of the host.
func tree(facts probe.Facts, dir string) (probe.Tree, error) {
	t := facts.Trees[dir]
	if t.Error != "" {
		return t, fmt.Errorf("read %s: %s", dir, t.Error)
	}
	return t, nil
}
