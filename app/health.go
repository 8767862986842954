package app

import (
	"context"
	"fmt"
	"net"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
)

// healthWithin is how long the bot that serves has for an answer.
const healthWithin = 5 * time.Second

// healthCommand is what the health check of a container runs: does the bot that
// owns the state folder answer? Whether Slack does is another question (/ready):
// an outage there is no reason to end a bot in the middle of a recovery.
func healthCommand(ctx context.Context, in *input) int {
	socket, err := socketOf(in.config, in.World)
	if err != nil {
		return in.fail(err)
	}
	ctx, stop := context.WithTimeout(ctx, healthWithin)
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return in.hinted(fmt.Errorf("health: nobody serves: %w", err), "aurorabot serve")
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := cli.Alive(conn); err != nil {
		return in.fail(fmt.Errorf("health: %w", err))
	}
	fmt.Fprintln(in.Out, "serving")
	return handlers.ExitDone
}
