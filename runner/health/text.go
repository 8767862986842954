package health

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// packed are the first bytes of files that hold no text.
var packed = map[string][]byte{
	"gzip": {0x1f, 0x8b}, "xz": {0xfd, '7', 'z', 'X', 'Z'}, "zstd": {0x28, 0xb5, 0x2f, 0xfd}, "bzip2": []byte("BZh"),
	"zip": {'P', 'K', 3, 4}, "lz4": {0x04, 0x22, 0x4d, 0x18},
}

// text returns r as it can be searched for ASCII: UTF-16 is turned into UTF-8;
// Latin-1, UTF-8 and what else has ASCII in it stays as it is.
func text(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(512) // Its error comes again on the first Read.
	for name, magic := range packed {
		if bytes.HasPrefix(head, magic) {
			return nil, fmt.Errorf("it is packed (%s): unpack it first", name)
		}
	}
	switch order, marked := wide(head); {
	case order == nil:
		return in, nil
	case marked:
		if _, err := in.Discard(2); err != nil {
			return nil, err
		}
		return &utf16Reader{in: in, order: order}, nil
	default:
		return &utf16Reader{in: in, order: order}, nil
	}
}

// wide tells UTF-16 by its mark, or by every other byte being zero, and its
// byte order. Nil: it is not.
func wide(head []byte) (order binary.ByteOrder, marked bool) {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return binary.LittleEndian, true
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return binary.BigEndian, true
	}
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch most := len(head) * 2 / 5; {
	case len(head) < 16:
		return nil, false
	case zeros[1] > most && zeros[0] == 0:
		return binary.LittleEndian, false
	case zeros[0] > most && zeros[1] == 0:
		return binary.BigEndian, false
	}
	return nil, false
}

// A utf16Reader gives UTF-16 as UTF-8.
type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	ready []byte // Decoded, not yet given.
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.ready) == 0 {
		raw := make([]byte, 4096)
		n, err := io.ReadFull(u.in, raw)
		units := make([]uint16, 0, n/2)
		for i := 0; i+1 < n; i += 2 {
			units = append(units, u.order.Uint16(raw[i:]))
		}
		// A pair that falls between two pieces becomes two signs of damage: no
		// line of the table has one.
		for _, r := range utf16.Decode(units) {
			u.ready = utf8.AppendRune(u.ready, r)
		}
		if n == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(p, u.ready)
	u.ready = u.ready[n:]
	return n, nil
}
