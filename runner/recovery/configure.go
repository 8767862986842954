package recovery

import (
	"context"
	"fmt"
	"path"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/probe"
)

// original is where the configuration file as it was is kept: 0600, root's.
func (r *Recovery) original(t *runner.Task) string {
	return path.Join(keptFolder(r.scheduler(t).RunDir, t.State.Run), "original-configuration")
}

func (r *Recovery) configHash(ctx context.Context, t *runner.Task) (hostLook, string, error) {
	l, err := look(t.State, t.On)
	if err != nil {
		return l, "", err
	}
	text, err := r.readConfig(ctx, t)
	if err != nil {
		return l, "", err
	}
	return l, sha256Hex(text), nil
}

func (r *Recovery) configIsOriginal(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l, hash, err := r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if hash != l.ConfigSHA256 {
		return runner.No("%s was changed since pre-flight (%.12s, was %.12s): somebody edits it", r.scheduler(t).ConfigFile, hash, l.ConfigSHA256), nil
	}
	return runner.Yes("%s is as pre-flight saw it", r.scheduler(t).ConfigFile), nil
}

func (r *Recovery) configIsChanged(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l, hash, err := r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	switch hash {
	case l.NewSHA256:
		return runner.Yes("%s has the disabled flags (%.12s)", r.scheduler(t).ConfigFile, hash), nil
	case l.ConfigSHA256:
		return runner.No("%s is the original one", r.scheduler(t).ConfigFile), nil
	}
	return runner.No("%s is neither the original one nor what this run wrote (%.12s): somebody edited it", r.scheduler(t).ConfigFile, hash), nil
}

func (r *Recovery) changeConfig(ctx context.Context, t *runner.Task) (any, error) {
	l, err := look(t.State, t.On)
	if err != nil {
		return nil, err
	}
	file := r.scheduler(t).ConfigFile
	text, err := r.readConfig(ctx, t)
	if err != nil {
		return nil, err
	}
	vars, err := aurora.ParseShellVars(file, text)
	if err != nil {
		return nil, err
	}
	changed, err := vars.Rewrite(r.disabledFlags())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if sha256Hex(text) != l.ConfigSHA256 || sha256Hex(changed) != l.NewSHA256 {
		return nil, fmt.Errorf("%s was changed since it was looked at: nothing was written", file)
	}
	// The original first: what can't be restored must not be changed.
	next := path.Join(path.Dir(r.original(t)), "disabled-configuration")
	if _, err := run(ctx, t, "root", "install", "-d", "-m", "0700", path.Dir(next)); err != nil {
		return nil, err
	}
	for _, f := range []runner.File{
		{Path: r.original(t), Content: text, Mode: 0o600, User: "root", SHA256: l.ConfigSHA256},
		{Path: next, Content: changed, Mode: 0o600, User: "root", SHA256: l.NewSHA256},
	} {
		if err := t.Host.Put(ctx, f); err != nil {
			return nil, err
		}
	}
	return nil, r.replaceConfig(ctx, t, l, next)
}

// replaceConfig puts the content of from in the place of the configuration
// file, with the owner and mode that the file had, whole or not at all.
func (r *Recovery) replaceConfig(ctx context.Context, t *runner.Task, l hostLook, from string) error {
	file := r.scheduler(t).ConfigFile
	for _, argv := range replaceCommands(from, asideOf(file, t.State.Run), file, l.Config) {
		if _, err := run(ctx, t, "root", argv...); err != nil {
			return err
		}
	}
	return nil
}

// replaceCommands are those of replaceConfig. The copy is as closed as from is,
// 0600, until it has its owner: it may hold secrets.
func replaceCommands(from, beside, file string, was probe.Path) [][]string {
	return [][]string{
		{"cp", "-T", "--", from, beside},
		{"chown", fmt.Sprintf("%d:%d", was.UID, was.GID), beside},
		{"chmod", fmt.Sprintf("%04o", was.Mode), beside},
		{"mv", "-T", "--", beside, file},
	}
}

// tidyConfig moves what a replacement that was cut short left beside the file
// into the run's folder.
func (r *Recovery) tidyConfig(ctx context.Context, t *runner.Task) error {
	beside := asideOf(r.scheduler(t).ConfigFile, t.State.Run)
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{beside}})
	if err != nil || !facts.Paths[beside].Exists {
		return err
	}
	_, err = run(ctx, t, "root", "mv", "-T", "--", beside, path.Join(path.Dir(r.original(t)), "half-written-configuration"))
	return err
}

// restoreConfig puts the original back, byte for byte. A file that is not what
// this run wrote is somebody's work: it is not touched.
func (r *Recovery) restoreConfig(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	l, hash, err := r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if err := r.tidyConfig(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	file := r.scheduler(t).ConfigFile
	switch hash {
	case l.ConfigSHA256:
		return runner.Yes("%s is the original one (%.12s)", file, hash), nil
	case l.NewSHA256:
	default:
		return runner.No("%s is not what this run wrote (%.12s, want %.12s): somebody edited it. The original lies in %s", file, hash, l.NewSHA256, r.original(t)), nil
	}
	if err := r.replaceConfig(ctx, t, l, r.original(t)); err != nil {
		return runner.Answer{}, err
	}
	_, hash, err = r.configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if hash != l.ConfigSHA256 {
		return runner.No("%s: after restoring its hash is %.12s, want %.12s", file, hash, l.ConfigSHA256), nil
	}
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{file}})
	if err != nil {
		return runner.Answer{}, err
	}
	if p := facts.Paths[file]; p.UID != l.Config.UID || p.GID != l.Config.GID || p.Mode != l.Config.Mode {
		return runner.No("%s: owner or mode is not what it was: %d:%d %04o, want %d:%d %04o", file, p.UID, p.GID, p.Mode, l.Config.UID, l.Config.GID, l.Config.Mode), nil
	}
	return runner.Yes("%s is the original one, byte for byte (%.12s)", file, hash), nil
}
