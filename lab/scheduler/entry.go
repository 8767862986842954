package scheduler

import (
	"bytes"
	"compress/zlib"
	"crypto/md5"
	"io"

	"aurorabot/lab/tjson"
)

// The members of the union LogEntry.
const (
	entrySnapshot     = 1
	entryTransaction  = 2
	entryNoop         = 3
	entryFrame        = 4
	entryDeflated     = 5
	entryDeduplicated = 6
)

// noop is the entry that each new leader appends before it reads.
var noop = record{{entryNoop, tjson.Bool, vBool(true)}}.encode()

// errNoMember is what becomes of an entry whose member is unknown: the real
// scheduler asks the union for it and dies, at each start anew.
var errNoMember = &fault{"java.lang.NullPointerException",
	`Cannot invoke "org.apache.aurora.gen.storage.LogEntry$_Fields.ordinal()" because the return value of "org.apache.aurora.gen.storage.LogEntry.getSetField()" is null`}

// encodeForLog writes the snapshot as the log holds it: each task config once,
// all of it deflated. The second result counts the distinct configs.
func (s *snapshot) encodeForLog(b build) ([]byte, int) {
	tasks := s.state.sortedTasks(taskQuery{})
	ids := map[string]int32{}
	var configs, partial [][]byte
	for _, t := range tasks {
		whole := mustOpen(t.raw)
		assigned := whole.sub(1)
		config := assigned.raw(4, tjson.Struct)
		id, seen := ids[string(config)]
		if !seen {
			id = int32(len(configs))
			ids[string(config)] = id
			configs = append(configs, config)
		}
		rest := whole.with(1, tjson.Struct, assigned.without(4).encode())
		partial = append(partial, record{{1, tjson.Struct, rest.encode()}, {2, tjson.I32, vI32(id)}}.encode())
	}
	deduplicated := record{
		{1, tjson.Struct, s.record(b, nil).encode()},
		{2, tjson.List, vElements(tjson.Struct, partial)},
		{3, tjson.List, vElements(tjson.Struct, configs)},
	}
	entry := record{{entryDeduplicated, tjson.Struct, deduplicated.encode()}}.encode()
	var w bytes.Buffer
	z, _ := zlib.NewWriterLevel(&w, 5) // the level whose header is 78 5e, as recorded
	_, _ = z.Write(entry)              // a bytes.Buffer takes everything
	_ = z.Close()
	return record{{entryDeflated, tjson.String, vString(w.Bytes())}}.encode(), len(configs)
}

// reduplicate turns a DeduplicatedSnapshot back into a snapshot.
func reduplicate(d record) *snapshot {
	configs := d.elements(3)
	var tasks [][]byte
	for _, e := range d.elements(2) {
		p := mustOpen(e)
		whole := p.sub(1)
		assigned := whole.sub(1)
		if id := p.i32(2); int(id) < len(configs) && id >= 0 {
			assigned = assigned.with(4, tjson.Struct, configs[id])
		}
		tasks = append(tasks, whole.with(1, tjson.Struct, assigned.encode()).encode())
	}
	return readSnapshot(d.sub(1), tasks)
}

// frames cuts an entry that is longer than size into a header and chunks.
func frames(entry []byte, size int) [][]byte {
	if len(entry) <= size {
		return [][]byte{entry}
	}
	sum := md5.Sum(entry)
	n := (len(entry) + size - 1) / size
	frame := func(id int16, r record) []byte {
		return record{{entryFrame, tjson.Struct, record{{id, tjson.Struct, r.encode()}}.encode()}}.encode()
	}
	out := [][]byte{frame(1, record{{1, tjson.I32, vI32(int32(n))}, {2, tjson.String, vString(sum[:])}})}
	for from := 0; from < len(entry); from += size {
		out = append(out, frame(2, record{{2, tjson.String, vString(entry[from:min(from+size, len(entry))])}}))
	}
	return out
}

// inflate undoes the deflation of an entry.
func inflate(b []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, &fault{"java.util.zip.ZipException", err.Error()}
	}
	out, err := io.ReadAll(z)
	if err != nil {
		return nil, &fault{"java.util.zip.ZipException", err.Error()}
	}
	return out, nil
}

