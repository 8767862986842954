package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"aurorabot/runner/tbinary"
)

// Fields of Aurora's LogEntry union (storage.thrift; golden/FIELDS.md lists
// them by release).
const (
	entrySnapshot     = 1
	entryTransaction  = 2
	entryNoop         = 3
	entryFrame        = 4
	entryDeflated     = 5
	entryDeduplicated = 6
)

// opNames are the members of the Op union, all releases. Number 2 was another
// struct up to 0.7.
var opNames = [...]string{
	1: "saveFrameworkId", 2: "saveCronJob", 5: "removeJob", 6: "saveTasks", 7: "removeTasks",
	8: "saveQuota", 9: "removeQuota", 10: "saveHostAttributes", 11: "rewriteTask",
	12: "saveLock", 13: "removeLock", 14: "saveJobUpdate", 15: "saveJobUpdateEvent",
	16: "saveJobInstanceUpdateEvent", 17: "pruneJobUpdateHistory", 18: "removeJobUpdate",
	19: "saveHostMaintenanceRequest", 20: "removeHostMaintenanceRequest",
}

const acceptedJob = "saveAcceptedJob" // Op 2 of 0.5 to 0.7, which has a field 1.

func opName(id int16) string {
	if id > 0 && int(id) < len(opNames) && opNames[id] != "" {
		return opNames[id]
	}
	return fmt.Sprintf("unknown op %d", id)
}

// opCounts counts Ops by name. A transaction has few kinds of them.
type opCounts []opCount

type opCount struct {
	name string
	n    int64
}

func (c *opCounts) add(name string) {
	for i := range *c {
		if (*c)[i].name == name {
			(*c)[i].n++
			return
		}
	}
	*c = append(*c, opCount{name, 1})
}

// into adds the counts to a map.
func (c opCounts) into(m map[string]int64) {
	for _, o := range c {
		m[o.name] += o.n
	}
}

// LogEntryKind is what an entry of Aurora's log holds.
type LogEntryKind string

// The kinds of entries. Frames are joined before; what they hold counts.
const (
	KindTransaction LogEntryKind = "transaction"
	KindSnapshot    LogEntryKind = "snapshot"
	KindNoop        LogEntryKind = "noop"
	KindUndecodable LogEntryKind = "undecodable"
	KindAborted     LogEntryKind = "aborted frame series"
	KindOrphan      LogEntryKind = "orphan frame chunk"

	kindHeader LogEntryKind = "frame header"
	kindChunk  LogEntryKind = "frame chunk"
)

// summary is what one LogEntry holds, found by walking over it once.
type summary struct {
	kind      LogEntryKind
	how       string   // "deflated deduplicatedSnapshot" and the like, for people.
	ops       opCounts // Of a transaction; valid until the next entry.
	timestamp int64    // Of a snapshot, in ms since 1970.
	tasks     int64    // Of a snapshot.
	inflated  int64    // Bytes after inflating; 0 if it was not deflated.
	err       error    // Of an undecodable one.

	chunks   int32  // Of a frame header.
	checksum []byte // Of a frame header.
	data     []byte // Of a frame chunk: part of the entry.
}

var errUnion = errors.New("no member of LogEntry is set")

// summarizer walks over entries; it keeps its reader from one to the next.
type summarizer struct {
	ctx context.Context //nolint:containedctx // Of the walk that it is part of.
	r   *tbinary.Reader
	ops opCounts
}

// of walks over the LogEntry in b.
func (z *summarizer) of(b []byte) summary {
	// Most entries are transactions or chunks of frames. A union has one
	// member, so its first field says which.
	switch member(b) {
	case entryFrame:
		return frameOf(b)
	case entryDeflated:
		return summarizeStream(z.ctx, bytes.NewReader(b))
	}
	if z.r == nil {
		z.r = tbinary.NewReaderBytes(b)
	} else {
		z.r.ResetBytes(b)
	}
	s := summarizeReader(z.r, z.ops[:0])
	if s.ops != nil {
		z.ops = s.ops
	}
	return s
}

// member is the number of the union's first field if it has that member's
// type, else 0.
func member(b []byte) int {
	if len(b) < 3 || b[1] != 0 {
		return 0
	}
	switch t, id := tbinary.Type(b[0]), int(b[2]); {
	case t == tbinary.TypeStruct && (id == entrySnapshot || id == entryTransaction || id == entryFrame || id == entryDeduplicated):
		return id
	case t == tbinary.TypeString && id == entryDeflated, t == tbinary.TypeBool && id == entryNoop:
		return id
	}
	return 0
}

// summarizeStream walks over a LogEntry of any length, a deflated one too, in
// constant memory.
func summarizeStream(ctx context.Context, in io.Reader) summary {
	e, err := openStream(ctx, in)
	if err != nil {
		return undecodable(err)
	}
	s := summarizeReader(e.reader, nil)
	if s.err == nil {
		s.err = e.rest()
	}
	if s.err != nil {
		return undecodable(s.err)
	}
	if e.deflated {
		s.how, s.inflated = "deflated "+s.how, e.plain.n
	}
	return s
}

