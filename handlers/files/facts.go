package files

import (
	"context"
	"fmt"

	"aurorabot/runner/probe"
)

// hostFacts answers what the bot asks of the host that this runs on.
func hostFacts(ctx context.Context, c *call) (int, error) {
	defer frugal(backupMemory)()
	if err := probe.Main(ctx, c.In, c.out, c.Now); err != nil {
		return exitError, fmt.Errorf("host facts: %w", err)
	}
	return exitDone, nil
}
