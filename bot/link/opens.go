package link

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"aurorabot/bot/web"
)

// Between two openings of links, of all links together.
const (
	openGap = 50 * time.Millisecond // After links that worked.
	minGap  = 2 * time.Second       // After one that did not; doubled with each further one,
	maxGap  = 15 * time.Second      // up to this.
	minLife = 200 * time.Millisecond
)

// opens spaces the calls of apps.connections.open. The library opens anew at
// once when a link ends, however short it lived: refused links would make
// thousands of calls a second.
type opens struct {
	now func() time.Time

	mu       sync.Mutex
	last     time.Time
	failures int
}

// slot returns how long to wait before the next opening. worked says whether
// the link that asks for it had worked since its opening before.
func (o *opens) slot(worked bool) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	gap := openGap
	if worked {
		o.failures = 0
	} else {
		o.failures++
		gap = min(minGap<<min(o.failures-1, 8), maxGap)
	}
	now := o.now()
	at := o.last.Add(gap)
	if at.Before(now) {
		at = now
	}
	o.last = at
	return at.Sub(now)
}

// A paced transport is one link's: it waits for its slot and asks next.
type paced struct {
	next  http.RoundTripper
	opens *opens
	link  *link
}

func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/apps.connections.open") {
		if err := web.Pause(r.Context(), p.opens.slot(p.link.worked())); err != nil {
			return nil, err
		}
		p.link.opening()
	}
	return p.next.RoundTrip(r)
}
