package cli

import (
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// Plain is a writer through which no text can do anything to a terminal: texts of
// hosts and backups reach it in errors, events and files. Control characters but
// newline and tab, marks that turn the direction of writing, and bytes that are no
// UTF-8 are written as JSON would write them, "\u001b": a reader sees that they are
// there, and in JSON, where they can stand in strings alone, values stay what they
// were. Sequences of our own are added behind it. Several may write at once.
type Plain struct {
	W io.Writer

	mu   sync.Mutex
	rest []byte // The beginning of a character whose end was not written yet.
	out  []byte
}

// Write writes p, but for a character that is cut at its end: the next Write or
// Close has that.
func (t *Plain) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := append(t.rest, p...)
	t.rest = nil
	t.out = t.out[:0]
	for len(text) > 0 {
		if c := text[0]; c < utf8.RuneSelf {
			t.add(rune(c), text[:1])
			text = text[1:]
			continue
		}
		if !utf8.FullRune(text) {
			t.rest = append([]byte(nil), text...)
			break
		}
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			t.out = fmt.Appendf(t.out, `\u%04x`, 0xfffd)
		} else {
			t.add(r, text[:n])
		}
		text = text[n:]
	}
	if _, err := t.W.Write(t.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what is left of a character that never ended. It closes nothing.
func (t *Plain) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) == 0 {
		return nil
	}
	t.rest = nil
	_, err := io.WriteString(t.W, `\ufffd`)
	return err
}

func (t *Plain) add(r rune, raw []byte) {
	if acts(r) {
		t.out = fmt.Appendf(t.out, `\u%04x`, r)
		return
	}
	t.out = append(t.out, raw...)
}

// acts reports whether a terminal does something else with r than show it.
func acts(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true // C0, DEL, C1.
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true // Direction of writing (Unicode, UAX 9).
	case r == 0x2028, r == 0x2029:
		return true // Separators of lines and paragraphs.
	}
	return false
}
