package tbinary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/google/go-cmp/cmp"
)

// sample has every type, nested, with values at their edges.
func sample() *Struct {
	inner := (&Struct{}).SetStr(1, "agent1.lab.example").SetBool(-7, true)
	return (&Struct{}).
		SetBool(1, true).
		Set(2, TypeByte, int8(-128)).
		Set(3, TypeI16, int16(-2)).
		SetI32(4, math.MinInt32).
		SetI64(5, math.MaxInt64).
		SetDouble(6, math.Copysign(0, -1)).
		SetBytes(7, []byte{0, 0xff, '\n', 0xc3}).
		SetStruct(8, inner).
		SetList(9, Structs(inner, &Struct{})).
		SetSet(10, Strings("a", "", "Zürich")).
		SetMap(11, &Map{Key: TypeString, Elem: TypeI32, Entries: []Entry{{[]byte("http"), int32(8080)}}}).
		SetList(12, &List{Elem: TypeSet, Values: []any{&List{Elem: TypeBool, Values: []any{true, false}}}}).
		SetMap(13, &Map{}).
		SetDouble(32767, math.Float64frombits(0x7ff0000000000001)) // A signalling NaN keeps its bits.
}

// Thrift's own library and ours must agree on every byte.
func TestThriftReadsAndWritesTheSame(t *testing.T) {
	ctx := context.Background()
	buf := thrift.NewTMemoryBuffer()
	p := thrift.NewTBinaryProtocolConf(buf, &thrift.TConfiguration{TBinaryStrictRead: new(true)})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.WriteFieldBegin(ctx, "", thrift.I64, 1))
	must(p.WriteI64(ctx, 1795422984364))
	must(p.WriteFieldBegin(ctx, "", thrift.SET, 4))
	must(p.WriteSetBegin(ctx, thrift.STRUCT, 1))
	must(p.WriteFieldBegin(ctx, "", thrift.STRING, 1))
	must(p.WriteString(ctx, "ads-prod-bidder-0"))
	must(p.WriteFieldStop(ctx))
	must(p.WriteFieldBegin(ctx, "", thrift.DOUBLE, 5))
	must(p.WriteDouble(ctx, 0.25))
	must(p.WriteFieldBegin(ctx, "", thrift.MAP, 22))
	must(p.WriteMapBegin(ctx, thrift.STRING, thrift.STRING, 1))
	must(p.WriteString(ctx, "k"))
	must(p.WriteString(ctx, "v"))
	must(p.WriteFieldStop(ctx))

	want := (&Struct{}).SetI64(1, 1795422984364).
		SetSet(4, Structs((&Struct{}).SetStr(1, "ads-prod-bidder-0"))).
		SetDouble(5, 0.25).
		SetMap(22, &Map{Key: TypeString, Elem: TypeString, Entries: []Entry{{[]byte("k"), []byte("v")}}})
	got, err := DecodeAll(buf.Bytes())
	must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode of what Thrift wrote (-want +got):\n%s", diff)
	}
	if !bytes.Equal(want.Encode(), buf.Bytes()) {
		t.Errorf("Encode = %x, want %x", want.Encode(), buf.Bytes())
	}

	all := sample().Encode()
	mem := thrift.NewTMemoryBuffer()
	mem.Write(all)
	must(thrift.SkipDefaultDepth(ctx, thrift.NewTBinaryProtocolConf(mem, nil), thrift.STRUCT))
	if mem.Len() != 0 {
		t.Errorf("Thrift leaves %d bytes of ours", mem.Len())
	}
}

func TestRoundTrip(t *testing.T) {
	want := sample().Encode()
	s, n, err := Decode(append(want[:len(want):len(want)], "after the end"...))
	if err != nil || n != len(want) {
		t.Fatalf("Decode = %d bytes, %v, want %d", n, err, len(want))
	}
	if got := s.Encode(); !bytes.Equal(got, want) {
		t.Errorf("Encode = %x, want %x", got, want)
	}
	if got := s.Clone().Encode(); !bytes.Equal(got, want) {
		t.Errorf("Clone().Encode = %x, want %x", got, want)
	}
	if _, err := DecodeAll(append(want, 0)); err == nil {
		t.Error("DecodeAll takes bytes after the end")
	}
}

