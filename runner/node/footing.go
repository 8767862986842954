package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/probe"
	"aurorabot/runner/rooted"
)

// RootCommand is the first thing that root is asked on a host: who it is. It
// stands with its number in no other list than the one that this version prints,
// so that one of another version is found before anything is done.
var RootCommand = []string{"stat", "-L", "-c", "sudoers-3:%u:%g", "/proc/self"}

// A Footing is what root stands on when it works on a host.
type Footing struct {
	Root rooted.Owner          // 0 and 0, but on rehearsal hosts, which have one account.
	Ways map[string]rooted.Way // To the paths where it works, as the login account sees them.

	seen map[string]rooted.Entry
	runs map[string]bool // Those of them that root runs.
}

// An OpenError says that another account than root can put something in the
// place of what root runs, reads or writes.
type OpenError struct{ Words []string }

func (e *OpenError) Error() string { return strings.Join(e.Words, "; ") }

// Open is nil, or an [OpenError].
func (f *Footing) Open() error {
	e := &OpenError{}
	for _, p := range slices.Sorted(maps.Keys(f.Ways)) {
		w := f.Ways[p]
		file, there := f.Sees(p)
		switch {
		case w.Open != "":
			e.Words = append(e.Words, fmt.Sprintf("root works at %s, and %s", p, w.Open))
		case w.Loose != "":
			e.Words = append(e.Words, fmt.Sprintf("root works at %s, and %s is a link that is not root's", p, w.Loose))
		case f.runs[p] && there && !f.Root.Alone(file):
			e.Words = append(e.Words, fmt.Sprintf("root runs %s, which others than root can write", p))
		}
	}
	if len(e.Words) == 0 {
		return nil
	}
	return e
}

// rootPaths are where root works on the host with commands that follow links:
// nobody but root may change what lies there.
func rootPaths(n *Node) []string {
	s := n.Scheduler
	paths := []string{s.ConfigFile, path.Join(s.RunDir, "bin", CheckReader)}
	if a := adapter(n); a != nil {
		paths = append(paths, a.Works()...)
	} else if n.Cluster.Supervisor != "commands" {
		paths = append(paths, DropIn(s.RuntimeDir, n.Cluster.Unit))
	}
	return paths
}

// rootRuns are the programs of the configuration that root runs.
func rootRuns(n *Node) map[string]bool {
	c, runs := n.Cluster.Commands, map[string]bool{}
	for _, argv := range [][]string{c.Stop, c.Start, c.Disable, c.Enable, c.IsRunning, c.IsEnabled} {
		if len(argv) > 0 && path.IsAbs(argv[0]) && n.Cluster.Supervisor == "commands" {
			runs[argv[0]] = true
		}
	}
	if a := adapter(n); a != nil {
		for _, p := range a.Runs() {
			runs[p] = true
		}
	}
	return runs
}

// FootingOn asks root who it is, and looks at the ways to what it works at.
func FootingOn(ctx context.Context, n *Node) (Footing, error) {
	out, err := n.Run(ctx, "root", RootCommand...)
	if err != nil {
		return Footing{}, fmt.Errorf("who root is: %w", printAnew(n, err))
	}
	root := rooted.Owner{}
	if _, err := fmt.Sscanf(string(out.Stdout), "sudoers-3:%d:%d", &root.UID, &root.GID); err != nil {
		return Footing{}, fmt.Errorf("who root is: %q", out.Stdout)
	}
	return FootingOf(ctx, n, root)
}

// FootingOf is [FootingOn] where it is known who root is. It needs no sudo, and
// looks at more programs of root's, if they are given.
func FootingOf(ctx context.Context, n *Node, root rooted.Owner, programs ...string) (Footing, error) {
	f := Footing{Root: root, runs: rootRuns(n)}
	for _, p := range programs {
		f.runs[p] = true
	}
	return f, f.look(ctx, n.Host, slices.AppendSeq(rootPaths(n), maps.Keys(f.runs)))
}

// Refused reports whether err says that sudo did not do something.
func Refused(err error) bool {
	return errors.Is(err, runner.ErrNotStarted) && strings.Contains(err.Error(), "sudo to ")
}

// printAnew adds what to do where sudo refuses.
func printAnew(n *Node, err error) error {
	if !Refused(err) {
		return err
	}
	return fmt.Errorf("%w. If sudo works there otherwise, its file is not the one that this version of the bot needs: print it again with `aurorabot sudoers %s`", err, n.Cluster.Name)
}

var errUnseen = errors.New("not looked at yet")

