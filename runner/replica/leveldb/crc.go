package leveldb

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is LevelDB's stored form of a CRC-32C: rotated, so that a checksum
// of bytes that hold checksums does not degenerate (util/crc32c.h).
func masked(crc uint32) uint32 { return (crc>>15 | crc<<17) + 0xa282ead8 }

// uvarint reads a varint at p[at:] and returns the position after it, or
// at < 0 if there is none.
func uvarint(p []byte, at int) (uint64, int) {
	if at < 0 || at >= len(p) {
		return 0, -1
	}
	if b := p[at]; b < 0x80 {
		return uint64(b), at + 1
	}
	v, n := binary.Uvarint(p[at:])
	if n <= 0 {
		return 0, -1
	}
	return v, at + n
}

// prefixed reads bytes that follow their length as a varint.
func prefixed(p []byte, at int) ([]byte, int) {
	n, at := uvarint(p, at)
	if at < 0 || n > uint64(len(p)-at) {
		return nil, -1
	}
	return p[at : at+int(n)], at + int(n)
}
