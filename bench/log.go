package main

import (
	"fmt"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"google.golang.org/protobuf/encoding/protowire"

	"aurorabot/runner/backup"
	"aurorabot/runner/tbinary"
)

// writeLog writes the folder of a replica that votes and has learned entries
// positions: a NOP, then transactions that each save one task, 140 MB for
// 200,000 of them. LevelDB writes such folders where it has no snappy, as that
// of Mesos has none.
func writeLog(from, dir string, entries int) error {
	s, err := recording(from)
	if err != nil {
		return err
	}
	tasks := s.Elements(backup.TaskSet)
	if len(tasks) == 0 {
		return fmt.Errorf("no task in %s", from)
	}
	db, err := leveldb.OpenFile(dir, &opt.Options{Compression: opt.NoCompression, NoSync: true})
	if err != nil {
		return err
	}
	put := func(position int, b []byte) {
		if err == nil {
			err = db.Put(fmt.Appendf(nil, "%010d", position), b, nil)
		}
	}
	put(0, record(4, fields(1, 1, 2, 1))) // VOTING, promised 1.
	put(1, record(3, action(0, 1, 6, nil)))
	for p := 1; p < entries && err == nil; p++ {
		var task *tbinary.Struct
		if task, err = tasks[p%len(tasks)].Struct(); err == nil {
			rename(task, p)
			shorten(task)
			put(p+1, record(3, action(p, 2, 7, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), transaction(task)))))
		}
	}
	if end := db.Close(); err == nil {
		err = end
	}
	return err
}

// shorten cuts what the executor is told, half of a task, so that entries have 700 bytes.
func shorten(task *tbinary.Struct) {
	if e := task.Struct(1).Struct(4).Struct(25); e != nil {
		data := e.Bytes(2)
		e.SetBytes(2, data[:min(len(data), 40)])
	}
}

// transaction is a LogEntry that saves one task.
func transaction(task *tbinary.Struct) []byte {
	save := (&tbinary.Struct{}).SetSet(1, tbinary.Structs(task))
	op := (&tbinary.Struct{}).SetStruct(6, save)
	t := (&tbinary.Struct{}).SetList(1, tbinary.Structs(op)).SetI32(2, 1)
	return (&tbinary.Struct{}).SetStruct(2, t).Encode()
}

// record is a mesos.internal.log.Record with one member; its number is that of
// the type but one.
func record(member protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(fields(1, uint64(member)-1), member, protowire.BytesType), body)
}

// action is a learned Action of the type kind, whose body stands in member.
func action(position int, kind uint64, member protowire.Number, body []byte) []byte {
	b := fields(1, uint64(position), 2, 1, 3, 1, 4, 1, 5, kind)
	return protowire.AppendBytes(protowire.AppendTag(b, member, protowire.BytesType), body)
}

// fields are pairs of a number and a varint.
func fields(pairs ...uint64) (b []byte) {
	for i := 0; i < len(pairs); i += 2 {
		b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(pairs[i]), protowire.VarintType), pairs[i+1])
	}
	return b
}

// iterate is the second peer: goleveldb's iterator with every checksum
// verified, nothing decoded.
func iterate(dir string) error {
	db, err := leveldb.OpenFile(dir, &opt.Options{ReadOnly: true, Strict: opt.StrictAll})
	if err != nil {
		return err
	}
	defer db.Close()
	it := db.NewIterator(nil, &opt.ReadOptions{Strict: opt.StrictAll, DontFillCache: true})
	defer it.Release()
	n, size := 0, 0
	for it.Next() {
		n++
		size += len(it.Value())
	}
	fmt.Println(n, "records,", size, "bytes")
	return it.Error()
}
