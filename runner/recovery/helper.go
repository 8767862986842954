package recovery

import (
	"context"
	"fmt"
	"path"
	"strings"

	"aurorabot/runner"
)

// helperFacts say where the uploaded program lies.
type helperFacts struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Arch   string `json:"arch"`
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
	out, err := run(ctx, t, "", "uname", "-m")
	if err != nil {
		return helperFacts{}, err
	}
	machine := strings.TrimSpace(string(out.Stdout))
	arch := goArch[machine]
	if arch == "" {
		return helperFacts{}, fmt.Errorf("no program of ours runs on a %q", machine)
	}
	_, sum, err := r.Helper(arch)
	if err != nil {
		return helperFacts{}, err
	}
	return helperFacts{Path: helperPath(r.scheduler(t).RunDir, sum), SHA256: sum, Arch: arch}, nil
}

func (r *Recovery) helperThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	f, err := r.helperOf(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	out, err := t.Host.Run(ctx, runner.Command{Argv: []string{"sha256sum", f.Path}})
	if err != nil {
		return runner.Answer{}, fmt.Errorf("hash of %s: %w", f.Path, err)
	}
	if out.Exit != 0 || !strings.HasPrefix(string(out.Stdout), f.SHA256) {
		return runner.No("%s is not there with the hash %.12s", f.Path, f.SHA256), nil
	}
	return runner.Yes("%s has the hash %.12s", f.Path, f.SHA256).With(f), nil
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

// removeHelper takes away the one file that this run uploaded. It is ours and
// holds nothing, so this is no deletion of anything that could be missed.
func (r *Recovery) removeHelper(ctx context.Context, t *runner.Task, receipt runner.Receipt) (runner.Answer, error) {
	f, err := r.helperOf(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if _, err := run(ctx, t, "root", "rm", "-f", f.Path); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s is gone", f.Path), nil
}