// A stream that is cut anywhere is an error at its end, for the tree as for the Reader, at whatever pace the bytes come.
func TestCutAnywhere(t *testing.T) {
	all := sample().Encode()
	for n := range all {
		_, _, err := Decode(all[:n])
		checkCut(t, "Decode", n, err)
		for name, r := range readers(all[:n]) {
			r.Skip(TypeStruct)
			checkCut(t, name, n, r.Err())
		}
	}
	for name, r := range readers(all) {
		r.Skip(TypeStruct)
		if r.Err() != nil || r.Offset() != int64(len(all)) || !r.AtEnd() {
			t.Errorf("%s: Skip of all ends at %d of %d, at its end %v: %v", name, r.Offset(), len(all), r.AtEnd(), r.Err())
		}
	}
}

func readers(b []byte) map[string]*Reader {
	return map[string]*Reader{
		"bytes":    NewReaderBytes(b),
		"stream":   NewReader(bytes.NewReader(b)),
		"one byte": NewReader(iotest.OneByteReader(bytes.NewReader(b))),
		"with EOF": NewReader(iotest.DataErrReader(bytes.NewReader(b))),
	}
}

func checkCut(t *testing.T, name string, n int, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, io.ErrUnexpectedEOF) || e.Offset > int64(n) {
		t.Errorf("%s of %d bytes: error %v, want one that wraps io.ErrUnexpectedEOF at most at byte %d", name, n, err, n)
	}
}

func TestHostileBytes(t *testing.T) {
	deep := func(head ...byte) []byte { return bytes.Repeat(head, 100_000) }
	tests := []struct {
		name, in, want string
		offset         int64
	}{
		{"string of 2 GiB", "\x0b\x00\x01\x7f\xff\xff\xff", "2147483647 bytes", 3},
		{"string of -1", "\x0b\x00\x01\xff\xff\xff\xff", "-1 bytes", 3},
		{"list of 2^31-1 structs", "\x0f\x00\x01\x0c\x7f\xff\xff\xff", "2147483647 elements", 4},
		{"set of -1", "\x0e\x00\x01\x0c\xff\xff\xff\xff", "-1 elements", 4},
		{"map of 2^31-1", "\x0d\x00\x01\x0b\x0b\x7f\xff\xff\xff", "2147483647 elements", 5},
		{"unknown type", "\x05\x00\x01", "unknown type 0x05", -1},
		{"list of an unknown type", "\x0f\x00\x01\x63\x7f\xff\xff\xff\x00", "unknown type 0x63", -1},
		{"structs 100000 deep", string(deep(0x0c, 0, 1)), "more than 64 deep", -1},
		{"lists 100000 deep", "\x0f\x00\x01" + string(deep(0x0f, 0, 0, 0, 1)), "more than 64 deep", -1},
		{"maps 100000 deep", "\x0d\x00\x01" + string(deep(0x0d, 0x0d, 0, 0, 0, 1)), "more than 64 deep", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReaderBytes([]byte(tt.in))
			r.Skip(TypeStruct)
			_, _, err := Decode([]byte(tt.in))
			for what, err := range map[string]error{"Skip": r.Err(), "Decode": err} {
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(e.What, tt.want) {
					t.Errorf("%s: error %v, want %q", what, err, tt.want)
				} else if tt.offset >= 0 && e.Offset != tt.offset {
					t.Errorf("%s: offset %d, want %d", what, e.Offset, tt.offset)
				}
			}
		})
	}
}

// What a length claims must not be allocated before the bytes are there.
func TestLengthsAllocateNothing(t *testing.T) {
	in := []byte("\x7f\xff\xff\xff only a few bytes")
	got := testing.AllocsPerRun(5, func() {
		r := NewReader(bytes.NewReader(in))
		if b := r.Bytes(math.MaxInt32); b != nil || r.Err() == nil {
			t.Fatalf("Bytes = %q, %v", b, r.Err())
		}
	})
	if got > 20 {
		t.Errorf("%v allocations", got)
	}
}

