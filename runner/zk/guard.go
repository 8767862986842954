package zk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

const (
	// maxFrame is the largest answer that we take. Servers cut what they store
	// at 1 MiB; a list of many names may be longer.
	maxFrame = 4 << 20

	// maxGreeting is the largest answer to a handshake: 37 bytes are usual.
	maxGreeting = 256

	replyHead = 16 // transaction id, zxid, error code
)

// A guard is a connection that lets only whole, plausible answers through. The
// client library allocates what a length says before it looks, and panics on a
// frame without a head, so that whatever listens on a wrong port could end the
// bot.
type guard struct {
	net.Conn
	greeted bool
	rest    []byte          // Of a frame that was let through.
	fail    func(why error) // Told why the connection is of no use.
}

// Read returns bytes of answers that were seen whole.
func (g *guard) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		frame, err := g.frame()
		if err != nil {
			g.fail(err)
			return 0, err
		}
		g.rest = frame
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

func (g *guard) frame() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(g.Conn, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the server closed the connection")
		}
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	limit := uint32(maxFrame)
	if !g.greeted {
		limit = maxGreeting
	}
	if size > limit {
		return nil, fmt.Errorf("answer of %d bytes, more than %d: not a ZooKeeper, or its answer is too large", size, limit)
	}
	frame := make([]byte, 4+size)
	copy(frame, head[:])
	if _, err := io.ReadFull(g.Conn, frame[4:]); err != nil {
		return nil, fmt.Errorf("answer cut off: %w", err)
	}
	if err := g.plausible(frame[4:]); err != nil {
		return nil, err
	}
	g.greeted = true
	return frame, nil
}

// plausible checks the one length that the library would allocate unseen: of
// the data, or of the list of children, which come right after the head in the
// answers to all that we ask.
func (g *guard) plausible(body []byte) error {
	if !g.greeted {
		if len(body) < 20 {
			return errors.New("answer to the handshake is too short: not a ZooKeeper")
		}
		if n := int32(binary.BigEndian.Uint32(body[16:20])); n < 0 || int(n) > len(body)-20 {
			return errors.New("answer to the handshake has no password: not a ZooKeeper")
		}
		return nil
	}
	if len(body) < replyHead {
		return fmt.Errorf("answer of %d bytes: too short", len(body))
	}
	if len(body) < replyHead+4 || binary.BigEndian.Uint32(body[12:16]) != 0 {
		return nil // no content
	}
	if n := int32(binary.BigEndian.Uint32(body[replyHead:])); n < -1 || int(n) > len(body)-replyHead-4 {
		return fmt.Errorf("answer says %d bytes or names, and has %d bytes", n, len(body)-replyHead-4)
	}
	return nil
}
