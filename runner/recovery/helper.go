package recovery

import (
	"context"
	"errors"
	"path"

	"aurorabot/runner"
)

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
			return []string{"write " + path.Join(r.on(t).Scheduler.RunDir, "bin", "aurorabot-HASH")}
		},
	}
}

// tellSilent names a host that does not answer in the journal, where err says so.
func tellSilent(t *runner.Task, err error) error {
	if errors.Is(err, runner.ErrNotStarted) {
		return telling(t, "host-silent", err)
	}
	return err
}

func (r *Recovery) helperThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	f, err := n.Program(ctx)
	there := false
	if err == nil {
		there, err = n.Has(ctx, f)
	}
	switch {
	case err != nil:
		return runner.Answer{}, tellSilent(t, err)
	case !there:
		return runner.No("%s is not there with the hash %.12s", f.Path, f.SHA256), nil
	}
	return runner.Yes("%s has the hash %.12s", f.Path, f.SHA256).With(f), nil
}

func (r *Recovery) uploadHelper(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	f, err := n.Program(ctx)
	if err != nil {
		return nil, tellSilent(t, err)
	}
	return f, n.Upload(ctx, f)
}

func (r *Recovery) removeHelper(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	f, err := n.Program(ctx)
	if err == nil {
		err = n.Remove(ctx, f)
	}
	if err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s is gone", f.Path), nil
}
