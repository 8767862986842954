package tbinary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"aurorabot/runner/bound"
)

// length reads and checks a string's length. The offset is that of the length.
func (r *Reader) length() (n int, at int64) {
	at = r.Offset()
	if len(r.buf)-r.pos < 4 && !r.need(4, "a string's length") {
		return 0, at
	}
	v := int32(binary.BigEndian.Uint32(r.buf[r.pos:]))
	if v < 0 {
		r.fail(at, nil, "a string of %d bytes", v)
		return 0, at
	}
	r.pos += 4
	if left := r.size - r.Offset(); r.size >= 0 && int64(v) > left {
		r.fail(at, io.ErrUnexpectedEOF, "a string of %d bytes, but only %d bytes follow", v, max(left, 0))
		return 0, at
	}
	return int(v), at
}

// View reads a string of up to [MaxView] bytes and returns it without copying it:
// the bytes are valid until the Reader's next call. A longer one is passed over, and ok is false.
func (r *Reader) View() (b []byte, ok bool) {
	n, at := r.length()
	if n > MaxView {
		r.pieces(n, at, nil)
		return nil, false
	}
	if len(r.buf)-r.pos < n && !r.inside(n, n, at) {
		return nil, false
	}
	b = r.buf[r.pos : r.pos+n]
	r.pos += n
	if r.Odd != nil && !plain(b) {
		r.Odd(at+4, b)
	}
	return b, r.err == nil
}

// Bytes reads a string of up to limit bytes into memory of its own, which
// grows as the bytes arrive. A longer one is an error.
func (r *Reader) Bytes(limit int) []byte {
	n, at := r.length()
	if n > limit {
		r.fail(at, bound.ErrTooMuch, "a string of %d bytes, where %d are the most", n, limit)
		return nil
	}
	out := make([]byte, 0, min(n, MaxView))
	r.pieces(n, at, func(piece []byte) { out = append(out, piece...) })
	if r.err != nil {
		return nil
	}
	return out
}

// inside makes the next piece of a string available: n bytes of total.
func (r *Reader) inside(n, total int, at int64) bool {
	if r.need(n, "a string") {
		return true
	}
	if e := (*Error)(nil); errors.As(r.err, &e) && errors.Is(e.Err, io.ErrUnexpectedEOF) {
		e.What = fmt.Sprintf("the data ends inside a string of %d bytes that begins at byte %d", total, at+4)
	}
	return false
}

// pieces passes over the n bytes of a string whose length stood at at.
func (r *Reader) pieces(n int, at int64, f func([]byte)) {
	total := n
	for n > 0 {
		// A rune may be cut by the end of the block: the rest of it is wanted with the next piece.
		if !r.inside(min(n, utf8.UTFMax), total, at) {
			return
		}
		b := r.buf[r.pos:min(len(r.buf), r.pos+n)]
		if len(b) < n {
			b = b[:wholeRunes(b)]
		}
		if r.Odd != nil && !plain(b) {
			r.Odd(r.Offset(), b)
		}
		if f != nil {
			f(b)
		}
		r.pos += len(b)
		n -= len(b)
	}
}

// wholeRunes is the length of b without a UTF-8 sequence that begins at its end and lacks bytes.
func wholeRunes(b []byte) int {
	for i := 1; i < utf8.UTFMax && i < len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}

// plain tells whether b holds printable ASCII only. It looks at eight bytes at a time.
func plain(b []byte) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	var bad uint64
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		// A byte c is bad if c ≥ 0x80, c < 0x20 or c = 0x7f. Borrows and carries
		// pass a byte only if that byte, or one below it, is bad anyway.
		bad |= w | (w - 0x20*ones) | (w + ones)
		b = b[8:]
	}
	if bad&high != 0 {
		return false
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}