func TestUnknownTypesAsOldJava(t *testing.T) {
	// A list whose elements are of type 0 takes no bytes, then a field of type 0x8c, then a known one.
	in := []byte("\x0f\x00\x01\x00\x7f\xff\xff\xff\x8c\x00\x02\x08\x00\x03\x00\x00\x00\x07\x00")
	r := NewReaderBytes(in)
	var seen []Type
	r.Unknown = func(_ int64, t Type) { seen = append(seen, t) }
	r.Skip(TypeStruct)
	if r.Err() != nil || r.Offset() != int64(len(in)) {
		t.Errorf("Skip ends at %d of %d: %v", r.Offset(), len(in), r.Err())
	}
	if diff := cmp.Diff([]Type{0, 0x8c}, seen); diff != "" {
		t.Errorf("unknown types (-want +got):\n%s", diff)
	}
}

func TestReaderReadsEveryType(t *testing.T) {
	for name, r := range readers(sample().Encode()) {
		got := map[int16]any{}
		for ft, id := r.Field(); ft != TypeStop; ft, id = r.Field() {
			switch ft {
			case TypeBool:
				got[id] = r.Bool()
			case TypeByte:
				got[id] = r.Byte()
			case TypeI16:
				got[id] = r.I16()
			case TypeI32:
				got[id] = r.I32()
			case TypeI64:
				got[id] = r.I64()
			case TypeDouble:
				got[id] = math.Float64bits(r.Double())
			case TypeString:
				v, ok := r.View()
				got[id] = string(v)
				if !ok {
					t.Errorf("%s: View of field %d is not ok", name, id)
				}
			default:
				r.Skip(ft)
			}
		}
		want := map[int16]any{
			1: true, 2: int8(-128), 3: int16(-2), 4: int32(math.MinInt32), 5: int64(math.MaxInt64),
			6: uint64(1 << 63), 7: "\x00\xff\n\xc3", 32767: uint64(0x7ff0000000000001),
		}
		if diff := cmp.Diff(want, got); diff != "" || r.Err() != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, r.Err(), diff)
		}
	}
}

// Long strings come in pieces; a rune at the seam of two blocks is not cut.
func TestLongStrings(t *testing.T) {
	text := strings.Repeat("aü€𝄞", 3*MaxView/10)
	in := AppendString(nil, text)
	in = AppendString(in, "end")
	r := NewReader(iotest.HalfReader(bytes.NewReader(in)))
	var seen strings.Builder
	r.Odd = func(_ int64, piece []byte) {
		seen.Write(piece)
		if !bytes.Equal(piece, bytes.ToValidUTF8(piece, nil)) {
			t.Fatal("a piece splits a rune")
		}
	}
	if _, ok := r.View(); ok {
		t.Error("View shows more than MaxView bytes")
	}
	if seen.String() != text {
		t.Errorf("pieces make %d bytes, want %d", seen.Len(), len(text))
	}
	if b, ok := r.View(); !ok || string(b) != "end" {
		t.Errorf("View after a long string = %q, %v", b, r.Err())
	}
	r = NewReader(bytes.NewReader(in))
	if b := r.Bytes(len(text)); string(b) != text {
		t.Errorf("Bytes = %d bytes, want %d: %v", len(b), len(text), r.Err())
	}
	if r.Bytes(2); r.Err() == nil {
		t.Error("Bytes(2) takes 3 bytes")
	}
}

func TestPlain(t *testing.T) {
	for c := range 256 {
		for pos := range 20 {
			b := bytes.Repeat([]byte{' '}, 20)
			b[pos] = byte(c)
			if got, want := plain(b), c >= 0x20 && c < 0x7f; got != want {
				t.Fatalf("plain with 0x%02x at %d = %v, want %v", c, pos, got, want)
			}
		}
	}
}

