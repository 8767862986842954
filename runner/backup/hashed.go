package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"aurorabot/runner/tbinary"
)

// The blocks in which a file is read: few and large enough to keep two processors busy.
const (
	blockSize  = 512 << 10
	blockCount = 4
)

// hashed is a tbinary.Source that reads in one goroutine and, if it is to,
// hashes in another, while the walk uses the block before. The bytes are not
// copied: a block has room in front, into which the unused tail of the block
// before it goes.
type hashed struct {
	full chan block
	free chan []byte
	last []byte // The buffer that the walk uses now.
	err  error  // Why reading ended; valid when full is closed.

	sum    hash.Hash   // Nil if nobody wants it.
	toSum  chan []byte // Closed at the end.
	summed chan struct{}

	size int64   // Bytes read so far.
	head [6]byte // The first bytes of the file.
}

type block struct {
	buf []byte // With room of tbinary.MaxView in front.
	n   int    // Bytes of the file in it.
}

// newHashed starts to read r. The caller must call finish, which waits until r is read to its end.
func newHashed(r io.Reader, sum bool) *hashed {
	h := &hashed{full: make(chan block, blockCount), free: make(chan []byte, blockCount)}
	for range blockCount {
		h.free <- nil // Made when first wanted: most files have one block.
	}
	if sum {
		h.sum, h.toSum, h.summed = sha256.New(), make(chan []byte, blockCount), make(chan struct{}, blockCount+1)
		go h.hash()
	}
	go h.read(r)
	return h
}

// hash says of each block when it is through with it, and once more at the end.
func (h *hashed) hash() {
	for data := range h.toSum {
		h.sum.Write(data)
		h.summed <- struct{}{}
	}
	close(h.summed)
}

func (h *hashed) read(r io.Reader) {
	defer close(h.full)
	if h.sum != nil {
		defer close(h.toSum)
	}
	for count := 0; ; count++ {
		buf := <-h.free
		if buf == nil {
			buf = make([]byte, tbinary.MaxView+blockSize)
		} else if h.sum != nil && count >= blockCount {
			<-h.summed // Blocks are used and hashed in order, so this one's bytes are.
		}
		n, err := io.ReadFull(r, buf[tbinary.MaxView:])
		if n > 0 {
			data := buf[tbinary.MaxView : tbinary.MaxView+n]
			if count == 0 {
				copy(h.head[:], data)
			}
			h.size += int64(n)
			h.full <- block{buf, n}
			if h.sum != nil {
				h.toSum <- data
			}
		}
		if err != nil {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			h.err = err
			return
		}
	}
}

// Next implements tbinary.Source.
func (h *hashed) Next(tail []byte) ([]byte, error) {
	b, ok := <-h.full
	if !ok {
		return nil, h.err
	}
	start := tbinary.MaxView - copy(b.buf[tbinary.MaxView-len(tail):], tail)
	h.release()
	h.last = b.buf
	return b.buf[start : tbinary.MaxView+b.n], nil
}

func (h *hashed) release() {
	if h.last != nil {
		h.free <- h.last
		h.last = nil
	}
}

// finish reads what is left. sum is "" if there is none. The error is that of the reader, nil at its end.
func (h *hashed) finish() (size int64, sum string, err error) {
	h.release()
	for b := range h.full {
		h.free <- b.buf
	}
	if h.sum != nil {
		for range h.summed {
		}
		sum = hex.EncodeToString(h.sum.Sum(nil))
	}
	if !errors.Is(h.err, io.EOF) {
		err = h.err
	}
	return h.size, sum, err
}
