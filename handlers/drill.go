package handlers

import (
	"context"
	"fmt"

	"aurorabot/handlers/view"
)

// doDrill rehearses a recovery of the newest backup. It changes nothing on the
// cluster, so that the clock may ask for it too; people need the permission to
// operate, for what it costs the bot's machine. One goes on at a time.
func (s *Service) doDrill(ctx context.Context, c call) Response {
	k := s.cluster(c.args[0])
	if k.Drill == nil {
		return Response{
			Message: view.Error(fmt.Sprintf("drill of %s: the configuration names no rehearsal lab", k.Name), "build it (`go build -o aurorabot-lab ./lab`) and name it under drill.lab"),
			Exit:    ExitError, Private: true,
		}
	}
	defer s.turn("drill")()
	if err := ctx.Err(); err != nil {
		return failure(fmt.Errorf("drill of %s: another one took too long: %w", k.Name, err))
	}
	d, err := k.Drill(ctx)
	if err != nil {
		r := failure(fmt.Errorf("drill of %s could not be held, so nothing is known: %w", k.Name, err))
		r.Private = false // Who asked by the clock is the channel.
		return r
	}
	r := Response{Message: view.DrillDone(d), Data: d}
	if !d.Proved {
		r.Exit = ExitFindings
	}
	return r
}
