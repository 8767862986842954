package offline

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/durable"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// archive is the loaded folder in one file: the facts of restore/fetch-log.
type archive struct {
	Tree   string `json:"tree_sha256"` // Of the folder that it was made of.
	File   string `json:"file"`        // Among the run's files on the bot.
	SHA256 string `json:"sha256"`
}

// readThere reads a stopped scheduler's log natively; nil: nothing is there. owner says
// what of it belongs to another account than the scheduler's.
func readThere(ctx context.Context, n *node.Node, log string) (report *replica.Report, owner string, err error) {
	l, err := n.Known()
	if err != nil {
		return nil, "", err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log}})
	if err != nil || !facts.Paths[log].Exists {
		return nil, "", err
	}
	if is := facts.Paths[log].UID; is != l.UID {
		owner = fmt.Sprintf("%s belongs to user %d, not to the scheduler's (%d)", log, is, l.UID)
	}
	report = &replica.Report{}
	return report, owner, n.ReadLog(ctx, log, report)
}

// blank reports whether a log was initialised and holds nothing.
func blank(p *replica.Report) bool {
	return p.State == replica.StateOK && p.Status == replica.Voting.String() && p.End == 0 && p.Appends == 0
}

// setAside moves what an earlier try of this run left at the log's path aside.
func setAside(ctx context.Context, n *node.Node, log string) error {
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log}})
	if err != nil || !facts.Paths[log].Exists {
		return err
	}
	return n.MoveAside(ctx, log, node.AsideOf(log, n.RunID)+".loaded", true)
}

func archivePath(n *node.Node, tree string) string {
	return path.Join(n.Folder(), "evidence", "loaded-"+tree[:12]+".tar")
}

// packed asks whether the bot has the loaded folder.
func (r spreading) packed(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l, ok := loaded.Of(t.State, t.On)
	if !ok {
		return runner.Answer{}, fmt.Errorf("what was loaded on %s is not in the journal", t.On)
	}
	n := r.On(t)
	at := archivePath(n, l.Tree.SHA256)
	file, err := r.File(t.State, path.Base(at))
	if err != nil {
		return runner.Answer{}, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{at}})
	if err != nil {
		return runner.Answer{}, err
	}
	there := facts.Paths[at]
	have, _, err := durable.HashWithin(ctx, file)
	switch {
	case !there.Exists:
		return runner.No("%s is not there", at), nil
	case err != nil && !os.IsNotExist(err):
		return runner.Answer{}, err
	case err != nil || have != there.SHA256:
		return runner.No("the bot does not have %s as it is", at), nil
	}
	return runner.Yes("%s: %.12s here and on the bot", at, have).With(archive{Tree: l.Tree.SHA256, File: path.Base(at), SHA256: have}), nil
}

// pack makes one file of the loaded folder and brings it to the bot.
func (r spreading) pack(ctx context.Context, t *runner.Task) (any, error) {
	n := r.On(t)
	l, _ := loaded.Of(t.State, t.On)
	log, err := logOf(n)
	if err != nil {
		return nil, err
	}
	at := archivePath(n, l.Tree.SHA256)
	out, err := n.Detached(ctx, "tar", runner.Command{Argv: node.PackCommand(log, at), User: r.Cluster.User, Limit: node.CopyLimit}, nil)
	if err := node.Well("pack the log", out, err); err != nil {
		return nil, err
	}
	file, err := r.File(t.State, path.Base(at))
	if err != nil {
		return nil, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{at}})
	if err != nil {
		return nil, err
	}
	return nil, durable.Room{Dir: path.Dir(file), Most: maxArchive}.Fetch(ctx, file, durable.Content{SHA256: facts.Paths[at].SHA256}, func(w io.Writer) error {
		_, err := n.Host.Get(ctx, at, r.Cluster.User, w)
		return err
	}, nil)
}

// maxArchive bounds what a run keeps on the bot, in bytes: as package recovery does.
const maxArchive = 8 << 30

// spread puts the loaded folder on another host. An earlier try's goes aside.
func (r spreading) spread(ctx context.Context, t *runner.Task) (any, error) {
	n := r.On(t)
	from, ok := fetched.Of(t.State, r.rehydrated(t.State))
	if !ok {
		return nil, fmt.Errorf("which folder is copied is not in the journal")
	}
	l, err := n.Known()
	if err != nil {
		return nil, err
	}
	file, err := r.File(t.State, from.File)
	if err != nil {
		return nil, err
	}
	log, at := l.Flags["native_log_file_path"], archivePath(n, from.Tree)
	if err := n.MakeFolder(ctx, "evidence"); err != nil {
		return nil, err
	}
	if err := t.Host.Put(ctx, runner.File{
		Path: at, Source: func() (io.ReadCloser, error) { return os.Open(file) }, Mode: 0o600, User: r.Cluster.User, SHA256: from.SHA256,
	}); err != nil {
		return nil, err
	}
	out, err := n.Detached(ctx, "tar", runner.Command{Argv: node.UnpackCommand(log, at), User: r.Cluster.User, Limit: node.CopyLimit}, func() error {
		if err := setAside(ctx, n, log); err != nil {
			return err
		}
		return node.MakeLog(ctx, n, log, modeOf(l))
	})
	return nil, node.Well("unpack the log", out, err)
}

