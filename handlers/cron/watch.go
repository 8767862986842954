package cron

import (
	"context"
	"fmt"
	"time"

	"aurorabot/handlers/view"
)

// A Watch looks between the reports, and speaks only when something changed.
type Watch struct {
	Every   time.Duration
	Channel string

	// Look returns what is to be said, each with what to do when it stands in the
	// channel; nothing if nothing changed.
	Look func(ctx context.Context) []Alert

	Post Poster
	Now  func() time.Time
}

// An Alert is one thing to say. Said is called once it stands in the channel:
// what could not be posted is said again at the next look.
type Alert struct {
	Message view.Message
	Said    func()
}

// Run looks until ctx ends. A look that panics is said, too.
func (w *Watch) Run(ctx context.Context) {
	for {
		t := time.NewTimer(w.Every)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		for _, a := range w.look(ctx) {
			limited, cancel := context.WithTimeout(ctx, postWithin)
			err := w.Post.Post(limited, w.Channel, a.Message)
			cancel()
			if err == nil && a.Said != nil {
				a.Said()
			}
		}
	}
}

func (w *Watch) look(ctx context.Context) (alerts []Alert) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			alerts = []Alert{{Message: view.Message{Tone: view.Bad, Head: "Watching the backups failed", Lines: []string{fmt.Sprintf("The bot itself failed: %v. How the backups are is unknown until it runs.", p)}}}}
		}
	}()
	return w.Look(ctx)
}
