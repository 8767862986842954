package flagfile

import (
	"bytes"
	"testing"
)

// Whatever the file and its format: a rewrite either refuses or gives the old arguments
// with exactly the changes; what was read stays as it is; nothing panics.
func FuzzRewrite(f *testing.F) {
	for _, w := range files(f) {
		f.Add(w.path, w.text(f))
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if len(text) > 1<<14 {
			return
		}
		was := bytes.Clone(text)
		read, err := Parse(Detected, name, text)
		if err != nil {
			return
		}
		out, err := read.Rewrite(disabled)
		if !bytes.Equal(text, was) {
			t.Fatalf("the text that was read changed:\n%q\n%q", was, text)
		}
		if err != nil {
			return
		}
		again, err := Parse(read.Kind(), name, out)
		if err != nil {
			t.Fatalf("rewritten: %v\n%q\n%q", err, text, out)
		}
		if d := differs(read.Args(), again.Args(), disabled); d != "" {
			t.Fatalf("%s\n%q\n%q", d, text, out)
		}
		if twice, err := again.Rewrite(disabled); err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("a second rewrite: %v\n%q\n%q", err, out, twice)
		}
	})
}
