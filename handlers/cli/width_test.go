package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// What goes into a pipe or a file is as wide as it is, unless COLUMNS says more.
func TestWidth(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for columns, want := range map[string]int{"": 0, "80": 80, "200": 200, "3": narrowest, "0": 0, "-5": 0, "wide": 0} {
		if got := Width(w, func(string) string { return columns }); got != want {
			t.Errorf("COLUMNS=%q into a pipe: %d, want %d", columns, got, want)
		}
	}
}

// Lines are folded whole, however they are written.
func TestFolded(t *testing.T) {
	const text = "one two three four five six seven\n\neight\nnine ten eleven twelve thirteen"
	for size := 1; size <= len(text); size++ {
		var b bytes.Buffer
		f := &Folded{W: &b, Width: 12}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if wrote, err := f.Write([]byte(rest[:n])); err != nil || wrote != n {
				t.Fatal(wrote, err)
			}
			rest = rest[n:]
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if want := "one two\nthree four\nfive six\nseven\n\neight\nnine ten\neleven\ntwelve\nthirteen"; b.String() != want {
			t.Fatalf("%d bytes at once: %q, want %q", size, b.String(), want)
		}
	}
	var b strings.Builder
	f := &Folded{W: &b}
	if _, err := f.Write([]byte(text)); err != nil || b.String() != text {
		t.Errorf("without a width: %q, %v", b.String(), err)
	}
}
