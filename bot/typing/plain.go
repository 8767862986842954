package typing

import (
	"strings"
	"unicode"
)

// Plain takes out of text what nobody sees (zero-width and direction marks, soft
// hyphens, control characters), and makes every kind of space a space and every
// hyphen that only looks like one a hyphen. Joiners between characters that are not
// ASCII stay: there they are part of a letter or a picture.
func Plain(text string) string {
	runes := []rune(strings.ToValidUTF8(text, ""))
	var out strings.Builder
	for i, r := range runes {
		switch {
		case r == '\n' || r == '\t' || r == ' ':
			out.WriteRune(r)
		case strings.ContainsRune("\r\v\f\u0085\u2028\u2029", r):
			out.WriteByte('\n')
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || strings.ContainsRune(blanks, r):
			out.WriteByte(' ')
		case strings.ContainsRune("\u2010\u2011\ufe63", r):
			out.WriteByte('-')
		case strings.ContainsRune(joiners, r) && around(runes, i, func(c rune) bool { return c > unicode.MaxASCII }):
			out.WriteRune(r)
		case unseen(r):
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

const (
	blanks  = "\u115f\u1160\u2800\u3164\uffa0" // Letters and signs that are drawn as nothing.
	joiners = "\u200c\u200d\ufe0e\ufe0f"       // Of letters in Persian and Hindi, of pictures.
)

// unseen tells the characters that show nothing.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector) || strings.ContainsRune("\u034f\u17b4\u17b5", r)
}

// around reports whether the characters before and behind the one at i are such.
func around(runes []rune, i int, such func(rune) bool) bool {
	return i > 0 && i+1 < len(runes) && such(runes[i-1]) && such(runes[i+1])
}

// narrow is the ASCII character that a wide one of an East Asian keyboard stands for.
func narrow(r rune) rune {
	if r >= '！' && r <= '～' {
		return r - '！' + '!'
	}
	return r
}
