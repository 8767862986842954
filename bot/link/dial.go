package link

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A pulse is the connection below a link: when bytes last went over it, in either
// direction, and how it ended. The library shows neither Slack's pings nor when an
// acknowledgement has left, and hides why a link ended.
type pulse struct {
	now         func() time.Time
	closed      func()       // Called when this side closes the connection, and when there was none to be had.
	read, wrote atomic.Int64 // Unix nanoseconds; 0: never.
	broken      atomic.Bool  // The network ended the last connection, went silent, or gave none: not Slack, and not we for our own reasons.
	conn        atomic.Pointer[watched]
}

func (p *pulse) lastRead() time.Time  { return instant(p.read.Load()) }
func (p *pulse) lastWrite() time.Time { return instant(p.wrote.Load()) }

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// dialer dials links that p sees, each with its handshakes (TCP, TLS, web socket)
// within a time. TCP itself notices a dead peer within 25 s.
func (p *pulse) dialer(within time.Duration) *websocket.Dialer {
	d := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	return &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: within,
		// Slack does not join split frames, and takes up to 20 KB.
		WriteBufferSize: 32 << 10,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, address)
			p.broken.Store(err != nil)
			if err != nil {
				p.closed()
				return nil, err
			}
			w := &watched{Conn: c, p: p}
			p.conn.Store(w)
			if err := ctx.Err(); err != nil { // Whoever ended it may have looked for the connection before it was there.
				return nil, errors.Join(err, w.Close())
			}
			return w, nil
		},
	}
}

// shut closes the connection, whatever the library does on it. Ending the library's
// context alone does not: it waits for the answer to a handshake that was begun.
func (p *pulse) shut() {
	if w := p.conn.Load(); w != nil {
		_ = w.Close() // It is dead or unwanted; there is nobody to tell.
	}
}

type watched struct {
	net.Conn
	p    *pulse
	ours atomic.Bool // This side closed it.
}

func (w *watched) Close() error {
	if w.ours.CompareAndSwap(false, true) {
		w.p.closed()
	}
	return w.Conn.Close()
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.p.read.Store(w.p.now().UnixNano())
	}
	if err != nil && !w.ours.Load() {
		w.p.broken.Store(true)
	}
	return n, err
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	if n > 0 {
		w.p.wrote.Store(w.p.now().UnixNano())
	}
	return n, err
}
