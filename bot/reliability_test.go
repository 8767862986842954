package bot

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"testing"
	"time"

	"aurorabot/bot/link"
	"aurorabot/bot/web"
	"aurorabot/handlers"
)

// stuck makes the service wait; the function that it returns lets it go on.
func (d *desk) stuck() (free func()) {
	release := make(chan struct{})
	d.service.answer(func(handlers.Request) handlers.Response { <-release; return handlers.Response{} })
	return sync.OnceFunc(func() { close(release) })
}

// recycle has Slack exchange one of two links. On a machine so slow that the
// one before is not back yet, it waits: both gone is an outage, not an exchange.
func (d *desk) recycle() {
	if d.Socket().Links == 2 {
		d.DisconnectOne("refresh_requested")
	}
}

// Two hundred commands a second while links are exchanged all the time: none
// lost, each handled once. AURORABOT_LOAD=1m takes it for as long as that.
func TestLoadUnderChurn(t *testing.T) {
	lasting := 2 * time.Second
	if s := os.Getenv("AURORABOT_LOAD"); s != "" {
		var err error
		if lasting, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	d := newDesk(t, workspace())
	d.config.Queue, d.config.Parallel = 4096, 64
	d.begin()
	d.service.handle = func(handlers.Request) handlers.Response { return handlers.Response{} }
	d.OpenDelay(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for web.Pause(ctx, 400*time.Millisecond) == nil {
			d.recycle()
		}
	})
	var mu sync.Mutex
	var took []time.Duration
	lost := 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for ctx.Err() == nil {
		<-tick.C
		n++
		said := fmt.Sprintf("status %d", n)
		wg.Go(func() {
			out := d.Slash(alice, channel, said)
			mu.Lock()
			defer mu.Unlock()
			if took = append(took, out.Took); !out.OK() {
				lost++
			}
		})
	}
	wg.Wait()
	d.until("all handled", func() bool { return len(d.service.requests()) >= n-lost })
	slices.Sort(took)
	t.Logf("%d commands, %d lost, acknowledged within: median %s, p99 %s, longest %s", n, lost, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	if lost > 0 || len(d.service.requests()) != n || took[len(took)-1] > link.AckWithin {
		t.Errorf("%d lost, %d handled of %d", lost, len(d.service.requests()), n)
	}
}