// look follows the ways to paths. What links lead to is asked for when it is known.
func (f *Footing) look(ctx context.Context, host runner.Host, paths []string) error {
	f.Ways, f.seen = map[string]rooted.Way{}, map[string]rooted.Entry{}
	gone := map[string]bool{}
	var ask []string
	see := func(p string) (rooted.Entry, error) {
		e, ok := f.seen[p]
		switch {
		case gone[p]:
			return e, fs.ErrNotExist
		case !ok:
			return e, errUnseen
		}
		return e, nil
	}
	for range maxAsked {
		ask = nil
		for _, p := range paths {
			w, err := rooted.Follow(p, f.Root, see)
			if err != nil && !errors.Is(err, errUnseen) {
				return err
			}
			f.Ways[p] = w
			if err != nil {
				ask = append(ask, rooted.Above(w.Real)...) // All of it at once.
			}
		}
		if len(ask) == 0 {
			return nil
		}
		slices.Sort(ask)
		ask = slices.Compact(ask)
		if err := f.see(ctx, host, ask, gone); err != nil {
			return err
		}
	}
	return errors.New("the links on the way to what root works at lead too far")
}

// special are the bits of a mode that are no permissions.
var special = map[uint32]fs.FileMode{0o1000: fs.ModeSticky, 0o2000: fs.ModeSetgid, 0o4000: fs.ModeSetuid}

// maxAsked is how often a host is asked where links lead: once where there are none.
const maxAsked = 8

func (f *Footing) see(ctx context.Context, host runner.Host, paths []string, gone map[string]bool) error {
	out, err := host.Run(ctx, runner.Command{Argv: append([]string{"env", "LC_ALL=C", "stat", "-c", "%u %g %f %n", "--"}, paths...)})
	if err != nil {
		return fmt.Errorf("look at what root works at: %w", err)
	}
	for line := range strings.Lines(string(out.Stderr)) {
		line = strings.TrimSpace(line)
		// What lies in a folder of root's that is closed to the login account is root's
		// word: whose the folder is was seen.
		if !slices.ContainsFunc([]string{"No such file or directory", "Not a directory", "Permission denied"}, func(why string) bool { return strings.HasSuffix(line, why) }) {
			return fmt.Errorf("look at what root works at: %s", line)
		}
	}
	var links []string
	for line := range strings.Lines(string(out.Stdout)) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		e, mode := rooted.Entry{}, uint32(0)
		if _, err := fmt.Sscanf(line, "%d %d %x", &e.UID, &e.GID, &mode); err != nil || len(words) != 4 {
			return fmt.Errorf("look at what root works at: %q", line)
		}
		e.Mode = fs.FileMode(mode & 0o777)
		for bit, is := range special {
			if mode&bit != 0 {
				e.Mode |= is
			}
		}
		if mode&0o170000 == 0o120000 {
			e.Mode |= fs.ModeSymlink
			links = append(links, words[3])
		}
		f.seen[words[3]] = e
	}
	for _, p := range paths {
		_, there := f.seen[p]
		gone[p] = !there
	}
	return f.point(ctx, host, links)
}

// point asks where links point.
func (f *Footing) point(ctx context.Context, host runner.Host, links []string) error {
	if len(links) == 0 {
		return nil
	}
	out, err := host.Run(ctx, runner.Command{Argv: append([]string{"readlink", "--"}, links...)})
	if err := Well("ask where links point", out, err); err != nil {
		return err
	}
	to := strings.Split(strings.TrimSuffix(string(out.Stdout), "\n"), "\n")
	if len(to) != len(links) {
		return fmt.Errorf("ask where links point: %d answers for %d", len(to), len(links))
	}
	for i, p := range links {
		e := f.seen[p]
		e.Link = to[i]
		f.seen[p] = e
	}
	return nil
}

// Gives puts the owner and mode that a file has, as the login account sees it, into
// what the helper said of it: the helper runs as the scheduler's account, which could
// say anything of what root gives a file later. Bits that are no permissions are an
// error: root would give them too.
func (f *Footing) Gives(p string, said *probe.Path) error {
	e, there := f.Sees(p)
	if !there {
		return nil
	}
	said.UID, said.GID, said.Mode = e.UID, e.GID, uint32(e.Mode.Perm())
	if e.Mode&(fs.ModeSticky|fs.ModeSetgid|fs.ModeSetuid) != 0 {
		return fmt.Errorf("%s has the mode %v: a configuration file needs no bits but those of permission", p, e.Mode)
	}
	return nil
}

// Sees is what the login account sees at p, where root works, through root's links:
// another view than that of the scheduler's account, which could say anything.
func (f *Footing) Sees(p string) (rooted.Entry, bool) {
	e, ok := f.seen[f.Ways[p].Real]
	return e, ok
}
