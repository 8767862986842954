package node

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/bound"
	"aurorabot/runner/rooted"
)

// CountLimit is how long a host has to count or remove what runs left: file by file.
const CountLimit = 5 * time.Minute

// Left is what runs left in the run folder and beside a log; of all runs for "".
func (n *Node) Left(ctx context.Context, log, run string) (left []rooted.Left, err error) {
	argv := []string{n.Tool.Path, "host", "left", log, n.Scheduler.RunDir}
	if run != "" {
		argv = append(argv, run)
	}
	out, err := n.Host.Run(ctx, runner.Command{Argv: argv, User: "root", Limit: CountLimit, Output: maxReport})
	if err := Well("list what runs left", out, err); err != nil {
		return nil, err
	}
	if err := bound.JSON(bytes.TrimSpace(out.Stdout), &left, maxDecoded); err != nil {
		return nil, fmt.Errorf("list what runs left: the answer cannot be read: %w", err)
	}
	return left, nil
}
