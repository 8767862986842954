package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"aurorabot/runner/bound"
)

// patience is a transport to Slack: when Slack says "not before", no sender
// calls that method before. The refused call itself still fails: its sender
// knows whether it is still wanted.
type patience struct {
	next http.RoundTripper
	now  func() time.Time
	log  *slog.Logger

	mu    sync.Mutex
	until map[string]time.Time // What Slack said last to any sender, by method.
}

// Patience returns a transport over next that honours Slack's rate limits for
// all who send through it, up to [LongestPatience], and takes at most [MaxAnswer]
// bytes of an answer.
func Patience(next http.RoundTripper, now func() time.Time, log *slog.Logger) http.RoundTripper {
	return &patience{next: Short{next}, now: now, log: log, until: map[string]time.Time{}}
}

// MaxAnswer bounds an answer of the Web API, in bytes: a page of a thousand people
// has about 2 MB.
const MaxAnswer = 16 << 20

// A Short is a transport over another one of which no answer is longer than [MaxAnswer].
type Short struct{ http.RoundTripper }

// RoundTrip is part of [http.RoundTripper].
func (s Short) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{bound.NewReader(resp.Body, MaxAnswer), resp.Body}
	return resp, nil
}

// CloseIdleConnections closes the idle connections of the transport below.
func (s Short) CloseIdleConnections() {
	if t, ok := s.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

type into struct{}

// Into says which channel a call of chat.postMessage posts into: Slack limits that by
// channel, and what one conversation is limited in must not hold up the others.
func Into(ctx context.Context, channel string) context.Context {
	return context.WithValue(ctx, into{}, channel)
}

// methodOf is what Slack limits a call by.
func methodOf(r *http.Request) string {
	if channel, ok := r.Context().Value(into{}).(string); ok {
		return path.Base(r.URL.Path) + " " + channel
	}
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
	if by, ok := r.Context().Deadline(); ok && wait > 0 && p.now().Add(wait).After(by) {
		return refused(r, wait), nil // Its time would be over before it may be made.
	}
	if err := Pause(r.Context(), wait); err != nil {
		return nil, err
	}
	resp, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusTooManyRequests {
		return resp, nil
	}
	after := p.patience(r.Context(), method, resp)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[method] = p.now().Add(after)
	return resp, nil
}

// refused is the answer that Slack would give: not before wait is over.
func refused(r *http.Request, wait time.Duration) *http.Response {
	seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	return &http.Response{
		Status: http.StatusText(http.StatusTooManyRequests), StatusCode: http.StatusTooManyRequests,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Retry-After": {seconds}}, Body: http.NoBody,
	}
}

// LongestPatience is how long the bot keeps from calling a method because Slack said
// so. Slack asks for seconds, half a minute at most; a header of a day, of Slack's or
// of a proxy's, would silence the bot in the middle of a recovery.
const LongestPatience = 2 * time.Minute

// patience is how long the answer asks to wait. Its header says afterwards what will
// be waited, for the library goes by that.
func (p *patience) patience(ctx context.Context, method string, resp *http.Response) time.Duration {
	said := resp.Header.Get("Retry-After")
	seconds, err := strconv.ParseUint(said, 10, 63)
	after := time.Second
	switch most := uint64(LongestPatience / time.Second); {
	case errors.Is(err, strconv.ErrRange) || err == nil && seconds > most:
		after = LongestPatience
		p.log.WarnContext(ctx, "slack: Retry-After is longer than the bot waits", "method", method, "asked_seconds", said, "waits", after)
	case err == nil && seconds > 0:
		after = time.Duration(seconds) * time.Second
	}
	resp.Header.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	return after
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