// maySpread: safety rule 5. Nothing of this run votes beside an old folder.
func (r spreading) maySpread(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a, err := r.mayBegin(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	l, err := r.On(t).Known()
	if err != nil {
		return runner.Answer{}, err
	}
	if l.Log.Mount {
		return runner.No("%s of %s is itself a mount, and a copy of a log's folder cannot be compared there. Undo, and ask for --catch-up, or for the recipe staged", l.Flags["native_log_file_path"], t.On), nil
	}
	return runner.Yes("stopped, and its own folder is aside"), nil
}

func (r spreading) isSpread(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if st := t.State.Of(t.Step, t.On); !st.Begun || st.Again {
		return runner.No("this run has not copied it"), nil
	}
	return r.loading().asLoaded(ctx, t)
}

// stake is what is approved at the commit gate: the facts of restore/compare-loaded.
type stake struct {
	Host    string `json:"host"` // Whose log was loaded.
	Tasks   int    `json:"tasks"`
	Dropped int    `json:"dropped"`
	IDs     string `json:"ids_sha256"`
	Tree    string `json:"tree_sha256"` // Of the loaded folder, and of every copy.
	Copies  int    `json:"copies"`      // How many hosts have it, the loaded one among them.
	CatchUp bool   `json:"catch_up,omitempty"`
}

// compare reads every folder natively: it takes the place of the proof that the staged
// recipe has on disabled schedulers.
func (r spreading) compare(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	host := r.rehydrated(t.State)
	l, ok := loaded.Of(t.State, host)
	if !ok {
		return runner.Answer{}, fmt.Errorf("what was loaded on %s is not in the journal", host)
	}
	meant, _, err := r.Meant(ctx, t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	switch {
	case idsSum(meant) != l.IDs:
		return runner.No("what was loaded (%d tasks) is not what is meant now (%d tasks)", l.Tasks, len(meant)), nil
	case len(meant) == 0:
		return runner.No("nothing was loaded but an empty state (%d tasks dropped): schedulers that start on it have Mesos kill every task that runs", len(t.State.Dropped)), nil
	}
	catchUp := t.State.Request.CatchUp
	nodes := r.HereNodes(t.State)
	all, err := node.Everywhere(nodes, func(n *node.Node) (runner.Answer, error) {
		if catchUp && n.Name != host {
			return r.isFresh(ctx, n)
		}
		return folderIs(ctx, n, l.Tree.SHA256)
	})
	if err != nil {
		return runner.Answer{}, err
	}
	words, copies := make([]string, len(all)), 0
	for i, a := range all {
		if !a.Yes {
			return runner.No("%s: %s", nodes[i].Name, a.Evidence), nil
		}
		if !catchUp || nodes[i].Name == host {
			copies++
		}
		words[i] = nodes[i].Name + ": " + a.Evidence
	}
	return runner.Yes("%d tasks are loaded, equal to the backup task by task (%d dropped), on %d of %d hosts:\n%s", l.Tasks, len(t.State.Dropped), copies, len(all), strings.Join(words, "\n")).
		With(stake{Host: host, Tasks: l.Tasks, Dropped: len(t.State.Dropped), IDs: l.IDs, Tree: l.Tree.SHA256, Copies: copies, CatchUp: catchUp}), nil
}

// staked is what the commit gate binds: the folders, the tasks in them, the loss.
func (r spreading) staked(s *runner.State) any {
	st, _ := atStake.Of(s, runner.Bot)
	return map[string]any{"loaded": st, "loss": r.LossAtStake(s)}
}

func idsSum(ids map[string]bool) string {
	return node.SHA256([]byte(strings.Join(slices.Sorted(maps.Keys(ids)), "\n")))
}

// differs says in words how two sets of task ids differ, "" if they don't.
func differs(have, want map[string]bool) string {
	more, fewer := lacks(want, have), lacks(have, want)
	if len(more)+len(fewer) == 0 {
		return ""
	}
	s := fmt.Sprintf("%d tasks, want %d", len(have), len(want))
	if len(more) > 0 {
		s += fmt.Sprintf("; %d not expected, for example %s", len(more), more[0])
	}
	if len(fewer) > 0 {
		s += fmt.Sprintf("; %d missing, for example %s", len(fewer), fewer[0])
	}
	return s
}

// lacks are those of want that have has not, sorted.
func lacks(have, want map[string]bool) []string {
	var list []string
	for id := range want {
		if !have[id] {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}
