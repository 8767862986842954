package bot

import (
	"context"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// A Service answers requests and shows runs. It is what the bot is a surface of.
type Service interface {
	// Handle answers within seconds, or says in its answer that the work goes
	// on: requests about one run stand in line behind each other (an abort
	// does not). A Response whose Message has neither Head nor Lines posts
	// nothing; what happened then shows in the run's messages alone.
	Handle(ctx context.Context, r handlers.Request) handlers.Response

	// Refuses reports whether policy would refuse a request as things are now.
	// It answers at once, does nothing and promises nothing: a person whom it
	// names is not asked to type anything first.
	Refuses(r handlers.Request) bool

	// Screens returns what the run's messages show now.
	Screens(run string) (view.Screens, error)

	// Subscribe has f called with every event once it is durable, in order,
	// until cancel is called. f does not block.
	Subscribe(f func(runner.Event)) (cancel func())
}
