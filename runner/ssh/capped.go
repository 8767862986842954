package ssh

import (
	"bytes"
	"sync"
)

// maxHeld bounds the outputs of all commands that run on one host at a time, in
// bytes. What is over it is cut, as what is over a command's own bound.
const maxHeld = 48 << 20

// A share is what the outputs of one host take together.
type share struct {
	mu   sync.Mutex
	held int
}

// take takes up to n bytes, and returns how many. A nil share has room for all.
func (s *share) take(n int) int {
	if s == nil {
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, maxHeld-s.held)
	s.held += n
	return n
}

func (s *share) give(n int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= n
}

// maxChunk is the size of the pieces in which a capped takes memory: one that
// grows would take twice what is in it.
const maxChunk = 1 << 20

// A capped keeps the first bytes of what is written to it, and throws the rest
// away without holding up the writer.
type capped struct {
	most  int
	share *share // Nil: it is so small that nobody counts.

	mu   sync.Mutex
	kept [][]byte
	size int
	cut  bool
	over bool // Nobody wants any more.
}

func (c *capped) Write(p []byte) (int, error) {
	c.keep(p)
	return len(p), nil
}

func (c *capped) keep(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	room := c.share.take(max(min(c.most-c.size, len(p)), 0))
	c.cut = c.cut || room < len(p)
	c.size += room
	for p = p[:room]; len(p) > 0; {
		n := len(c.kept)
		if n == 0 || len(c.kept[n-1]) == cap(c.kept[n-1]) {
			c.kept = append(c.kept, make([]byte, 0, max(min(c.size, maxChunk), 512)))
			n++
		}
		last := &c.kept[n-1]
		part := min(len(p), cap(*last)-len(*last))
		*last = append(*last, p[:part]...)
		p = p[part:]
	}
}

// bytes returns what was kept. It may be called while somebody still writes.
func (c *capped) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Join(c.kept, nil)
}

func (c *capped) wasCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// reset forgets what was kept.
func (c *capped) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

func (c *capped) forget() {
	c.share.give(c.size)
	c.kept, c.size, c.cut = nil, 0, false
}

// end forgets what was kept, and whatever comes later: a session that was given up
// may write for a moment yet.
func (c *capped) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	c.over = true
}
