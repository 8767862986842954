package leveldb

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// maxKey bounds a key of a table, in bytes: keys are compared and copied one by one,
// though each may share most of the one before. A replica's have 29 at most.
const maxKey = 1 << 10

var errRestarts = errors.New("restart points do not fit")

// entriesOf returns the entries of a block without its restart points.
func entriesOf(p []byte) ([]byte, error) {
	if len(p) < 4 {
		return nil, errRestarts
	}
	n := int64(binary.LittleEndian.Uint32(p[len(p)-4:]))
	end := int64(len(p)) - 4 - 4*n
	if end < 0 {
		return nil, errRestarts
	}
	return p[:end], nil
}

// nextEntry decodes the entry at pos: the length of the prefix that it shares
// with the key before, the lengths of the rest and of the value, and both. The
// key is written over the one before. A broken entry, or one whose key is longer
// than maxKey, gives a position < 0.
func nextEntry(p []byte, pos int, key []byte) (k, value []byte, next int) {
	var shared, rest, length int
	if pos+3 <= len(p) && p[pos]|p[pos+1]|p[pos+2] < 0x80 {
		shared, rest, length = int(p[pos]), int(p[pos+1]), int(p[pos+2])
		pos += 3
	} else {
		s, at := uvarint(p, pos)
		r, at := uvarint(p, at)
		l, at := uvarint(p, at)
		if at < 0 || s > uint64(len(p)) || r > uint64(len(p)) || l > uint64(len(p)) {
			return key, nil, -1
		}
		shared, rest, length, pos = int(s), int(r), int(l), at
	}
	if shared > len(key) || rest > len(p)-pos || length > len(p)-pos-rest || shared+rest > maxKey {
		return key, nil, -1
	}
	key = append(key[:shared], p[pos:pos+rest]...)
	pos += rest
	return key, p[pos : pos+length : pos+length], pos + length
}

// compareInternal orders internal keys: by user key, then newest first.
func compareInternal(a, b []byte) int {
	if c := bytes.Compare(userKey(a), userKey(b)); c != 0 {
		return c
	}
	x, y := binary.LittleEndian.Uint64(a[len(a)-8:]), binary.LittleEndian.Uint64(b[len(b)-8:])
	switch {
	case x > y:
		return -1
	case x < y:
		return 1
	}
	return 0
}

// inOrder checks a block whose checksum is right but whose writer may have
// been wrong: the merge relies on the order of the keys.
func inOrder(block, last []byte) error {
	var a, b [64]byte
	key, before := a[:0], append(b[:0], last...)
	for pos := 0; pos < len(block); {
		if key, _, pos = nextEntry(block, pos, key); pos < 0 || len(key) < 8 {
			return nil // The walk lists it.
		}
		if len(before) > 0 && compareInternal(before, key) >= 0 {
			return errors.New("keys out of order")
		}
		before = append(before[:0], key...)
	}
	return nil
}
