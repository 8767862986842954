package zookeeper

import "encoding/binary"

// maxField is the largest length of a string, buffer or list that the decoder
// accepts; it is ZooKeeper's default of jute.maxbuffer, 0xfffff bytes.
const maxField = 0xfffff

// A decoder reads jute: big-endian integers, and strings, buffers and lists
// with their length before them. The first value that does not fit sets bad,
// and every value after it is zero, so that callers ask once, at the end.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.rest) {
		d.bad = true
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) int32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) int64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (d *decoder) bool() bool {
	b := d.take(1)
	return b != nil && b[0] != 0
}

// buffer returns a copy, and nil for the length -1, which is jute's null.
func (d *decoder) buffer() []byte {
	n := d.int32()
	if n == -1 || d.bad {
		return nil
	}
	if n > maxField {
		d.bad = true
		return nil
	}
	return append([]byte{}, d.take(int(n))...)
}

func (d *decoder) string() string { return string(d.buffer()) }

// count reads the length of a list whose elements take at least size bytes
// each, so that a hostile length cannot make us allocate.
func (d *decoder) count(size int) int {
	n := int(d.int32())
	if n == -1 {
		return 0
	}
	if n < 0 || n*size > len(d.rest) {
		d.bad = true
		return 0
	}
	return n
}

func (d *decoder) strings() []string {
	list := make([]string, 0, 4)
	for range d.count(4) {
		list = append(list, d.string())
	}
	return list
}

func (d *decoder) acls() []acl {
	var list []acl
	for range d.count(12) {
		list = append(list, acl{perms: d.int32(), scheme: d.string(), id: d.string()})
	}
	return list
}

// An encoder appends jute to itself. The zero value is empty.
type encoder []byte

func (e *encoder) int32(v int32) { *e = binary.BigEndian.AppendUint32(*e, uint32(v)) }
func (e *encoder) int64(v int64) { *e = binary.BigEndian.AppendUint64(*e, uint64(v)) }

func (e *encoder) bool(v bool) {
	if v {
		*e = append(*e, 1)
		return
	}
	*e = append(*e, 0)
}

func (e *encoder) buffer(b []byte) {
	if b == nil {
		e.int32(-1)
		return
	}
	e.int32(int32(len(b)))
	*e = append(*e, b...)
}

func (e *encoder) string(s string) {
	e.int32(int32(len(s)))
	*e = append(*e, s...)
}

func (e *encoder) strings(list []string) {
	e.int32(int32(len(list)))
	for _, s := range list {
		e.string(s)
	}
}

func (e *encoder) acls(list []acl) {
	e.int32(int32(len(list)))
	for _, a := range list {
		e.int32(a.perms)
		e.string(a.scheme)
		e.string(a.id)
	}
}

func (e *encoder) stat(n *node) {
	e.int64(n.czxid)
	e.int64(n.mzxid)
	e.int64(n.ctime)
	e.int64(n.mtime)
	e.int32(n.version)
	e.int32(n.cversion())
	e.int32(n.aversion)
	e.int64(n.shownOwner())
	e.int32(int32(len(n.data)))
	e.int32(int32(len(n.children)))
	e.int64(n.pzxid)
}
