package bound_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
)

// A stream that ends at its bound is whole; one byte more is too much, and not an end.
func TestReader(t *testing.T) {
	for _, tt := range []struct {
		size, most int64
		whole      bool
	}{{0, 0, true}, {1, 0, false}, {10, 10, true}, {11, 10, false}, {100_000, 10, false}} {
		b, err := io.ReadAll(bound.NewReader(strings.NewReader(strings.Repeat("x", int(tt.size))), tt.most))
		if errors.Is(err, bound.ErrTooMuch) == tt.whole || int64(len(b)) != min(tt.size, tt.most) {
			t.Errorf("%d of %d: got %d, %v", tt.size, tt.most, len(b), err)
		}
	}
}

// Nothing that is too much is written.
func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w := bound.NewWriter(&b, 10)
	for _, tt := range []struct {
		n   int
		fit bool
	}{{4, true}, {7, false}, {6, true}, {1, false}} {
		if _, err := w.Write(make([]byte, tt.n)); errors.Is(err, bound.ErrTooMuch) == tt.fit {
			t.Errorf("%d more: %v", tt.n, err)
		}
	}
	if b.Len() != 10 {
		t.Errorf("%d bytes were written, want 10", b.Len())
	}
}

// What a document becomes is bounded, not only its length.
func TestJSONTakesNoMoreMemoryThanItMay(t *testing.T) {
	type large struct{ _ [300]byte }
	for name, tt := range map[string]struct {
		data string
		v    any
	}{
		"empty objects": {"[{}" + strings.Repeat(",{}", 4<<20) + "]", new([]large)},
		"empty lists":   {"[[]" + strings.Repeat(",[]", 4<<20) + "]", new([][]int)},
		"entries":       {`{"a":1` + strings.Repeat(`,"a":1`, 2<<20) + "}", new(map[string]int)},
	} {
		before := boundtest.Allocated()
		if err := bound.JSON([]byte(tt.data), tt.v, 64<<20); !errors.Is(err, bound.ErrTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
		if took := boundtest.Allocated() - before; took > 64<<20 {
			t.Errorf("%s: %d MiB were taken", name, took>>20)
		}
	}
	var v map[string]string // Signs within a string are none of the document's.
	if err := bound.JSON([]byte(`{"a":"{[,\"{[,"}`), &v, 400); err != nil || v["a"] != `{[,"{[,` {
		t.Errorf("got %v, %v", v, err)
	}
}

// Whatever comes without end, the decoder's memory stays small.
func TestDecoderIsBounded(t *testing.T) {
	skip := func(d *bound.Decoder) error { return d.Skip() }
	for name, tt := range map[string]struct {
		head, again string
		read        func(*bound.Decoder) error
	}{
		"a string":     {`"`, "x", skip},
		"white space":  {``, " ", skip},
		"a number":     {`1`, "0", skip},
		"lists":        {``, "[", skip},
		"a whole list": {`[`, "{},", skip},
		"one value":    {`[`, "{},", func(d *bound.Decoder) error { var v json.RawMessage; return d.Decode(&v) }},
	} {
		d := bound.NewDecoder(boundtest.Endless(tt.head, tt.again), 200<<20, 1<<20)
		grown := boundtest.Grown(func() {
			if err := tt.read(d); !errors.Is(err, bound.ErrTooMuch) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if grown > 32<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
	runtime.GC()
}

// Values within the bounds are read as the library reads them, however long the stream is.
func TestDecoderReadsWhatFits(t *testing.T) {
	one := `{"a":"` + strings.Repeat("x", 1000) + `"}`
	text := "[" + one + strings.Repeat(",\n"+one, 5000) + "] "
	d := bound.NewDecoder(strings.NewReader(text), int64(len(text)), 2000)
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; d.More(); n++ {
		var v struct{ A string }
		if err := d.Decode(&v); err != nil || len(v.A) != 1000 {
			t.Fatalf("element %d: %d, %v", n, len(v.A), err)
		}
	}
	if _, err := d.Token(); err != nil || n != 5001 {
		t.Errorf("%d elements, %v", n, err)
	}
}
