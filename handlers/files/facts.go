package files

import (
	"bytes"
	"context"
	"fmt"

	"aurorabot/runner/kept"
	"aurorabot/runner/probe"
)

// hostFacts answers what the bot asks of the host that this runs on: one request,
// or with --keep as many as come over one session. A session can be asked for
// nothing else, so that who may call this may not do more.
func hostFacts(ctx context.Context, c *call) (int, error) {
	defer frugal(backupMemory)()
	if _, keep := c.options["keep"]; keep {
		return keepFacts(ctx, c)
	}
	if err := probe.Main(ctx, c.In, c.out, c.Now); err != nil {
		return exitError, fmt.Errorf("host facts: %w", err)
	}
	return exitDone, nil
}

// hostKeep runs the bot's commands that only look, over one session.
func hostKeep(ctx context.Context, c *call) (int, error) {
	if err := kept.Serve(ctx, c.In, c.Out, kept.Idle, kept.Exec); err != nil {
		return exitError, fmt.Errorf("host keep: %w", err)
	}
	return exitDone, nil
}

func keepFacts(ctx context.Context, c *call) (int, error) {
	answer := func(ctx context.Context, q kept.Command, _ func(kept.Process)) kept.Result {
		var out bytes.Buffer
		if err := probe.Main(ctx, bytes.NewReader(q.Stdin), &out, c.Now); err != nil {
			return kept.Result{Exit: exitError, Stderr: []byte("aurorabot: host facts: " + err.Error() + "\n")}
		}
		if out.Len() > q.Most {
			return kept.Result{Stdout: out.Bytes()[:q.Most], Cut: true}
		}
		return kept.Result{Stdout: out.Bytes()}
	}
	if err := kept.Serve(ctx, c.In, c.Out, kept.Idle, answer); err != nil {
		return exitError, fmt.Errorf("host facts: %w", err)
	}
	return exitDone, nil
}
