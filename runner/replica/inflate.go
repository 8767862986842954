package replica

import (
	"bufio"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"aurorabot/runner/bound"
	"aurorabot/runner/tbinary"
)

// deflatedHead is the length of what precedes the bytes of a deflated entry:
// type, number and length.
const deflatedHead = 7

// maxInflated bounds what is inflated of one entry, in bytes. The largest
// clusters have snapshots of about 1 GB, and zlib makes at most a thousand
// times its input.
const maxInflated = 8 << 30

// entryStream is a LogEntry that is read as it comes, inflated if it is
// deflated.
type entryStream struct {
	reader   *tbinary.Reader
	deflated bool
	packed   *counter // Bytes as they are in the log.
	plain    *counter // Bytes after inflating.
	want     int64    // Packed bytes that there should be.
}

// openStream begins to read a LogEntry, until ctx ends.
func openStream(ctx context.Context, in io.Reader) (*entryStream, error) {
	b := bufio.NewReaderSize(in, 64<<10)
	head, err := b.Peek(deflatedHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if member(head) != entryDeflated || len(head) < deflatedHead {
		return &entryStream{reader: tbinary.NewReader(b)}, nil
	}
	e := &entryStream{deflated: true, want: int64(int32(binary.BigEndian.Uint32(head[3:])))}
	_, _ = b.Discard(deflatedHead)
	e.packed = &counter{r: io.LimitReader(b, e.want)}
	z, err := zlib.NewReader(e.packed)
	if err != nil {
		return nil, fmt.Errorf("deflated: %w", err)
	}
	e.plain = &counter{r: bound.Within(ctx, io.LimitReader(z, maxInflated))}
	e.reader = tbinary.NewReader(e.plain)
	return e, nil
}

// rest reads what follows the entry, for zlib's own checksum stands at the
// end, and says whether all of it was there.
func (e *entryStream) rest() error {
	if !e.deflated {
		return nil
	}
	_, err := io.Copy(io.Discard, e.plain)
	if err == nil {
		_, err = io.Copy(io.Discard, e.packed)
	}
	if err == nil && e.packed.n != e.want {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("deflated: %w", err)
	}
	return nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
