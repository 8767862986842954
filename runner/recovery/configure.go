package recovery

import (
	"context"
	"fmt"
	"path"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
)

func (r preparing) configHash(ctx context.Context, t *runner.Task) (node.Look, string, error) {
	n, l, err := r.known(t)
	if err != nil {
		return l, "", err
	}
	text, err := n.ReadConfig(ctx)
	if err != nil {
		return l, "", err
	}
	return l, node.SHA256(text), nil
}

func (r preparing) configIsOriginal(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	l, hash, err := r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if hash != l.ConfigSHA256 {
		return runner.No("%s was changed since pre-flight (%.12s, was %.12s): somebody edits it", n.Scheduler.ConfigFile, hash, l.ConfigSHA256), nil
	}
	return runner.Yes("%s is as pre-flight saw it", n.Scheduler.ConfigFile), nil
}

func (r preparing) configIsChanged(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	l, hash, err := r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	switch hash {
	case l.NewSHA256:
		return runner.Yes("%s has the disabled flags (%.12s)", n.Scheduler.ConfigFile, hash), nil
	case l.ConfigSHA256:
		return runner.No("%s is the original one", n.Scheduler.ConfigFile), nil
	}
	return runner.No("%s is neither the original one nor what this run wrote (%.12s): somebody edited it", n.Scheduler.ConfigFile, hash), nil
}

func (r preparing) changeConfig(ctx context.Context, t *runner.Task) (any, error) {
	n, l, err := r.known(t)
	if err != nil {
		return nil, err
	}
	file := n.Scheduler.ConfigFile
	text, conf, err := n.Config(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := conf.Rewrite(r.DisabledFlags())
	if err != nil {
		return nil, err
	}
	if node.SHA256(text) != l.ConfigSHA256 || node.SHA256(changed) != l.NewSHA256 {
		return nil, fmt.Errorf("%s was changed since it was looked at: nothing was written", file)
	}
	// The original first: what can't be restored must not be changed.
	next := path.Join(path.Dir(n.Original()), "disabled-configuration")
	if _, err := n.Run(ctx, "root", "install", "-d", "-m", "0700", path.Dir(next)); err != nil {
		return nil, err
	}
	for _, f := range []runner.File{
		{Path: n.Original(), Content: text, Mode: 0o600, User: "root", SHA256: l.ConfigSHA256},
		{Path: next, Content: changed, Mode: 0o600, User: "root", SHA256: l.NewSHA256},
	} {
		if err := t.Host.Put(ctx, f); err != nil {
			return nil, err
		}
	}
	return nil, n.ReplaceConfig(ctx, l.Config, next)
}

// restoreConfig puts the original back, byte for byte. A file that is not what
// this run wrote is somebody's work: it is not touched.
func (r preparing) restoreConfig(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	l, hash, err := r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if err := n.TidyConfig(ctx); err != nil {
		return runner.Answer{}, err
	}
	file := n.Scheduler.ConfigFile
	switch hash {
	case l.ConfigSHA256:
		return runner.Yes("%s is the original one (%.12s)", file, hash), nil
	case l.NewSHA256:
	default:
		return runner.No("%s is not what this run wrote (%.12s, want %.12s): somebody edited it. The original lies in %s", file, hash, l.NewSHA256, n.Original()), nil
	}
	if err := n.ReplaceConfig(ctx, l.Config, n.Original()); err != nil {
		return runner.Answer{}, err
	}
	_, hash, err = r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if hash != l.ConfigSHA256 {
		return runner.No("%s: after restoring its hash is %.12s, want %.12s", file, hash, l.ConfigSHA256), nil
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{file}})
	if err != nil {
		return runner.Answer{}, err
	}
	p := facts.Paths[file]
	footing, err := node.FootingOn(ctx, n)
	if err == nil {
		err = footing.Gives(file, &p)
	}
	if err != nil {
		return runner.Answer{}, err
	}
	if p.UID != l.Config.UID || p.GID != l.Config.GID || p.Mode != l.Config.Mode {
		return runner.No("%s: owner or mode is not what it was: %d:%d %04o, want %d:%d %04o", file, p.UID, p.GID, p.Mode, l.Config.UID, l.Config.GID, l.Config.Mode), nil
	}
	return runner.Yes("%s is the original one, byte for byte (%.12s)", file, hash), nil
}
