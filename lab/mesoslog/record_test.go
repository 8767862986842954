package mesoslog

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The byte examples of the recorded folders: what is decoded and encoded
// again must be the same bytes, or other readers would see other logs.
func TestRecordBytes(t *testing.T) {
	for _, tt := range []struct{ name, hex string }{
		{"metadata voting", "08 03 22 04 08 01 10 00"},
		{"metadata promised 9", "08 03 22 04 08 01 10 09"},
		{"nop learned", "08 02 1a 0c 08 00 10 01 18 02 20 01 28 01 32 00"},
		{"append learned false", "08 02 1a 10 08 11 10 01 18 01 20 00 28 02 3a 04 0a 02 61 62"},
		{"append without learned", "08 02 1a 0e 08 0b 10 01 18 01 28 02 3a 04 0a 02 61 62"},
		{"promise only", "08 02 1a 04 08 0c 10 03"},
		{"truncate", "08 02 1a 0e 08 65 10 01 18 01 20 01 28 03 42 02 08 3c"},
		{"tombstone", "08 02 1a 0e 08 07 10 02 18 02 20 01 28 01 32 02 08 01"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(tt.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		r, err := decodeRecord(want)
		if err != nil {
			t.Errorf("%s: decode: %v", tt.name, err)
			continue
		}
		var got []byte
		if r.Metadata != nil {
			got = encodeMetadata(*r.Metadata)
		} else {
			got = encodeAction(*r.Action)
		}
		if string(got) != string(want) {
			t.Errorf("%s: encode = % x, want % x", tt.name, got, want)
		}
	}
	for _, bad := range []string{"", "ffffff", "0802", "08021a020801", "0809"} {
		b, _ := hex.DecodeString(bad)
		if r, err := decodeRecord(b); err == nil {
			t.Errorf("decodeRecord(%s) = %+v, want an error", bad, r)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(encodeMetadata(metadata{Voting, 3}))
	f.Add(encodeAction(action{Position: 4, Promised: 1, HasPerformed: true, Type: actionAppend, Bytes: []byte("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err == nil && r.Action == nil && r.Metadata == nil && r.Promise == nil {
			t.Error("decodeRecord gave neither a record nor an error")
		}
	})
}

// Keys sort as positions do, on both sides of the change of form.
func TestPositionKeyOrder(t *testing.T) {
	last := ""
	for _, p := range []uint64{0, 8, 9, 99, 9999999997, 9999999998, 9999999999, 1 << 40} {
		k := string(positionKey(p))
		if k <= last {
			t.Errorf("positionKey(%d) = %s, not after %s", p, k, last)
		}
		last = k
	}
	if got := string(positionKey(9999999998)); got != "9999999999" {
		t.Errorf("positionKey(9999999998) = %s", got)
	}
	if got := string(positionKey(9999999999)); got != "A00000000010000000000" {
		t.Errorf("positionKey(9999999999) = %s", got)
	}
}

// The set agrees with a plain map under the same operations.
func TestSpans(t *testing.T) {
	var s spans
	plain := map[uint64]bool{}
	x := uint64(7)
	for i := range 2000 {
		x = x*6364136223846793005 + 1442695040888963407
		from := (x >> 33) % 60
		to := from + (x>>40)%9
		if i%3 == 0 {
			s = s.remove(from, to)
		} else {
			s = s.add(from, to)
		}
		for p := from; p <= to; p++ {
			plain[p] = i%3 != 0
		}
		n := uint64(0)
		for p := range uint64(80) {
			if plain[p] {
				n++
			}
			if s.contains(p) != plain[p] {
				t.Fatalf("step %d: contains(%d) = %v in %v", i, p, s.contains(p), s)
			}
		}
		if s.count() != n {
			t.Fatalf("step %d: count = %d, want %d", i, s.count(), n)
		}
	}
}