// A replay folds the entries of a log into a state, with the log lines that the
// real loader writes.
type replay struct {
	log      *logger
	thread   string
	state    *state
	entries  int
	deflated int
	bad      int
	snapshot int64 // timestamp of the last snapshot applied; 0: none

	want   int // chunks of the open series still missing
	header record
	parts  [][]byte
}

// add takes the next entry of the log.
func (r *replay) add(b []byte) error {
	r.entries++
	s, err := openUnion(b)
	if err != nil {
		return &fault{"org.apache.aurora.codec.ThriftBinaryCodec$CodingException", "Failed to deserialize thrift object: " + err.Error()}
	}
	if f := s.sub(entryFrame); s.has(entryFrame) {
		return r.frame(f)
	}
	r.abort()
	return r.entry(s)
}

// frame takes a header, or a chunk of the series that a header opened.
func (r *replay) frame(f record) error {
	if f.has(1) {
		r.abort()
		r.header = f.sub(1)
		r.want = int(r.header.i32(1))
		return nil
	}
	if r.header == nil {
		r.bad++
		r.log.info(r.thread, "StreamManagerImpl", "Found a frame with no preceding header, skipping.")
		return nil
	}
	chunk := reader{b: f.sub(2).raw(2, tjson.String)}
	r.parts = append(r.parts, chunk.bytes())
	if len(r.parts) < r.want {
		return nil
	}
	whole := bytes.Join(r.parts, nil)
	sum := md5.Sum(whole)
	want := reader{b: r.header.raw(2, tjson.String)}
	r.header, r.parts = nil, nil
	if !bytes.Equal(want.bytes(), sum[:]) {
		return &fault{"org.apache.aurora.codec.ThriftBinaryCodec$CodingException", "Read back a framed log entry that failed its checksum"}
	}
	s, err := openUnion(whole)
	if err != nil {
		return err
	}
	return r.entry(s)
}

// abort drops a series that another entry interrupted.
func (r *replay) abort() {
	if r.header != nil {
		r.bad++
		r.log.info(r.thread, "StreamManagerImpl", "Found an aborted transaction, required %d frames and found %d", r.want, len(r.parts))
	}
	r.header, r.parts = nil, nil
}

func (r *replay) entry(s record) error {
	if len(s) == 0 {
		return errNoMember
	}
	switch s[0].id {
	case entryNoop:
		return nil
	case entryDeflated:
		in := reader{b: s.raw(entryDeflated, tjson.String)}
		b := in.bytes()
		r.deflated++
		r.log.info(r.thread, "Entries", "Inflating deflated log entry of size %d", len(b))
		out, err := inflate(b)
		if err != nil {
			return err
		}
		inner, err := openUnion(out)
		if err != nil {
			return err
		}
		return r.entry(inner)
	case entryDeduplicated:
		d := s.sub(entryDeduplicated)
		r.log.info(r.thread, "SnapshotDeduplicator$SnapshotDeduplicatorImpl", "Starting reduplication.")
		snap := reduplicate(d)
		r.log.info(r.thread, "SnapshotDeduplicator$SnapshotDeduplicatorImpl", "Finished reduplicating snapshot. Compression ratio: %s",
			ratio(len(d.elements(3)), len(d.elements(2))))
		r.apply(snap)
		return nil
	case entrySnapshot:
		snap := s.sub(entrySnapshot)
		r.apply(readSnapshot(snap, snap.elements(4)))
		return nil
	case entryTransaction:
		for _, e := range s.sub(entryTransaction).elements(1) {
			o := mustOpen(e)
			if len(o) == 0 {
				return &fault{"java.lang.IllegalStateException", "Unknown transaction op: null"}
			}
			r.state.apply(op{o[0].id, o[0].raw})
		}
		return nil
	}
	return errNoMember
}

func (r *replay) apply(s *snapshot) {
	r.log.info(r.thread, "LogPersistence", "Applying snapshot taken on %s", javaDate(s.millis, r.log.zone))
	r.log.info(r.thread, "SnapshotterImpl", "Restoring snapshot.")
	r.log.info(r.thread, "Loader", "Resetting storage")
	r.state, r.snapshot = s.state, s.millis
}
