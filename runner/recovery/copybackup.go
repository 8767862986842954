package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"aurorabot/runner"
	"aurorabot/runner/durable"
	"aurorabot/runner/probe"
)

// backupSum is the hash of the backup that pre-flight decoded.
func backupSum(s *runner.State) (string, error) {
	c, ok := foundCluster.Of(s, runner.Bot)
	if !ok || c.Backup.SHA256 == "" {
		return "", errors.New("which backup pre-flight decoded is not in the journal")
	}
	return c.Backup.SHA256, nil
}

func (r *Recovery) leaderBackup(ctx context.Context, t *runner.Task) (file string, p probe.Path, sum string, err error) {
	n := r.on(t)
	if sum, err = backupSum(t.State); err != nil {
		return "", p, "", err
	}
	l, err := n.Known()
	if err != nil {
		return "", p, "", err
	}
	file = path.Join(l.Flags["backup_dir"], t.State.Request.Backup)
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{file}})
	return file, facts.Paths[file], sum, err
}

func (r *Recovery) backupOnLeader(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if !p.Exists || p.SHA256 != sum {
		return runner.No("%s is not there with the hash %.12s", file, sum), nil
	}
	local, err := r.backupFile(t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	have, _, err := durable.Hash(local)
	if err != nil {
		return runner.Answer{}, fmt.Errorf("hash of the bot's copy: %w", err)
	}
	if have != sum {
		return runner.No("the bot's copy has the hash %.12s, the source had %.12s", have, sum), nil
	}
	return runner.Yes("%s: %.12s at the source, on the bot and here", file, sum), nil
}

func (r *Recovery) backupNotInTheWay(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if p.Exists && p.SHA256 != sum {
		return runner.No("%s is there with another content (%.12s, the one meant has %.12s)", file, p.SHA256, sum), nil
	}
	return runner.Yes("nothing is in the way"), nil
}

func (r *Recovery) copyBackup(ctx context.Context, t *runner.Task) (any, error) {
	sum, err := backupSum(t.State)
	if err != nil {
		return nil, err
	}
	l, err := look(t.State, t.On)
	if err != nil {
		return nil, err
	}
	local, err := r.backupFile(t.State)
	if err != nil {
		return nil, err
	}
	file := path.Join(l.Flags["backup_dir"], t.State.Request.Backup)
	return map[string]string{"file": file}, t.Host.Put(ctx, runner.File{
		Path: file, Source: func() (io.ReadCloser, error) { return os.Open(local) }, Mode: 0o644, User: r.Cluster.User, Group: r.Cluster.Group, SHA256: sum,
	})
}

// backupOffLeader moves the copy that this run made out of the folder again.
func (r *Recovery) backupOffLeader(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	file, p, sum, err := r.leaderBackup(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if !p.Exists {
		return runner.Yes("%s is not there", file), nil
	}
	if p.SHA256 != sum {
		return runner.No("%s is not what this run copied (%.12s)", file, p.SHA256), nil
	}
	to := path.Join(n.Folder(), "copied-"+t.State.Request.Backup)
	if _, err := n.Run(ctx, "root", "mv", "-nT", "--", file, to); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s lies at %s", file, to), nil
}
