package bot

import (
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience is a transport to Slack: when Slack says "not before", no sender
// calls that method before. The refused call itself still fails: its sender
// knows whether it is still wanted.
type patience struct {
	next http.RoundTripper
	*limits
}

// limits are what Slack said last, to all senders together.
type limits struct {
	now func() time.Time

	mu    sync.Mutex
	until map[string]time.Time // By method.
}

// methodOf is what Slack limits a call by.
func methodOf(r *http.Request) string {
	if !strings.Contains(r.URL.Path, "/api/") {
		return "response_url" // One key for all: each address is a secret of its own.
	}
	return path.Base(r.URL.Path)
}

func (p *patience) RoundTrip(r *http.Request) (*http.Response, error) {
	method := methodOf(r)
	p.mu.Lock()
	wait := p.until[method].Sub(p.now())
	p.mu.Unlock()
	if err := pause(r.Context(), wait); err != nil {
		return nil, err
	}
	resp, err := p.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusTooManyRequests {
		return resp, err
	}
	after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || after < 1 {
		after = 1
		// Without the header the library would not know the answer for what it is.
		resp.Header.Set("Retry-After", "1")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[string]time.Time{}
	}
	p.until[method] = p.now().Add(time.Duration(after) * time.Second)
	return resp, nil
}
