package recovery

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"aurorabot/runner"
)

// helperFacts say where the uploaded program lies.
type helperFacts struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Arch   string `json:"arch"`
	Brief  bool   `json:"brief,omitempty"` // Asked for so little that to keep a session does not pay.
}

var goArch = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

func (r *Recovery) helperStep() runner.Step {
	return runner.Step{
		ID: stepHelper, Source: "pre-flight", Tool: true, Last: true,
		Title:  "Put the reader of logs and backups on every host, checked by its hash",
		On:     r.everyScheduler,
		Verify: r.helperThere,
		Holds:  r.helperThere,
		Do:     r.uploadHelper,
		Undo:   r.removeHelper,
		Shows: func(t *runner.Task) []string {
			return []string{"write " + path.Join(r.scheduler(t).RunDir, "bin", "aurorabot-HASH")}
		},
	}
}

func (r *Recovery) helperOf(ctx context.Context, t *runner.Task) (helperFacts, error) {
	arch, err := archOf(ctx, t)
	if err != nil {
		return helperFacts{}, err
	}
	_, sum, err := r.Helper(arch)
	if err != nil {
		return helperFacts{}, err
	}
	return helperFacts{Path: helperPath(r.scheduler(t).RunDir, sum), SHA256: sum, Arch: arch}, nil
}

// archOf asks the host for its architecture, once in a run.
func archOf(ctx context.Context, t *runner.Task) (string, error) {
	var known helperFacts
	if t.State.Facts(stepHelper, t.On, &known) && known.Arch != "" {
		return known.Arch, nil
	}
	out, err := run(ctx, t, "", "uname", "-m")
	if errors.Is(err, runner.ErrNotStarted) {
		return "", telling(t, "host-silent", err)
	}
	if err != nil {
		return "", err
	}
	machine := strings.TrimSpace(string(out.Stdout))
	arch := goArch[machine]
	if arch == "" {
		return "", fmt.Errorf("no program of ours runs on a %q", machine)
	}
	return arch, nil
}

func (r *Recovery) helperThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	f, err := r.helperOf(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	there, err := r.hashed(ctx, t, f)
	if err != nil {
		return runner.Answer{}, err
	}
	if !there {
		return runner.No("%s is not there with the hash %.12s", f.Path, f.SHA256), nil
	}
	return runner.Yes("%s has the hash %.12s", f.Path, f.SHA256).With(f), nil
}

// identity is what stat(1) tells of a file that changes with each write to it,
// and with each other file in its place: device, inode, size, and the times of
// the last change of content and inode, which nobody can set back but root.
var identity = []string{"stat", "-c", "%d %i %s %y %z", "--"}

// hashed says whether the program is on the host with its hash. A file whose
// hash was right is not read again as long as it is the same one, untouched: it
// is asked for before every dangerous step, and has 15 MB.
func (r *Recovery) hashed(ctx context.Context, t *runner.Task, f helperFacts) (bool, error) {
	key, by := [2]string{t.On, f.Path}, runner.Keeper{}
	was, proved := r.proved.Load(key)
	if proved {
		by = through(t) // What is not proved yet is not begun for that.
	}
	out, err := t.Host.Run(ctx, runner.Command{Argv: append(slices.Clone(identity), f.Path), Through: by})
	if errors.Is(err, runner.ErrNotStarted) {
		err = telling(t, "host-silent", err)
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", f.Path, err)
	}
	if out.Exit != 0 {
		return false, nil
	}
	// Asked for before the hash: what changes in between has another one.
	found := string(out.Stdout)
	if proved && was == found {
		return true, nil
	}
	if out, err = t.Host.Run(ctx, runner.Command{Argv: []string{"sha256sum", f.Path}}); err != nil {
		return false, fmt.Errorf("hash of %s: %w", f.Path, err)
	}
	if out.Exit != 0 || !strings.HasPrefix(string(out.Stdout), f.SHA256+" ") {
		return false, nil
	}
	r.proved.Store(key, found)
	return true, nil
}

func (r *Recovery) uploadHelper(ctx context.Context, t *runner.Task) (any, error) {
	f, err := r.helperOf(ctx, t)
	if err != nil {
		return nil, err
	}
	open, _, err := r.Helper(f.Arch)
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, t, "root", "install", "-d", "-m", "0755", r.scheduler(t).RunDir, path.Dir(f.Path)); err != nil {
		return nil, err
	}
	return f, t.Host.Put(ctx, runner.File{Path: f.Path, Source: open, Mode: 0o755, User: "root", SHA256: f.SHA256})
}

// letGo ends the session that a helper keeps on a host.
func letGo(h runner.Host, helper string) {
	if k, ok := h.(interface{ LetGo(program string) }); ok {
		k.LetGo(helper)
	}
}

// removeHelper takes away the one file that this run uploaded. It is ours and
// holds nothing, so this is no deletion of anything that could be missed.
func (r *Recovery) removeHelper(ctx context.Context, t *runner.Task, receipt runner.Receipt) (runner.Answer, error) {
	f, err := r.helperOf(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	letGo(t.Host, f.Path)
	if _, err := run(ctx, t, "root", "rm", "-f", f.Path); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s is gone", f.Path), nil
}