// summarizeReader walks over a LogEntry that is not deflated. The counts of
// Ops are appended to ops.
func summarizeReader(r *tbinary.Reader, ops opCounts) (s summary) {
	s.ops = ops
	for {
		t, id := r.Field()
		if t == tbinary.TypeStop {
			break
		}
		switch {
		case id == entryTransaction && t == tbinary.TypeStruct:
			s.kind, s.how = KindTransaction, "transaction"
			s.transaction(r)
		case id == entryNoop && t == tbinary.TypeBool:
			s.kind, s.how = KindNoop, "noop"
			r.Bool()
		case id == entrySnapshot && t == tbinary.TypeStruct:
			s.kind, s.how = KindSnapshot, "snapshot"
			s.snapshot(r)
		case id == entryDeduplicated && t == tbinary.TypeStruct:
			s.kind, s.how = KindSnapshot, "deduplicatedSnapshot"
			s.deduplicated(r)
		default:
			r.Skip(t)
		}
	}
	if err := r.Err(); err != nil {
		return undecodable(err)
	}
	if s.kind == "" {
		return undecodable(errUnion)
	}
	return s
}

func undecodable(err error) summary {
	return summary{kind: KindUndecodable, how: "undecodable", err: err}
}

func (s *summary) transaction(r *tbinary.Reader) {
	for {
		t, id := r.Field()
		switch {
		case t == tbinary.TypeStop:
			return
		case id == 1 && t == tbinary.TypeList:
			elem, n := r.List()
			if elem != tbinary.TypeStruct && n > 0 {
				r.Fail(r.Offset(), "ops are %s, not structs", elem)
			}
			for ; n > 0 && r.Err() == nil; n-- {
				s.op(r)
			}
		default:
			r.Skip(t)
		}
	}
}

func (s *summary) op(r *tbinary.Reader) {
	for {
		t, id := r.Field()
		if t == tbinary.TypeStop {
			return
		}
		name := opName(id)
		if id != 2 || t != tbinary.TypeStruct {
			r.Skip(t)
		} else {
			for {
				t, inner := r.Field()
				if t == tbinary.TypeStop {
					break
				}
				if inner == 1 {
					name = acceptedJob
				}
				r.Skip(t)
			}
		}
		s.ops.add(name)
	}
}

func (s *summary) snapshot(r *tbinary.Reader) {
	for {
		t, id := r.Field()
		switch {
		case t == tbinary.TypeStop:
			return
		case id == 1 && t == tbinary.TypeI64:
			s.timestamp = r.I64()
		case id == 4 && t == tbinary.TypeSet:
			s.tasks += skipList(r)
		default:
			r.Skip(t)
		}
	}
}

func (s *summary) deduplicated(r *tbinary.Reader) {
	for {
		t, id := r.Field()
		switch {
		case t == tbinary.TypeStop:
			return
		case id == 1 && t == tbinary.TypeStruct:
			s.snapshot(r)
		case id == 2 && t == tbinary.TypeList:
			s.tasks += skipList(r)
		default:
			r.Skip(t)
		}
	}
}

func skipList(r *tbinary.Reader) int64 {
	elem, n := r.List()
	for i := n; i > 0 && r.Err() == nil; i-- {
		r.Skip(elem)
	}
	return int64(n)
}

// frameOf reads a LogEntry that begins with a frame.
func frameOf(b []byte) (s summary) {
	r := tbinary.NewReaderBytes(b)
	r.Field()
	for {
		t, id := r.Field()
		if t == tbinary.TypeStop {
			break
		}
		switch {
		case id == 1 && t == tbinary.TypeStruct:
			s.kind, s.how = kindHeader, "frame header"
			for t, id := r.Field(); t != tbinary.TypeStop; t, id = r.Field() {
				switch {
				case id == 1 && t == tbinary.TypeI32:
					s.chunks = r.I32()
				case id == 2 && t == tbinary.TypeString:
					s.checksum = r.Bytes(64)
				default:
					r.Skip(t)
				}
			}
		case id == 2 && t == tbinary.TypeStruct:
			s.kind, s.how = kindChunk, "frame chunk"
			for t, id := r.Field(); t != tbinary.TypeStop; t, id = r.Field() {
				from := r.Offset()
				r.Skip(t)
				if id == 2 && t == tbinary.TypeString && r.Err() == nil {
					s.data = b[from+4 : r.Offset()]
				}
			}
		default:
			r.Skip(t)
		}
	}
	for t, _ := r.Field(); t != tbinary.TypeStop; t, _ = r.Field() {
		r.Skip(t)
	}
	switch {
	case r.Err() != nil:
		return undecodable(r.Err())
	case s.kind == "":
		return undecodable(errors.New("frame without header and chunk"))
	case s.kind == kindHeader && (s.chunks < 0 || len(s.checksum) != 16):
		return undecodable(errors.New("frame header without count and MD5"))
	case s.kind == kindChunk && s.data == nil:
		return undecodable(errors.New("frame chunk without data"))
	}
	return s
}
