// Package clean lists what a closed run left behind, on the hosts and at the bot, and
// removes it when people have decided so: copies of logs, logs that were moved aside,
// originals of configuration files, links to backups. Every name is derived from the
// run's; nothing else is touched.
package clean

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/rooted"
)

// A Cleaner lists and removes for one cluster.
type Cleaner struct {
	// Node is a host as a run knows it: with what pre-flight found there.
	Node func(s *runner.State, host string) *node.Node

	// Own is the bot's own folder of a run.
	Own func(run string) string
}

// List asks all hosts of a run at once.
func (c *Cleaner) List(ctx context.Context, s *runner.State) (health.Leftovers, error) {
	all := health.Leftovers{Silent: map[string]string{}}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, host := range s.Request.Hosts {
		asking.Go(func() {
			left, err := c.on(ctx, s, host, func(n *node.Node, log string) ([]rooted.Left, error) { return n.Left(ctx, log, s.Run) })
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				all.Silent[host] = err.Error()
			}
			for _, l := range left {
				all.Left = append(all.Left, onHost(host, l))
			}
		})
	}
	asking.Wait()
	own, err := c.own(s.Run)
	if err != nil {
		return all, fmt.Errorf("the bot's own files of %s: %w", s.Run, err)
	}
	if own.Files > 0 {
		all.Left = append(all.Left, onHost(runner.Bot, own))
	}
	slices.SortFunc(all.Left, func(a, b health.Left) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path)) })
	return all, nil
}

func onHost(host string, l rooted.Left) health.Left {
	return health.Left{Host: host, Run: l.Run, Path: l.Path, Bytes: l.Bytes, Files: l.Files}
}

// Remove removes what the run left on a host, or at the bot, and proves that nothing is
// there any more.
func (c *Cleaner) Remove(ctx context.Context, s *runner.State, host string) error {
	if host == runner.Bot {
		return os.RemoveAll(c.Own(s.Run))
	}
	_, err := c.on(ctx, s, host, func(n *node.Node, log string) ([]rooted.Left, error) {
		if err := remove(ctx, n, log, s.Run); err != nil {
			return nil, err
		}
		left, err := n.Left(ctx, log, s.Run)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%s is still there", left[0].Path)
		}
		return nil, err
	})
	return err
}

// on does something on a host with the helper there.
func (c *Cleaner) on(ctx context.Context, s *runner.State, host string, do func(n *node.Node, log string) ([]rooted.Left, error)) ([]rooted.Left, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*node.CountLimit)
	defer cancel()
	n := c.Node(s, host)
	look, err := n.Known()
	if err != nil {
		return nil, fmt.Errorf("the run does not say where the log of %s lies: %w", host, err)
	}
	n.Tool = node.Tool{} // The run's own was taken away when it was closed.
	f, err := n.Program(ctx)
	if err != nil {
		return nil, err
	}
	there, err := n.Has(ctx, f)
	if err == nil && !there {
		err = n.Upload(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	n.Tool = f
	left, err := do(n, look.Flags["native_log_file_path"])
	if there {
		return left, err // Somebody else uses it.
	}
	return left, errors.Join(err, n.Remove(context.WithoutCancel(ctx), f))
}

func remove(ctx context.Context, n *node.Node, log, run string) error {
	inside := path.Join(log, path.Base(log))
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{path.Dir(log), log}})
	if err != nil {
		return err
	}
	beside := "root"
	if facts.Paths[path.Dir(log)].Writes {
		beside = n.Cluster.User // Root does nothing in a folder that others can write.
	}
	commands := []runner.Command{
		{Argv: []string{n.Tool.Path, "host", "clean-aside", log, run}, User: beside, Limit: node.CountLimit},
		{Argv: []string{n.Tool.Path, "host", "clean-aside", inside, run}, User: n.Cluster.User, Limit: node.CountLimit},
		{Argv: []string{n.Tool.Path, "host", "clean", n.Scheduler.RunDir, run}, User: "root", Limit: node.CountLimit},
	}
	if !facts.Paths[log].Dir {
		commands = slices.Delete(commands, 1, 2)
	}
	for _, c := range commands {
		out, err := n.Host.Run(ctx, c)
		if err := node.Well("remove what "+run+" left", out, err); err != nil {
			return err
		}
	}
	return nil
}

// own counts the bot's own files of a run.
func (c *Cleaner) own(run string) (rooted.Left, error) {
	l := rooted.Left{Run: run, Path: c.Own(run)}
	err := filepath.WalkDir(l.Path, func(_ string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			l.Files, l.Bytes = l.Files+1, l.Bytes+info.Size()
		}
		return nil
	})
	return l, err
}
