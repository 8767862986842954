// Command aurorabot restores a backup of an Apache Aurora scheduler, from a
// Slack channel or the command line: see README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // The image has no zones of its own.

	"aurorabot/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	exit := app.Run(ctx, os.Args[1:], app.World{
		Hup: hangups,
		In:  os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Terminal: app.IsTerminal(os.Stdin, os.Stderr),
		Env:      os.Getenv, Now: time.Now, //nolint:forbidigo // This is where both come in.
	})
	stop()
	os.Exit(exit)
}

// hangups returns a channel that receives every future SIGHUP.
func hangups() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}
