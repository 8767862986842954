package tbinary

import "bytes"

// Skip passes over a value of type t, to whatever depth up to [MaxDepth].
func (r *Reader) Skip(t Type) { r.skip(t, 1) }

func (r *Reader) skip(t Type, depth int) {
	switch {
	case fixed[t] != 0:
		r.advance(int(fixed[t]), 1)
	case t == TypeString:
		r.skipString()
	case depth > MaxDepth:
		r.fail(r.Offset(), nil, "nested more than %d deep", MaxDepth)
	case t == TypeStruct:
		for {
			ft, _ := r.Field()
			if ft == TypeStop {
				return
			}
			switch {
			case fixed[ft] != 0 && len(r.buf)-r.pos >= 8:
				r.pos += int(fixed[ft])
			case ft == TypeString:
				r.skipString()
			default:
				r.skip(ft, depth+1)
			}
		}
	case t == TypeList || t == TypeSet:
		elem, n := r.List()
		r.elements(elem, n, depth+1)
	case t == TypeMap:
		key, elem, n := r.Map()
		if key == elem || n == 0 {
			r.elements(key, 2*n, depth+1)
			return
		}
		if !key.Known() && !elem.Known() {
			r.unknown(key)
			r.unknown(elem)
			return
		}
		for ; n > 0 && r.err == nil; n-- {
			r.skip(key, depth+1)
			r.skip(elem, depth+1)
		}
	default:
		r.unknown(t)
	}
}

// elements passes over n values of one type.
func (r *Reader) elements(t Type, n, depth int) {
	switch {
	case n == 0:
	case !t.Known(): // They take no bytes, so a count of billions must not be counted down.
		r.unknown(t)
	case fixed[t] != 0:
		r.advance(int(fixed[t]), n)
	default:
		for ; n > 0 && r.err == nil; n-- {
			r.skip(t, depth)
		}
	}
}

// advance passes over n values of the same size, at least one.
func (r *Reader) advance(size, n int) {
	for left := size * n; left > 0; {
		if r.pos == len(r.buf) && !r.need(1, "a value") {
			return
		}
		step := min(left, len(r.buf)-r.pos)
		r.pos += step
		left -= step
	}
}

func (r *Reader) skipString() {
	if len(r.buf)-r.pos >= 4 {
		b := r.buf[r.pos:]
		n := int(int32(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])))
		if n >= 0 && n <= len(b)-4 {
			at := r.pos + 4
			r.pos = at + n
			if r.Odd != nil && !plain(b[4:4+n]) {
				r.Odd(r.base+int64(at), b[4:4+n])
			}
			return
		}
	}
	n, at := r.length()
	r.pieces(n, at, nil)
}

// Match passes over the bytes b if they come next. If not, or if the Reader
// would have to read ahead to see them, it does nothing and returns false.
func (r *Reader) Match(b []byte) bool {
	if len(r.buf)-r.pos < len(b) || !bytes.Equal(r.buf[r.pos:r.pos+len(b)], b) {
		return false
	}
	r.pos += len(b)
	return true
}

// Since returns the bytes used since the given offset, valid until the
// Reader's next call; nil if they are not all in memory any more.
func (r *Reader) Since(offset int64) []byte {
	if r.err != nil || offset < r.base || offset > r.Offset() {
		return nil
	}
	return r.buf[offset-r.base : r.pos]
}

func (r *Reader) unknown(t Type) {
	if r.err != nil {
		return
	}
	if r.Unknown == nil {
		r.fail(r.Offset(), nil, "a value of %s", t)
		return
	}
	r.Unknown(r.Offset(), t)
}
