package health

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
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

// journalMagic begins a file of systemd's journal, whose lines may be packed one by one.
const journalMagic = "LPKSHHRH"

// errNoText says that what a file holds can't be told by lines.
var errNoText = errors.New("no text")

// text returns r as it can be searched for ASCII: UTF-16 and UTF-32 are turned
// into UTF-8; Latin-1, UTF-8 and what else has ASCII in it stays as it is.
func text(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(4096) // Its error comes again on the first Read.
	for name, magic := range packed {
		if bytes.HasPrefix(head, magic) {
			return nil, fmt.Errorf("%w: it is packed (%s): unpack it first", errNoText, name)
		}
	}
	if bytes.HasPrefix(head, []byte(journalMagic)) {
		return nil, fmt.Errorf("%w: it is a journal of systemd: print it with `journalctl --file`", errNoText)
	}
	if order, mark := fourBytes(head); order != nil {
		if _, err := in.Discard(mark); err != nil {
			return nil, err
		}
		return &wideReader{in: in, order: order, unit: 4}, nil
	}
	if order, marked := wide(head[:min(len(head), 512)]); order != nil {
		if marked {
			if _, err := in.Discard(2); err != nil {
				return nil, err
			}
		}
		return &wideReader{in: in, order: order, unit: 2}, nil
	}
	if odd, all := controls(head); odd*20 > all {
		return nil, fmt.Errorf("%w: %d of its first %d bytes are none of a log's", errNoText, odd, all)
	}
	return in, nil
}

// controls counts the bytes that no text has, whatever its encoding, and all but
// zeros: those are what a power failure leaves in a log.
func controls(head []byte) (odd, all int) {
	for _, b := range head {
		if b == 0 {
			continue
		}
		all++
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' && b != '\f' && b != '\b' && b != 0x1b {
			odd++
		}
	}
	return odd, all
}

// fourBytes tells UTF-32 by its mark, of so many bytes, or by three of four
// bytes being zero, and its byte order. Nil: it is not.
func fourBytes(head []byte) (order binary.ByteOrder, mark int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe, 0, 0}):
		return binary.LittleEndian, 4
	case bytes.HasPrefix(head, []byte{0, 0, 0xfe, 0xff}):
		return binary.BigEndian, 4
	}
	head = head[:min(len(head), 512)&^3]
	var set [4]int
	for i, b := range head {
		if b != 0 {
			set[i%4]++
		}
	}
	switch all := len(head) / 4; {
	case all < 8:
		return nil, 0
	case set[0] == all && set[2]+set[3] == 0 && set[1]*10 < all:
		return binary.LittleEndian, 0
	case set[3] == all && set[0]+set[1] == 0 && set[2]*10 < all:
		return binary.BigEndian, 0
	}
	return nil, 0
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

// A wideReader gives UTF-16 or UTF-32 as UTF-8.
type wideReader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	unit  int    // Bytes of a unit: 2 or 4.
	ready []byte // Decoded, not yet given.
}

func (u *wideReader) Read(p []byte) (int, error) {
	for len(u.ready) == 0 {
		raw := make([]byte, 4096)
		n, err := io.ReadFull(u.in, raw)
		if u.unit == 4 {
			for i := 0; i+3 < n; i += 4 {
				u.ready = utf8.AppendRune(u.ready, rune(u.order.Uint32(raw[i:])&0x7fffffff))
			}
		} else {
			units := make([]uint16, 0, n/2)
			for i := 0; i+1 < n; i += 2 {
				units = append(units, u.order.Uint16(raw[i:]))
			}
			// A pair that falls between two pieces becomes two signs of damage: no
			// line of the table has one.
			for _, r := range utf16.Decode(units) {
				u.ready = utf8.AppendRune(u.ready, r)
			}
		}
		if n == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(p, u.ready)
	u.ready = u.ready[n:]
	return n, nil
}
