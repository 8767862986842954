package bot

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/bot/link"
	"aurorabot/bot/web"
	"aurorabot/handlers"
	sandbox "aurorabot/lab/slack"
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

// lasts is how long a test under load does: AURORABOT_LOAD, if that is set.
func lasts(t *testing.T, ordinarily time.Duration) time.Duration {
	t.Helper()
	s := os.Getenv("AURORABOT_LOAD")
	if s == "" {
		return ordinarily
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// commands has alice type one each time, until ctx ends, and returns how many when all
// were answered; told is called with each outcome, by several at once.
func (d *desk) commands(ctx context.Context, each time.Duration, told func(sandbox.Outcome)) (n int) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(each)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		n++
		said := fmt.Sprintf("status %d", n)
		wg.Go(func() { told(d.Slash(alice, channel, said)) })
	}
	return n
}

// Two hundred commands a second while links are exchanged all the time: none
// lost, each handled once. AURORABOT_LOAD=1m takes it for as long as that.
func TestLoadUnderChurn(t *testing.T) {
	lasting := lasts(t, 2*time.Second)
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
	n := d.commands(ctx, 5*time.Millisecond, func(out sandbox.Outcome) {
		mu.Lock()
		defer mu.Unlock()
		if took = append(took, out.Took); !out.OK() {
			lost++
		}
	})
	wg.Wait()
	d.until("all handled", func() bool { return len(d.service.requests()) >= n-lost })
	slices.Sort(took)
	t.Logf("%d commands, %d lost, acknowledged within: median %s, p99 %s, longest %s", n, lost, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	if lost > 0 || len(d.service.requests()) != n || took[len(took)-1] > link.AckWithin {
		t.Errorf("%d lost, %d handled of %d", lost, len(d.service.requests()), n)
	}
}

// Fifty commands a second while all links are killed every 400 ms, by the network and
// not by Slack: fewer than 5 % are not acknowledged, and none is acted on twice.
// AURORABOT_LOAD=1m takes it for as long as that.
func TestLoadWithKilledLinks(t *testing.T) {
	lasting := lasts(t, 7*time.Second)
	d := newDesk(t, workspace())
	d.config.Queue, d.config.Parallel = 4096, 64
	d.begin()
	d.service.handle = func(handlers.Request) handlers.Response { return handlers.Response{} }
	opens := d.Socket().Opens
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	var wg sync.WaitGroup
	kills := 0
	wg.Go(func() {
		for web.Pause(ctx, 400*time.Millisecond) == nil {
			d.Kill()
			kills++
		}
	})
	var mu sync.Mutex
	results := map[string]int{}
	n := d.commands(ctx, 20*time.Millisecond, func(out sandbox.Outcome) {
		mu.Lock()
		defer mu.Unlock()
		results[out.Result]++
	})
	wg.Wait()
	acked := results[sandbox.Acked]
	d.until("all that was acknowledged is handled", func() bool { return len(d.service.requests()) >= acked })
	t.Logf("%d commands, %d kills, %d openings: %v, %.1f %% not acknowledged", n, kills, d.Socket().Opens-opens, results, 100*float64(n-acked)/float64(n))
	if (n-acked)*20 > n {
		t.Errorf("%v of %d, want fewer than 5 %% not acknowledged", results, n)
	}
	acts := map[string]int{}
	for _, r := range d.service.requests() {
		said := strings.Join(r.Words, " ")
		if acts[said]++; acts[said] > 1 {
			t.Errorf("%q was acted on twice", said)
		}
	}
}
