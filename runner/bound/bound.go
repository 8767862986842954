// Package bound reads what a host, or whoever plays one, sends: within a bound of
// bytes, and within a bound of the memory that the bytes become. The two differ:
// three bytes of JSON can be a struct of three hundred.
//
// docs/limits.md lists who reads what within which bounds.
package bound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrTooMuch is wrapped by the errors of whatever is longer, or would take more
// memory, than its reader allows.
var ErrTooMuch = errors.New("more than the bot takes")

// NewReader returns a reader of r that fails with [ErrTooMuch] behind most bytes,
// where [io.LimitReader] would pretend that r ends there.
func NewReader(r io.Reader, most int64) io.Reader { return &reader{r: r, left: most, most: most} }

type reader struct {
	r          io.Reader
	left, most int64
}

func (b *reader) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // One more than allowed, so that an end right there is seen as one.
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		err = fmt.Errorf("%w: over %d bytes", ErrTooMuch, b.most)
	}
	b.left -= int64(n)
	return n, err
}

// Within returns a reader of r that fails with the cause of ctx once that has ended.
func Within(ctx context.Context, r io.Reader) io.Reader { return &within{ctx, r} }

type within struct {
	ctx context.Context //nolint:containedctx // A reader has no other way to be told.
	r   io.Reader
}

func (w *within) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.r.Read(p)
}

// NewWriter returns a writer to w that fails with [ErrTooMuch] rather than write
// more than most bytes in all.
func NewWriter(w io.Writer, most int64) io.Writer { return &writer{w: w, left: most, most: most} }

type writer struct {
	w          io.Writer
	left, most int64
}

func (b *writer) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, fmt.Errorf("%w: over %d bytes", ErrTooMuch, b.most)
	}
	n, err := b.w.Write(p)
	b.left -= int64(n)
	return n, err
}

// What the parts of a JSON document take in memory, roughly, in bytes: one of the
// larger structs for each object and list, an entry of a map for each comma.
const (
	perObject = 256
	perEntry  = 96
)

// JSON decodes data into v, as [json.Unmarshal] does, unless data and what it
// becomes are estimated to take more than most bytes. Then it fails with
// [ErrTooMuch], and v is as it was.
func JSON(data []byte, v any, most int64) error {
	takes, quoted := int64(len(data)), false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			takes += perObject
		case c == ',':
			takes += perEntry
		}
	}
	if takes > most {
		return fmt.Errorf("%w: %d bytes of JSON would take some %d MiB of memory, %d are the most", ErrTooMuch, len(data), takes>>20, most>>20)
	}
	return json.Unmarshal(data, v)
}

// maxDepth bounds how deep what is passed over may nest: the library remembers
// each level.
const maxDepth = 1000

// ahead is how much a [Decoder] reads at a time.
const ahead = 64 << 10

// A Decoder reads JSON from a stream, piece by piece. A piece is what one call of
// Decode or Token reads; the memory that the Decoder itself takes is a few times
// the longest piece, never that of the stream.
type Decoder struct {
	*json.Decoder
	r     io.Reader
	read  int64
	piece int64
}

// NewDecoder returns a Decoder of at most all bytes of r, with pieces of at most
// piece bytes. Whatever is longer is an error that wraps [ErrTooMuch].
func NewDecoder(r io.Reader, all, piece int64) *Decoder {
	d := &Decoder{r: NewReader(r, all), piece: piece}
	d.Decoder = json.NewDecoder(pieces{d})
	return d
}

type pieces struct{ d *Decoder }

func (p pieces) Read(b []byte) (int, error) {
	d := p.d
	// The library reads only where a piece is not whole yet: what lies between is part of it.
	if d.read-d.InputOffset() >= d.piece {
		return 0, fmt.Errorf("%w: a single value of over %d bytes", ErrTooMuch, d.piece)
	}
	n, err := d.r.Read(b[:min(len(b), ahead)])
	d.read += int64(n)
	return n, err
}

// Skip passes over the next value, of which it keeps nothing.
func (d *Decoder) Skip() error {
	for depth := 0; ; {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: nested more than %d deep", ErrTooMuch, maxDepth)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}
