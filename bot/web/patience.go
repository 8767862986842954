package web

import (
	"context"
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
	now  func() time.Time

	mu    sync.Mutex
	until map[string]time.Time // What Slack said last to any sender, by method.
}

// Patience returns a transport over next that honours Slack's rate limits for
// all who send through it.
func Patience(next http.RoundTripper, now func() time.Time) http.RoundTripper {
	return &patience{next: next, now: now, until: map[string]time.Time{}}
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
	if err := Pause(r.Context(), wait); err != nil {
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
	p.until[method] = p.now().Add(time.Duration(after) * time.Second)
	return resp, nil
}

// CloseIdleConnections closes the idle connections of the transport below.
func (p *patience) CloseIdleConnections() {
	if t, ok := p.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Pause waits for d, or for the end of ctx.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
