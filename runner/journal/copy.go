package journal

import (
	"context"
	"fmt"
	"log/slog"
	"log/syslog"
	"net/url"
	"os"
	"sync"
	"time"

	"aurorabot/runner"
)

// copyQueue bounds how many lines wait for a copy that is slow.
const copyQueue = 4096

// copyGrace is how long Close waits for what is queued.
const copyGrace = 5 * time.Second

// A Copier keeps every event a second time, elsewhere: where who can write to
// the state folder cannot. It never holds a recovery up: what a copy that is
// full, slow or gone does not take is counted, and said in the log.
type Copier struct {
	file *os.File
	log  *slog.Logger
	dial func() (*syslog.Writer, error)
	sys  *syslog.Writer

	queue chan copied
	done  chan struct{}

	mu     sync.Mutex
	missed int
	closed bool
}

type copied struct {
	line    []byte
	summary string
}

// NewCopier appends whole lines to file, and sends a line about each event, with
// its hash, to the syslog at address: "unix" for this machine's own,
// "udp://host:514", "tcp://host:514". Empty: not there.
func NewCopier(file, address string, log *slog.Logger) (*Copier, error) {
	c := &Copier{log: log, queue: make(chan copied, copyQueue), done: make(chan struct{})}
	if file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("copy of the audit: %w", err)
		}
		c.file = f
	}
	if address != "" {
		network, to := "", ""
		if address != "unix" {
			u, err := url.Parse(address)
			if err != nil || u.Host == "" || u.Scheme != "udp" && u.Scheme != "tcp" {
				return nil, fmt.Errorf("copy of the audit: syslog address %q is neither unix nor udp:// nor tcp://", address)
			}
			network, to = u.Scheme, u.Host
		}
		c.dial = func() (*syslog.Writer, error) {
			return syslog.Dial(network, to, syslog.LOG_NOTICE|syslog.LOG_AUTH, "aurorabot")
		}
	}
	go c.work()
	return c, nil
}

// Keep is for [Dir.Copy].
func (c *Copier) Keep(e runner.Event, line []byte, hash string) {
	words := fmt.Sprintf("run=%s seq=%d kind=%s step=%s host=%s who=%s hash=%s", e.Run, e.Seq, e.Kind, e.Step, e.Host, e.Who, hash)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	select {
	case c.queue <- copied{line, words}:
	default:
		c.missed++
	}
}

func (c *Copier) work() {
	defer close(c.done)
	ctx := context.Background()
	for one := range c.queue {
		if err := c.write(one); err != nil {
			c.mu.Lock()
			c.missed++
			n := c.missed
			c.mu.Unlock()
			if n&(n-1) == 0 { // Once, twice, four times …: a copy that is gone must not fill the log.
				c.log.ErrorContext(ctx, "copy of the audit", "err", err, "missed", n)
			}
		}
	}
}

func (c *Copier) write(one copied) error {
	if c.file != nil {
		if _, err := c.file.Write(one.line); err != nil {
			return fmt.Errorf("copy of the audit: %w", err)
		}
		if err := c.file.Sync(); err != nil {
			return fmt.Errorf("copy of the audit: %w", err)
		}
	}
	if c.dial == nil {
		return nil
	}
	if c.sys == nil {
		sys, err := c.dial()
		if err != nil {
			return fmt.Errorf("copy of the audit: syslog: %w", err)
		}
		c.sys = sys
	}
	if err := c.sys.Notice(one.summary); err != nil {
		c.sys.Close()
		c.sys = nil
		return fmt.Errorf("copy of the audit: syslog: %w", err)
	}
	return nil
}

// Missed is how many events the copies did not take.
func (c *Copier) Missed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.missed
}

// Close waits a moment until what is queued is written.
func (c *Copier) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.queue)
	c.mu.Unlock()
	late := time.NewTimer(copyGrace)
	defer late.Stop()
	select {
	case <-c.done:
	case <-late.C:
		return fmt.Errorf("copy of the audit: %d events were not written within %s", len(c.queue), copyGrace)
	}
	if c.sys != nil {
		c.sys.Close()
	}
	if c.file != nil {
		return c.file.Close()
	}
	return nil
}
