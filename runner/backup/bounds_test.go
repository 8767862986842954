package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
	"aurorabot/runner/tbinary"
)

// set is the head of a set of as many structs as a count can say, and then the
// head of a field in the first of them.
func set(of Field, t tbinary.Type, field int16) string {
	b := tbinary.AppendList(tbinary.AppendField(nil, tbinary.TypeSet, int16(of)), tbinary.TypeStruct, math.MaxInt32)
	if t != tbinary.TypeStop {
		b = tbinary.AppendField(b, t, field)
	}
	return string(b)
}

// endlessList is a list of empty structs without end.
func endlessList() string {
	return string(tbinary.AppendList(nil, tbinary.TypeStruct, math.MaxInt32))
}

// distinct gives elements that are all different, without end.
type distinct struct {
	head []byte
	n    int
	each func(n int) *tbinary.Struct
}

func (d *distinct) Read(p []byte) (int, error) {
	for len(d.head) < len(p) {
		d.n++
		d.head = d.each(d.n).Append(d.head)
	}
	n := copy(p, d.head)
	d.head = append(d.head[:0], d.head[n:]...)
	return n, nil
}

// A backup without end, or of whatever takes the most memory for its bytes, takes
// what the bounds say: where an unknown field of any element was decoded, 8 MB made
// 780 MB.
func TestHostileBackupIsBounded(t *testing.T) {
	str := func(n int) *tbinary.Struct { return (&tbinary.Struct{}).SetStr(1, fmt.Sprint(n)) }
	files := map[string]struct {
		from io.Reader
		fits bool // It is passed over, and ends where the file does.
	}{
		"an unknown field of the snapshot": {from: boundtest.Endless(string(tbinary.AppendField(nil, tbinary.TypeList, 99))+endlessList(), "\x00"), fits: true},
		"unknown fields of the snapshot":   {from: boundtest.Endless("", string(append(tbinary.AppendField(nil, tbinary.TypeByte, 99), 1))), fits: true},
		"tasks of nothing":                 {from: boundtest.Endless(set(TaskSet, 0, 0), "\x00")},
		"tasks with an id": {from: &distinct{head: []byte(set(TaskSet, 0, 0)), each: func(n int) *tbinary.Struct {
			return (&tbinary.Struct{}).SetStruct(1, str(n))
		}}},
		"tasks with a host of their own": {from: &distinct{head: []byte(set(TaskSet, 0, 0)), each: func(n int) *tbinary.Struct {
			return (&tbinary.Struct{}).SetStruct(1, str(n).SetStr(3, fmt.Sprintf("%060000d", n)))
		}}},
		"a field of a task": {from: boundtest.Endless(set(TaskSet, tbinary.TypeList, 99)+endlessList(), "\x00")},
	}
	for _, id := range fullState[1:] {
		files["a field of "+id.String()] = struct {
			from io.Reader
			fits bool
		}{from: boundtest.Endless(set(id, tbinary.TypeList, 99)+endlessList(), "\x00")}
		files["elements of "+id.String()] = struct {
			from io.Reader
			fits bool
		}{from: &distinct{head: []byte(set(id, 0, 0)), each: str}}
	}
	for name, tt := range files {
		grown := boundtest.Grown(func() {
			_, err := ReadState(io.LimitReader(tt.from, 64<<20))
			if errors.Is(err, bound.ErrTooMuch) == tt.fits || errors.Is(err, io.ErrUnexpectedEOF) != tt.fits {
				t.Errorf("%s: %v", name, err)
			}
		})
		if grown > 96<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
}

// The unknown field that was reproduced, whole: 8 MB in one element.
func TestUnknownFieldTakesNoMemory(t *testing.T) {
	for _, id := range fullState {
		b := []byte(set(id, tbinary.TypeList, 99))
		b = tbinary.AppendList(b, tbinary.TypeStruct, 8<<20)
		b = append(b, make([]byte, 8<<20+2)...)
		grown := boundtest.Grown(func() {
			if _, err := ReadState(bytes.NewReader(b)); err == nil {
				t.Errorf("%s: no error", id)
			}
		})
		if grown > 96<<20 {
			t.Errorf("%s: the heap grew by %d MiB", id, grown>>20)
		}
	}
}

// A cluster twice as large as the largest that is known fits.
func TestLargeStateFits(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 tasks")
	}
	b := manyTasks(t, 10_000).Append(nil)
	if s, err := ReadState(bytes.NewReader(b)); err != nil || len(s.tasks) != 100_000 {
		t.Errorf("%v", err)
	}
}

// A walk over tasks keeps nothing of them, however long their names are.
func TestWalkOverTasksIsBounded(t *testing.T) {
	long := &distinct{head: []byte(set(TaskSet, 0, 0)), each: func(n int) *tbinary.Struct {
		return (&tbinary.Struct{}).SetStruct(1, (&tbinary.Struct{}).SetStr(3, fmt.Sprintf("%060000d", n)))
	}}
	grown := boundtest.Grown(func() {
		if err := Tasks(io.LimitReader(long, 256<<20), func(Task) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
	if grown > 96<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
