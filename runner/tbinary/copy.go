package tbinary

import (
	"encoding/binary"

	"aurorabot/runner/bound"
)

// Copy reads a value of type t and appends its bytes to dst. More than limit bytes are an error.
// After an error the bytes are of no use.
func (r *Reader) Copy(dst []byte, t Type, limit int) []byte {
	c := copier{r: r, dst: dst, limit: len(dst) + limit, start: r.Offset()}
	c.value(t, 1)
	return c.dst
}

type copier struct {
	r     *Reader
	dst   []byte
	limit int // Length that dst must not pass.
	start int64
}

// room tells whether n more bytes may be appended.
func (c *copier) room(n int) bool {
	if c.r.err != nil {
		return false
	}
	if n > c.limit-len(c.dst) {
		c.r.fail(c.start, bound.ErrTooMuch, "a value of more bytes than the %d that are the most", c.limit)
		return false
	}
	return true
}

func (c *copier) value(t Type, depth int) {
	r := c.r
	switch {
	case fixed[t] != 0:
		c.fixed(int(fixed[t]), 1)
	case t == TypeString:
		n, at := r.length()
		if c.room(4 + n) {
			c.dst = binary.BigEndian.AppendUint32(c.dst, uint32(n))
			r.pieces(n, at, func(piece []byte) { c.dst = append(c.dst, piece...) })
		}
	case depth > MaxDepth:
		r.fail(r.Offset(), nil, "nested more than %d deep", MaxDepth)
	case t == TypeStruct:
		for {
			ft, id := r.Field()
			if ft == TypeStop {
				c.dst = append(c.dst, 0)
				return
			}
			if !c.room(3) {
				return
			}
			c.dst = AppendField(c.dst, ft, id)
			c.value(ft, depth+1)
		}
	case t == TypeList || t == TypeSet:
		elem, n := r.List()
		if c.room(5) {
			c.dst = AppendList(c.dst, elem, n)
			c.elements(elem, elem, n, depth+1)
		}
	case t == TypeMap:
		key, elem, n := r.Map()
		if c.room(6) {
			c.dst = AppendMap(c.dst, key, elem, n)
			c.elements(key, elem, 2*n, depth+1)
		}
	default:
		r.unknown(t)
	}
}

// elements copies n values, in turn of types a and b.
func (c *copier) elements(a, b Type, n, depth int) {
	switch {
	case n == 0:
	case !a.Known() && !b.Known():
		c.r.unknown(a)
	case a == b && fixed[a] != 0:
		c.fixed(int(fixed[a]), n)
	default:
		for ; n > 0 && c.room(0); n-- {
			c.value(a, depth)
			a, b = b, a
		}
	}
}

func (c *copier) fixed(size, n int) {
	r := c.r
	if !c.room(size * n) {
		return
	}
	for left := size * n; left > 0; {
		if r.pos == len(r.buf) && !r.need(1, "a value") {
			return
		}
		step := min(left, len(r.buf)-r.pos)
		c.dst = append(c.dst, r.buf[r.pos:r.pos+step]...)
		r.pos += step
		left -= step
	}
}
