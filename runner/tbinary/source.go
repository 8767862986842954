package tbinary

import "io"

// MaxView is the length in bytes of the longest string that [Reader.View] can show in one piece.
const MaxView = 64 << 10

// Source gives a [Reader] its bytes in blocks.
type Source interface {
	// Next returns the bytes of tail followed by at least one new byte, in one
	// slice that stays unchanged until the following call. The tail is what
	// the reader has not used yet of the slice before; it is shorter than
	// MaxView and may be overwritten. After the last byte the error is io.EOF.
	Next(tail []byte) ([]byte, error)
}

// NewSource returns a Source that reads blocks of up to size bytes, at least 4×[MaxView], from r.
func NewSource(r io.Reader, size int) Source {
	return &stream{r: r, buf: make([]byte, max(size, 4*MaxView))}
}

type stream struct {
	r   io.Reader
	buf []byte
	err error // What Read said together with its last bytes.
}

func (s *stream) Next(tail []byte) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	have := copy(s.buf, tail)
	for range 100 {
		n, err := s.r.Read(s.buf[have:])
		s.err = err
		if n > 0 {
			return s.buf[:have+n], nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, io.ErrNoProgress
}

// none is the Source of a Reader that has all bytes already.
type none struct{}

func (none) Next([]byte) ([]byte, error) { return nil, io.EOF }
