package replica

import (
	"crypto/md5"
	"fmt"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"google.golang.org/protobuf/encoding/protowire"

	"aurorabot/runner/tbinary"
)

// log writes replica folders with goleveldb, record by record.
type log struct {
	t  testing.TB
	db *leveldb.DB
}

func newLog(t testing.TB, dir string) *log {
	t.Helper()
	db, err := leveldb.OpenFile(dir, &opt.Options{Compression: opt.NoCompression, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	l := &log{t, db}
	t.Cleanup(l.close)
	return l
}

func (l *log) close() {
	if l.db != nil {
		if err := l.db.Close(); err != nil {
			l.t.Fatal(err)
		}
		l.db = nil
	}
}

func (l *log) put(key string, value []byte) {
	l.t.Helper()
	if err := l.db.Put([]byte(key), value, nil); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) metadata(status Status, promised uint64) {
	var m []byte
	m = protowire.AppendVarint(protowire.AppendTag(m, 1, protowire.VarintType), uint64(status))
	m = protowire.AppendVarint(protowire.AppendTag(m, 2, protowire.VarintType), promised)
	l.put("0000000000", recordBytes(recordMetadata, 4, m))
}

func recordBytes(kind recordKind, field protowire.Number, body []byte) []byte {
	out := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(kind))
	return protowire.AppendBytes(protowire.AppendTag(out, field, protowire.BytesType), body)
}

// keyOf is the key of a position in the form before the A keys.
func keyOf(position uint64) string { return fmt.Sprintf("%010d", position+1) }

func (l *log) action(a Action) { l.put(keyOf(a.Position), actionBytes(a)) }

func actionBytes(a Action) []byte {
	varint := func(b []byte, id protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, id, protowire.VarintType), v)
	}
	b := varint(varint(nil, 1, a.Position), 2, 1)
	if a.Type != 0 {
		b = varint(b, 3, 1)
		if a.Learned {
			b = varint(b, 4, 1)
		}
		b = varint(b, 5, uint64(a.Type))
	}
	var body []byte
	switch a.Type {
	case Nop:
		if a.Tombstone {
			body = varint(nil, 1, 1)
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, 6, protowire.BytesType), body)
	case Append:
		body = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), a.Bytes)
		b = protowire.AppendBytes(protowire.AppendTag(b, 7, protowire.BytesType), body)
	case Truncate:
		b = protowire.AppendBytes(protowire.AppendTag(b, 8, protowire.BytesType), varint(nil, 1, a.To))
	}
	return recordBytes(recordAction, 3, b)
}

// learned appends bytes at a position, learned.
func (l *log) learned(position uint64, b []byte) {
	l.action(Action{Position: position, Learned: true, Type: Append, Bytes: b})
}

// entry encodes a LogEntry with one member.
func entry(id int16, t tbinary.Type, v any) []byte {
	return (&tbinary.Struct{}).Set(id, t, v).Encode()
}

type op struct {
	id   int16
	body *tbinary.Struct
}

// transaction encodes a LogEntry that holds a transaction.
func transaction(ops ...op) []byte {
	list := &tbinary.List{Elem: tbinary.TypeStruct}
	for _, o := range ops {
		list.Values = append(list.Values, (&tbinary.Struct{}).SetStruct(o.id, o.body))
	}
	return entry(entryTransaction, tbinary.TypeStruct, (&tbinary.Struct{}).SetList(1, list).SetI32(2, 1))
}

// frames cuts an encoded LogEntry into a header and chunks.
func frames(b []byte, size int) [][]byte {
	var chunks [][]byte
	for rest := b; len(rest) > 0; {
		n := min(size, len(rest))
		chunk := (&tbinary.Struct{}).SetBytes(2, rest[:n])
		chunks = append(chunks, entry(entryFrame, tbinary.TypeStruct, (&tbinary.Struct{}).SetStruct(2, chunk)))
		rest = rest[n:]
	}
	sum := md5.Sum(b)
	head := (&tbinary.Struct{}).SetI32(1, int32(len(chunks))).SetBytes(2, sum[:])
	return append([][]byte{entry(entryFrame, tbinary.TypeStruct, (&tbinary.Struct{}).SetStruct(1, head))}, chunks...)
}

// task is a ScheduledTask with what a salvage looks at, and padding.
func task(id string, status int32, padding int) *tbinary.Struct {
	job := (&tbinary.Struct{}).SetStr(1, "role").SetStr(2, "prod").SetStr(3, "job")
	config := (&tbinary.Struct{}).SetBool(7, true).SetI32(11, 0).SetStruct(28, job).
		SetStruct(25, (&tbinary.Struct{}).SetStr(1, "AuroraExecutor").SetBytes(2, make([]byte, padding)))
	assigned := (&tbinary.Struct{}).SetStr(1, id).SetStr(2, "agent-S1").SetStr(3, "agent1.example").SetStruct(4, config).SetI32(6, 0)
	event := (&tbinary.Struct{}).SetI64(1, 1700000000000).SetI32(2, status)
	return (&tbinary.Struct{}).SetStruct(1, assigned).SetI32(2, status).SetI32(3, 0).
		SetList(4, tbinary.Structs(event)).SetStr(5, "")
}

func saveTasks(tasks ...*tbinary.Struct) op {
	return op{opSaveTasks, (&tbinary.Struct{}).SetSet(1, tbinary.Structs(tasks...))}
}

func saveQuota(role string, cpus float64) op {
	aggregate := (&tbinary.Struct{}).SetSet(4, tbinary.Structs((&tbinary.Struct{}).SetDouble(1, cpus)))
	return op{opSaveQuota, (&tbinary.Struct{}).SetStr(1, role).SetStruct(2, aggregate)}
}