func TestGettersAndSetters(t *testing.T) {
	s := sample()
	var none *Struct
	if none.Struct(1).Str(2) != "" || none.List(3).Len() != 0 || none.Has(1) || none.I64(1) != 0 || none.Map(1).Len() != 0 {
		t.Error("a nil struct is not empty")
	}
	if s.I64(2) != -128 || s.I64(3) != -2 || s.I64(4) != math.MinInt32 || s.I32(5) != 0 || s.Str(5) != "" {
		t.Error("integers widen, other types count as absent")
	}
	if got := s.Struct(8).Str(1); got != "agent1.lab.example" {
		t.Errorf("Struct(8).Str(1) = %q", got)
	}
	var got []string
	for v := range s.List(10).Strings() {
		got = append(got, v)
	}
	for e := range s.List(9).Structs() {
		got = append(got, e.Str(1))
	}
	if diff := cmp.Diff([]string{"a", "", "Zürich", "agent1.lab.example", ""}, got); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	s.SetI64(2, 9)
	s.Delete(3)
	if s.Fields[1].ID != 2 || s.I64(2) != 9 || s.Has(3) || s.Fields[2].ID != 4 {
		t.Errorf("Set and Delete keep no order: %v", s.Fields[:3])
	}
}

func TestCopy(t *testing.T) {
	want := sample().Encode()
	for name, r := range readers(append(want[:len(want):len(want)], 0xff)) {
		if got := r.Copy([]byte("before"), TypeStruct, len(want)); string(got) != "before"+string(want) || r.Offset() != int64(len(want)) {
			t.Errorf("%s: Copy = %q to byte %d, %v", name, got, r.Offset(), r.Err())
		}
	}
	r := NewReaderBytes(want)
	if r.Copy(nil, TypeStruct, len(want)/2); r.Err() == nil {
		t.Error("Copy passes its limit")
	}
	for n := range want {
		r := NewReaderBytes(want[:n])
		r.Copy(nil, TypeStruct, len(want))
		checkCut(t, "Copy", n, r.Err())
	}
}

func TestMessage(t *testing.T) {
	want := Message{"stageRecovery", Call, 7, (&Struct{}).SetStr(1, "scheduler-backup-2026-11-23-08-36")}
	b := want.Append(nil)
	got, err := DecodeMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	for n := range b {
		if _, err := DecodeMessage(b[:n]); err == nil {
			t.Errorf("a message cut at %d is taken", n)
		}
	}
	old := binary.BigEndian.AppendUint32(nil, 13) // A message without version begins with its name's length.
	if _, err := DecodeMessage(append(old, b...)); err == nil {
		t.Error("a message without version is taken")
	}
}

// The error of the source must not look like a short file.
func TestErrorOfTheSource(t *testing.T) {
	cause := errors.New("input/output error")
	r := NewReader(io.MultiReader(bytes.NewReader(sample().Encode()[:20]), iotest.ErrReader(cause)))
	r.Skip(TypeStruct)
	if !errors.Is(r.Err(), cause) || errors.Is(r.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("error = %v, want one that wraps %v", r.Err(), cause)
	}
}

// FuzzDecode: no panic; what decodes encodes to the same bytes; Reader and tree agree where a struct ends.
func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add([]byte("\x0f\x00\x01\x0c\x00\x00\x00\x03\x00\x00\x00\x00"))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, n, err := Decode(in)
		if err == nil {
			r := NewReader(iotest.HalfReader(bytes.NewReader(in)))
			if got := r.Copy(nil, TypeStruct, len(in)); r.Err() != nil || !bytes.Equal(got, in[:n]) {
				t.Errorf("Copy = %x, %v, want %x", got, r.Err(), in[:n])
			}
		}
		for name, r := range readers(in) {
			r.Skip(TypeStruct)
			if err == nil && (r.Err() != nil || r.Offset() != int64(n)) {
				t.Errorf("%s: Skip ends at %d with %v, Decode at %d", name, r.Offset(), r.Err(), n)
			}
		}
		if err != nil {
			return
		}
		if got := s.Encode(); !bytes.Equal(got, in[:n]) {
			t.Errorf("Encode(Decode(%x)) = %x", in[:n], got)
		}
	})
}
