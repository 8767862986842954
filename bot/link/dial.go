package link

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A pulse is when bytes last went over a link, in either direction. The
// library shows neither Slack's pings nor when an acknowledgement has left.
type pulse struct {
	now         func() time.Time
	read, wrote atomic.Int64 // Unix nanoseconds; 0: never.
}

func (p *pulse) lastRead() time.Time  { return instant(p.read.Load()) }
func (p *pulse) lastWrite() time.Time { return instant(p.wrote.Load()) }

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// dialer dials links that p sees. TCP itself notices a dead peer within 25 s.
func (p *pulse) dialer() *websocket.Dialer {
	d := &net.Dialer{
		Timeout:         10 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	return &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: 20 * time.Second,
		// Slack does not join split frames, and takes up to 20 KB.
		WriteBufferSize: 32 << 10,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watched{c, p}, nil
		},
	}
}

type watched struct {
	net.Conn
	p *pulse
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.p.read.Store(w.p.now().UnixNano())
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
