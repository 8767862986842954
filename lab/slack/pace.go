package slack

import (
	"sync"
	"time"
)

// pace counts calls within a sliding span of time, per key.
type pace struct {
	mu    sync.Mutex
	calls map[string][]time.Time
}

// ask counts a call and returns zero, or does not count it and returns how
// long to wait: limit calls fit into span.
func (p *pace) ask(key string, now time.Time, limit int, span time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = map[string][]time.Time{}
	}
	recent := p.calls[key]
	for len(recent) > 0 && now.Sub(recent[0]) >= span {
		recent = recent[1:]
	}
	if len(recent) >= limit {
		p.calls[key] = recent
		return recent[0].Add(span).Sub(now)
	}
	p.calls[key] = append(recent, now)
	return 0
}
