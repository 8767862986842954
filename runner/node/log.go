package node

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/bound"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// CopyLimit is how long it may take to copy a log, or to hash it: 10 GB at 7 MB/s.
const CopyLimit = 25 * time.Minute

// ReadLog reads a replica's folder on the host.
func (n *Node) ReadLog(ctx context.Context, dir string, report *replica.Report) error {
	return n.Read(ctx, 15*time.Minute, report, "log", "inspect", "--json", dir)
}

// LogWords says in one line how a replica is.
func LogWords(p *replica.Report) string {
	s := string(p.State)
	if p.Status != "" {
		s += ", " + p.Status
	}
	if p.State == replica.StateOK || p.End > 0 {
		s += fmt.Sprintf(", positions %d to %d, %d holes, %d unlearned", p.Begin, p.End, p.Holes.Count(), p.Unlearned.Count())
	}
	if p.Aurora != nil && p.Aurora.Undecodable > 0 {
		s += fmt.Sprintf(", %d entries that a scheduler cannot decode", p.Aurora.Undecodable)
	}
	for i, d := range p.Damage {
		if i == 3 {
			s += fmt.Sprintf("; … %d more", len(p.Damage)-i)
			break
		}
		s += fmt.Sprintf("; damage in %s: %s", d.File, d.What)
	}
	if p.Error != "" && !strings.Contains(s, p.Error) {
		s += "; " + p.Error
	}
	return s
}

// MoveAside renames a folder beside itself, or, where the path is a mount
// itself, moves its contents into a folder inside. It never overwrites: where to
// is taken it is an error, or, if more may lie there, it takes a name of the
// folder's own.
func (n *Node) MoveAside(ctx context.Context, from, to string, more bool) error {
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{from, to, path.Dir(from)}})
	if err != nil {
		return err
	}
	switch {
	case facts.Paths[to].Exists && more:
		to += fmt.Sprintf("-%d", facts.Paths[from].Inode)
	case facts.Paths[to].Exists:
		return fmt.Errorf("move %s aside: %s is there already", from, to)
	}
	if !facts.Paths[from].Mount {
		return rename(ctx, n, facts, from, to)
	}
	// All that lies in it is the account's, as it is itself.
	inside := path.Join(from, path.Base(to))
	if _, err := n.Run(ctx, n.Cluster.User, "install", "-d", "-m", "0750", "-g", n.Cluster.Group, inside); err != nil {
		return err
	}
	_, err = n.Run(ctx, n.Cluster.User, "find", from, "-mindepth", "1", "-maxdepth", "1", "!", "-name", "*.dr-*", "-exec", "mv", "-n", "-t", inside, "--", "{}", "+")
	return err
}

// MoveBack renames what was moved aside back. It never overwrites.
func MoveBack(ctx context.Context, n *Node, from, to string) error {
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{path.Dir(to)}})
	if err != nil {
		return err
	}
	return rename(ctx, n, facts, from, to)
}

// rename renames within a folder, as the account where it may write that, else as
// root, whose the folder is then: whoever owns a folder could put a link in the
// place of what root opens there.
func rename(ctx context.Context, n *Node, facts probe.Facts, from, to string) error {
	if facts.Paths[path.Dir(to)].Writes {
		_, err := n.Run(ctx, n.Cluster.User, "mv", "-nT", "--", from, to)
		return err
	}
	return asRoot(ctx, n, []string{n.Tool.Path, "host", "rename", from, to})
}

// MakeLog makes the folder of a log, the account's; one that is there (a mount) is
// left as it is.
func MakeLog(ctx context.Context, n *Node, log string, mode uint32) error {
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log, path.Dir(log)}})
	if err != nil || facts.Paths[log].Dir {
		return err
	}
	return makeBeside(ctx, n, facts, log, mode)
}

// makeBeside makes a folder of the account's, as whoever may; see rename.
func makeBeside(ctx context.Context, n *Node, facts probe.Facts, dir string, mode uint32) error {
	if facts.Paths[path.Dir(dir)].Writes {
		_, err := n.Run(ctx, n.Cluster.User, "install", "-d", "-m", fmt.Sprintf("%04o", mode), "-g", n.Cluster.Group, dir)
		return err
	}
	return asRoot(ctx, n, []string{n.Tool.Path, "host", "folder", fmt.Sprintf("%04o", mode), ownerOf(facts), dir})
}

// ownerOf is the account that answered, in numbers: its name may be known to no file of the host.
func ownerOf(facts probe.Facts) string { return fmt.Sprintf("%d:%d", facts.UID, facts.GID) }

// CopyBack puts a copy of the evidence in the log's place.
func (n *Node) CopyBack(ctx context.Context, from, to string) error {
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{to, to + ".part", path.Dir(to)}})
	if err != nil {
		return err
	}
	argv := []string{"cp", "-a", "--reflink=auto", "-T", "--", from, to + ".part"}
	switch {
	case facts.Paths[to].Exists: // A mount, emptied.
		argv = []string{"cp", "-a", "--reflink=auto", "-T", "--", from, to}
	case !facts.Paths[to+".part"].Exists:
		if err := makeBeside(ctx, n, facts, to+".part", 0o700); err != nil {
			return err
		}
	}
	out, err := n.Detached(ctx, "copy-back", runner.Command{Argv: argv, User: n.Cluster.User, Limit: CopyLimit}, nil)
	if err := Well("copy the log back", out, err); err != nil {
		return err
	}
	if facts.Paths[to].Exists {
		return nil
	}
	return rename(ctx, n, facts, to+".part", to)
}

