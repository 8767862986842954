package ssh

import (
	"bytes"
	"strings"
	"testing"

	"aurorabot/runner/bound/boundtest"
)

const ourLine = mark + "12 (sh) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n"

// A host that writes to standard error without end, with and without line breaks,
// before the wrapper's line and behind it, takes what the bound says, and no more.
func TestStandardErrorIsBounded(t *testing.T) {
	for name, tt := range map[string]struct{ head, again string }{
		"no line break":         {"", "x"},
		"line breaks alone":     {"", "\n"},
		"lines":                 {"", "a line\n"},
		"a mark without an end": {mark, "1 "},
		"behind the mark":       {ourLine, "x"},
	} {
		m := newMarked(1 << 20)
		in, p := boundtest.Endless(tt.head, tt.again), make([]byte, 32<<10)
		grown := boundtest.Grown(func() {
			for range 4000 { // 125 MiB.
				n, _ := in.Read(p)
				if n, err := m.Write(p[:n]); err != nil || n == 0 {
					t.Fatalf("%s: wrote %d, %v", name, n, err)
				}
			}
		})
		if _, known := m.process(); known != (tt.head == ourLine) {
			t.Errorf("%s: the mark was found: %v", name, known)
		}
		if n := len(m.rest.bytes()); n != 1<<20 || !m.rest.wasCut() {
			t.Errorf("%s: %d bytes are kept, cut %v", name, n, m.rest.wasCut())
		}
		if grown > 8<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
}

// The wrapper's line is found however it is cut up, and what a login shell wrote
// before it is none of the command's output.
func TestMarkIsFoundInPieces(t *testing.T) {
	long := strings.Repeat("banner ", 2000) + "\n"
	for size := 1; size < 200; size += 7 {
		m := newMarked(1000)
		for part := []byte("hello\n" + long + ourLine + "the command's own"); len(part) > 0; {
			n := min(size, len(part))
			if _, err := m.Write(part[:n]); err != nil {
				t.Fatal(err)
			}
			part = part[n:]
		}
		p, known := m.process()
		if !known || p != (process{"12", "777"}) || string(m.rest.bytes()) != "the command's own" || m.rest.wasCut() {
			t.Errorf("pieces of %d: %v %v %q", size, p, known, m.rest.bytes())
		}
	}
}

// All outputs of a host together are bounded, and what is over it is cut.
func TestOutputsOfAHostShareABound(t *testing.T) {
	var s share
	outs := [8]*capped{}
	grown := boundtest.Grown(func() {
		for i := range outs {
			outs[i] = &capped{most: 32 << 20, share: &s}
			for p := bytes.Repeat([]byte("x"), 32<<10); !outs[i].wasCut(); {
				outs[i].keep(p)
			}
		}
	})
	if s.held != maxHeld || outs[0].size != 32<<20 || outs[2].size != 0 {
		t.Errorf("%d bytes are held: the first has %d, the third %d", s.held, outs[0].size, outs[2].size)
	}
	if grown > maxHeld+(8<<20) {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	for _, o := range outs {
		o.end()
		o.keep([]byte("late"))
	}
	if s.held != 0 {
		t.Errorf("%d bytes are held behind the end", s.held)
	}
}
