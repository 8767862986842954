package replica

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
)

// LogEntry is one entry of Aurora's log after its frames were joined.
type LogEntry struct {
	First, Last uint64 // Positions: the same, unless it was framed.
	Framed      bool
	summary

	raw       []byte // All its bytes, if the joiner keeps them.
	want, got int32  // Of an aborted series: chunks announced and found.
}

// joiner makes Aurora's entries of the appends, in the order of positions. A
// framed entry is decoded while its chunks come in, so it needs no memory of
// its own; what was decoded counts when the MD5 of all of it is right.
type joiner struct {
	each func(*LogEntry) error // Called for every entry, aborted series and orphan chunk.
	keep bool                  // Give the bytes of every entry, too; only who holds the state needs them.

	summarizer
	entry  LogEntry
	series *series
}

// newJoiner returns a joiner whose walks end with ctx, those through what a few bytes
// inflate to among them.
func newJoiner(ctx context.Context, each func(*LogEntry) error) joiner {
	return joiner{each: each, summarizer: summarizer{ctx: ctx}}
}

// series is a frame header whose chunks are being collected.
type series struct {
	first, last uint64
	want, got   int32
	checksum    []byte
	sum         hash.Hash
	raw         []byte
	in          *io.PipeWriter
	done        chan summary
}

// add takes the bytes of the append at position.
func (j *joiner) add(position uint64, b []byte) error {
	s := j.of(b)
	switch s.kind {
	case kindHeader:
		if err := j.abort(); err != nil {
			return err
		}
		j.begin(position, s)
		if s.chunks == 0 {
			return j.finish()
		}
		return nil
	case kindChunk:
		if j.series == nil {
			return j.give(LogEntry{First: position, Last: position, summary: summary{kind: KindOrphan, how: string(KindOrphan)}})
		}
		return j.chunk(position, s.data)
	}
	// Whatever interrupts a series is valid and counts.
	if err := j.abort(); err != nil {
		return err
	}
	e := LogEntry{First: position, Last: position, summary: s}
	if j.keep {
		e.raw = b
	}
	return j.give(e)
}

func (j *joiner) give(e LogEntry) error {
	j.entry = e
	return j.each(&j.entry)
}

func (j *joiner) begin(position uint64, s summary) {
	in, out := io.Pipe()
	j.series = &series{
		first: position, last: position, want: s.chunks, checksum: s.checksum,
		sum: md5.New(), in: out, done: make(chan summary, 1),
	}
	done, ctx := j.series.done, j.ctx
	go func() {
		s := summarizeStream(ctx, in)
		_ = in.Close() // What is left may come; nobody wants it.
		done <- s
	}()
}

func (j *joiner) chunk(position uint64, data []byte) error {
	s := j.series
	s.last = position
	s.got++
	s.sum.Write(data)
	if j.keep {
		s.raw = append(s.raw, data...)
	}
	_, _ = s.in.Write(data) // An error means that the walk has ended already: it says why.
	if s.got == s.want {
		return j.finish()
	}
	return nil
}

func (j *joiner) finish() error {
	s := j.series
	j.series = nil
	_ = s.in.Close()
	out := <-s.done
	if !bytes.Equal(s.sum.Sum(nil), s.checksum) {
		out = undecodable(fmt.Errorf("MD5 of the %d frames from %d on is wrong", s.want, s.first))
	}
	if out.kind != KindUndecodable {
		out.how = "framed " + out.how
	}
	return j.give(LogEntry{First: s.first, Last: s.last, Framed: true, raw: s.raw, summary: out})
}

// abort ends an open series that lacks chunks.
func (j *joiner) abort() error {
	s := j.series
	if s == nil {
		return nil
	}
	j.stop()
	return j.give(LogEntry{
		First: s.first, Last: s.last, Framed: true, want: s.want, got: s.got,
		summary: summary{kind: KindAborted, how: fmt.Sprintf("aborted frame series: %d of %d chunks", s.got, s.want)},
	})
}

// stop ends the walk of an open series without saying anything of it.
func (j *joiner) stop() {
	if j.series == nil {
		return
	}
	_ = j.series.in.CloseWithError(io.ErrUnexpectedEOF)
	<-j.series.done
	j.series = nil
}

// end says that no append follows.
func (j *joiner) end() error { return j.abort() }
