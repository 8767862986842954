package tbinary_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/lab/tjson"
	"aurorabot/runner/tbinary"
)

// What a real scheduler and its clients said to each other in Thrift's JSON comes out
// of the binary form as it was.
func TestJSONIsTheSchedulersOwn(t *testing.T) {
	f, err := os.Open("testdata/tjson.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		binary, err := tjson.Decode(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		m, err := tbinary.DecodeMessage(binary)
		if err != nil {
			t.Fatal(err)
		}
		want := plain(t, lines.Bytes()).([]any)[4]
		if d := cmp.Diff(want, plain(t, m.Body.AppendJSON(nil))); d != "" {
			t.Errorf("%s (-recorded +ours):\n%s", m.Name, d)
		}
	}
	if err := lines.Err(); err != nil || n < 20 {
		t.Errorf("%d messages, %v", n, err)
	}
}

// plain is a JSON value in which a number is the same however it is written.
func plain(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		if x, err := v.Float64(); err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x)
		}
		return v.String()
	}
	return v
}

// Values that no recording has: keys of maps, numbers that are none, an empty list of
// nothing, text that is no UTF-8.
func TestJSONOfOddValues(t *testing.T) {
	s := &tbinary.Struct{Fields: []tbinary.Field{
		{ID: 1, Type: tbinary.TypeMap, Value: &tbinary.Map{Key: tbinary.TypeI32, Elem: tbinary.TypeString, Entries: []tbinary.Entry{{Key: int32(7), Value: []byte("x\"y")}}}},
		{ID: 2, Type: tbinary.TypeDouble, Value: math.NaN()},
		{ID: 3, Type: tbinary.TypeDouble, Value: math.Inf(-1)},
		{ID: 4, Type: tbinary.TypeList, Value: &tbinary.List{Elem: 0, Values: nil}},
		{ID: 5, Type: tbinary.TypeString, Value: []byte("a\xffb")},
		{ID: -6, Type: tbinary.TypeBool, Value: true},
		{ID: 7, Type: tbinary.TypeMap, Value: &tbinary.Map{Key: tbinary.TypeString, Elem: tbinary.TypeByte, Entries: []tbinary.Entry{{Key: []byte("k"), Value: int8(-1)}}}},
	}}
	const want = `{"1":{"map":["i32","str",1,{"7":"x\"y"}]},"2":{"dbl":"NaN"},"3":{"dbl":"-Infinity"},"4":{"lst":["str",0]},"5":{"str":"a\ufffdb"},"-6":{"tf":1},"7":{"map":["str","i8",1,{"k":-1}]}}`
	if got := s.AppendJSON(nil); string(got) != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}