// HotLog reads the log of a running scheduler from a copy: the folder itself
// changes while it is read, and a copy can fall into the moment in which tables
// are rewritten, but not every time. What it says is used only as "at least".
func (n *Node) HotLog(ctx context.Context) (replica.Report, error) {
	l, err := n.Known()
	if err != nil {
		return replica.Report{}, err
	}
	for try := 1; ; try++ {
		report, err := n.ReadCopy(ctx, Copy{Log: l.Flags["native_log_file_path"]})
		if err == nil && !report.State.Whole() && !OnlyTorn(&report) {
			err = fmt.Errorf("copy of %s while it was written: %s", report.Path, LogWords(&report))
		}
		if err == nil || try == CopiesOfLog || n.Pause(ctx, 0) != nil {
			return report, err
		}
	}
}

// A Copy is how a log is read from a copy.
type Copy struct {
	Log     string
	Running bool // Files may be gone between listing and copying: then the copy says so by itself.

	More func(dir, copied string, p *replica.Report) // What else is asked of the copy. Nil: nothing.
	Left func(dir string, err error)                 // The copy could not be taken away. Nil: its name says whose it is.
}

// ReadCopy reads a log from a copy, which is taken away again: looks are many, and
// must not fill the disk that the log itself is on. It is this function's own, and
// nothing else was there under its name.
func (n *Node) ReadCopy(ctx context.Context, c Copy) (replica.Report, error) {
	report, runDir := replica.Report{Path: c.Log, State: replica.StateMissing}, n.Scheduler.RunDir
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{c.Log, runDir}})
	if err != nil {
		return report, err
	}
	switch at, room := facts.Paths[c.Log], facts.Paths[runDir].Free; {
	case at.Error != "":
		return report, fmt.Errorf("%s: %s", c.Log, at.Error)
	case !at.Exists:
		report.Error = "no such folder"
		return report, nil
	case at.Size+at.Size/4+64<<20 > room:
		return report, fmt.Errorf("a copy of %s (%d MiB) does not fit into %s (%d MiB free)", c.Log, at.Size>>20, runDir, room>>20)
	}
	dir := path.Join(runDir, fmt.Sprintf("look-%d", facts.Now.UnixNano()))
	if _, err := n.Run(ctx, "root", "install", "-d", "-m", "0750", "-o", n.Cluster.User, "-g", n.Cluster.Group, dir); err != nil {
		return report, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		// What lies in it is the account's to take away; root takes what is empty.
		_, err := n.Run(ctx, n.Cluster.User, "rm", "-rf", "--", path.Join(dir, "log"), path.Join(dir, "state"))
		if err == nil {
			_, err = n.Run(ctx, "root", "rmdir", "--", dir)
		}
		if err != nil && c.Left != nil {
			c.Left(dir, err)
		}
	}()
	copied := path.Join(dir, "log")
	out, err := n.Host.Run(ctx, runner.Command{
		Argv: []string{"cp", "-a", "--reflink=auto", "-T", "--", c.Log, copied}, User: n.Cluster.User, Gentle: true, Limit: LogLimit,
	})
	if err := Well("copy "+c.Log, out, err); err != nil && !(c.Running && out.Exit != 0) {
		return report, err
	}
	report = replica.Report{}
	if err := n.ReadLog(ctx, copied, &report); err != nil {
		return report, err
	}
	if report.Path = c.Log; c.More != nil {
		c.More(dir, copied, &report)
	}
	return report, nil
}

// OnlyTorn reports whether nothing but the end of the newest file is cut: what
// a copy of a log that is being written looks like.
func OnlyTorn(p *replica.Report) bool {
	for _, d := range p.Damage {
		if d.What != "torn tail" {
			return false
		}
	}
	return len(p.Damage) > 0
}

// CopiesOfLog is how often a running log is copied before damage in the copy
// counts as damage of the log: a copy can fall into the moment in which tables
// are rewritten, but not every time.
const CopiesOfLog = 3

// LogLimit bounds the copying and reading of one log.
const LogLimit = 25 * time.Minute

// Salvaged is a backup that was made of a log.
type Salvaged struct {
	SHA256      string   `json:"sha256"`
	FrameworkID string   `json:"framework_id"`
	Position    uint64   `json:"position"` // Of the last entry that is in it.
	Dropped     []string `json:"dropped"`  // What the log has and it has not, in words.
}

// Salvage writes what a log amounts to into a file on the host, as a backup.
// upToDamage takes what lies before the first damage.
func (n *Node) Salvage(ctx context.Context, log, to string, upToDamage bool) (made Salvaged, err error) {
	if err := n.helped(); err != nil {
		return made, err
	}
	argv := []string{n.Tool.Path, "log", "salvage", "--json"}
	if upToDamage {
		argv = append(argv, "--up-to-damage")
	}
	out, err := n.Host.Run(ctx, runner.Command{Argv: append(argv, log, "-o", to), User: n.Cluster.User, Gentle: true, Limit: 20 * time.Minute, Output: maxReport})
	if err := Well("salvage", out, err); err != nil {
		return made, err
	}
	if err := bound.JSON(out.Stdout, &made, maxDecoded); err != nil {
		return made, fmt.Errorf("salvage: the answer cannot be read: %w", err)
	}
	return made, nil
}

// InitCommand initialises a new log.
func InitCommand(mesosLog, log string) []string {
	// A clean environment: an inherited LIBPROCESS_PORT makes mesos-log abort.
	return []string{"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LIBPROCESS_IP=127.0.0.1", mesosLog, "initialize", "--path=" + log}
}
