package replica

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"aurorabot/runner/golden"
	"aurorabot/runner/replica/leveldb"
	"aurorabot/runner/tbinary"
)

// recorded adds what the recorded schedulers wrote: every value, or the bytes
// of every append.
func recorded(f *testing.F, appends bool) {
	archives, err := filepath.Glob("testdata/aurora/*/replica1.tar.gz")
	if err != nil {
		f.Fatal(err)
	}
	for _, a := range append(archives, "testdata/mesos/d-holes-unlearned-promise-only.log.tar.gz", "testdata/mesos/d-truncated-twice.log.tar.gz") {
		db, err := leveldb.Open(context.Background(), golden.Unpack(f, a))
		if err != nil {
			f.Fatal(err)
		}
		n := 0
		if err := db.Walk(f.Context(), func(rec *leveldb.Record) error {
			var r record
			if n++; n > 60 || len(rec.Value) > 8<<10 {
				return nil
			}
			if !appends {
				f.Add(bytes.Clone(rec.Value))
			} else if err := r.decode(rec.Value); err == nil && r.action.Type == Append {
				f.Add(bytes.Clone(r.action.Bytes))
			}
			return nil
		}); err != nil {
			f.Fatal(err)
		}
		_ = db.Close()
	}
}

// FuzzAction decodes any bytes as a record. What decodes as an action keeps
// its meaning when it is written and read again.
func FuzzAction(f *testing.F) {
	recorded(f, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again record
		if err := r.decode(b); err != nil || r.kind != recordAction {
			return
		}
		want := r.action
		want.Promised, want.Performed = 1, 0
		if want.Type != 0 {
			want.Performed = 1
		}
		if want.Type != Append {
			want.Bytes = nil
		}
		if want.Type != Nop {
			want.Tombstone = false
		}
		if want.Type != Truncate {
			want.To = 0
		}
		if err := again.decode(actionBytes(want)); err != nil {
			t.Fatal(err)
		}
		got := again.action
		if got.Position != want.Position || got.Type != want.Type || got.Learned != want.Learned || got.To != want.To ||
			got.Tombstone != want.Tombstone || !bytes.Equal(got.Bytes, want.Bytes) {
			t.Fatalf("%+v became %+v", want, got)
		}
	})
}

// FuzzLogEntry joins, walks over and applies any bytes as entries of Aurora's:
// as they are, deflated, and cut into frames. All three hold the same.
func FuzzLogEntry(f *testing.F) {
	recorded(f, true)
	f.Fuzz(func(t *testing.T, b []byte) {
		var kinds []LogEntryKind
		j := joiner{summarizer: summarizer{ctx: context.Background()}, keep: true, each: func(e *LogEntry) error {
			kinds = append(kinds, e.kind)
			switch e.kind {
			case KindSnapshot:
				if s, err := expand(context.Background(), bytes.NewReader(e.raw)); err == nil {
					if st, err := newState(s); err == nil {
						_ = st.snapshot().Append(nil)
					}
				}
			case KindTransaction:
				st, err := newState(nil)
				if err != nil {
					t.Fatal(err)
				}
				if tree, _, err := tbinary.Decode(e.raw); err == nil && st.apply(tree.Struct(entryTransaction)) == nil {
					_ = st.snapshot().Append(nil)
				}
			}
			return nil
		}}
		position := uint64(0)
		add := func(entries ...[]byte) LogEntryKind {
			kinds = nil
			for _, e := range entries {
				if err := j.add(position, e); err != nil {
					t.Fatal(err)
				}
				position++
			}
			if err := j.end(); err != nil {
				t.Fatal(err)
			}
			if len(kinds) == 0 {
				return ""
			}
			return kinds[len(kinds)-1]
		}
		plain := add(b)
		if plain == KindAborted || plain == KindOrphan || plain == KindUndecodable || len(b) == 0 {
			return // Frames within frames are none.
		}
		if framed := add(frames(b, 7)...); framed != plain {
			t.Fatalf("%s, but %s in frames", plain, framed)
		}
		if deflated := add(deflate(b)); deflated != plain && member(b) != entryDeflated {
			t.Fatalf("%s, but %s deflated", plain, deflated)
		}
	})
}
