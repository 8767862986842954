package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// The lab's help fits on a terminal of 80 columns, and names each option and an
// example.
func TestHelp(t *testing.T) {
	for _, word := range []string{"-h", "--help"} {
		var out, errs bytes.Buffer
		if exit := run(t.Context(), []string{word}, &out, &errs); exit != 0 {
			t.Errorf("%s: exit status %d", word, exit)
		}
		text := errs.String()
		for line := range strings.SplitSeq(text, "\n") {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s: longer than 80: %s", word, line)
			}
		}
		for _, want := range []string{"\n  go run ./lab --auto ", "\n  --keep DIR\n", "\n  --auto\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", word, want, text)
			}
		}
	}
}
