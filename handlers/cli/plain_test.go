package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What reaches a terminal cannot clear it, write to its clipboard, or turn the
// direction of its text; whatever the pieces that it is written in.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"s1: \x1b[2J\x1b]52;c;cm0gLXJmIC8=\a gone\n": `s1: \u001b[2J\u001b]52;c;cm0gLXJmIC8=\u0007 gone` + "\n",
		"über\tdie „Straße“ – 日本\n":                  "über\tdie „Straße“ – 日本\n",
		"a\rb\x7f":                                   `a\u000db\u007f`,
		"C1: \u009b31m":                              `C1: \u009b31m`,
		"raw: \x9b31m\xff":                           `raw: \ufffd31m\ufffd`,
		"bidi \u202egnp.exe\u2066 \u200f\u061c":      `bidi \u202egnp.exe\u2066 \u200f\u061c`,
		"line\u2028two":                              `line\u2028two`,
		"cut \xe2\x80":                               `cut \ufffd`,
	} {
		for size := 1; size <= len(in); size++ {
			var out bytes.Buffer
			p := &Plain{W: &out}
			for rest := []byte(in); len(rest) > 0; {
				n := min(size, len(rest))
				if k, err := p.Write(rest[:n]); k != n || err != nil {
					t.Fatal(k, err)
				}
				rest = rest[n:]
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Fatalf("%q in pieces of %d: %q, want %q", in, size, out.String(), want)
			}
		}
	}
}

// In JSON values stay what they were.
func TestPlainJSON(t *testing.T) {
	want := map[string]string{"task": "\x1b[2J \u202e \u009b über \u2028"}
	var out bytes.Buffer
	if err := json.NewEncoder(&Plain{W: &out}).Encode(want); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u202e\u009b\u2028") {
		t.Errorf("it reaches the terminal: %q", out.String())
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["task"] != want["task"] {
		t.Errorf("%q, %v; want %q", got["task"], err, want["task"])
	}
}
