package ssh

import (
	"errors"
	"sync/atomic"
)

// Stats say how it goes with the connections of one Host since it was made.
type Stats struct {
	Connected bool  // A connection is there now; whether the host still answers on it, its keepalive finds out.
	Made      int64 // Connections that were made.
	Refused   int64 // Attempts that made no connection: the host, its key or our login was refused, or nothing answered.
	Lost      int64 // Connections that ended otherwise than by [Host.Close].
}

type stats struct{ made, refused, lost atomic.Int64 }

var errClosed = errors.New("closed by the bot")

// Stats returns the figures of now. It waits for nothing: a host that is being
// dialled is not connected.
func (h *Host) Stats() Stats {
	s := Stats{Made: h.count.made.Load(), Refused: h.count.refused.Load(), Lost: h.count.lost.Load()}
	s.Connected = h.up.Load()
	return s
}
