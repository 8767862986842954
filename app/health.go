package app

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
)

// healthWithin is how long the bot that serves has for an answer.
const healthWithin = 5 * time.Second

// healthCommand is what the health check of a container runs: does the bot that
// owns the state folder answer? Whether Slack does is another question (/ready):
// an outage there is no reason to end a bot in the middle of a recovery.
func healthCommand(ctx context.Context, words []string, file string, w World) int {
	if len(words) > 0 {
		fmt.Fprintf(w.Err, "aurorabot: health: takes no arguments, but %q was given\nhint: aurorabot health --config FILE\n", strings.Join(words, " "))
		return handlers.ExitUsage
	}
	cfg, err := load(file, w)
	if err != nil {
		return w.fail(err)
	}
	ctx, stop := context.WithTimeout(ctx, healthWithin)
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(cfg.StateDir, "aurorabot.sock"))
	if err != nil {
		return w.hinted(fmt.Errorf("health: nobody serves: %w", err), "aurorabot serve")
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := cli.Alive(conn); err != nil {
		return w.fail(fmt.Errorf("health: %w", err))
	}
	fmt.Fprintln(w.Out, "serving")
	return handlers.ExitDone
}
