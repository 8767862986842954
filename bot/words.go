package bot

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// maxText is the longest text that is read as a command, in bytes.
const maxText = 4000

var (
	reference = regexp.MustCompile(`<([@#!]|https?://|mailto:|tel:)([^<>|]*)(?:\|([^<>]*))?>`)
	entities  = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// words splits what somebody typed in Slack into words: quotes and backslashes
// as in a shell, and nothing else of one. Nothing is expanded, and no shell
// ever sees it.
func words(text string) ([]string, error) {
	if len(text) > maxText {
		return nil, errors.New("the text is too long for a command")
	}
	return split(decode(text))
}

// decode undoes what Slack makes of typed text: references to people, groups
// and channels become their IDs, links what was typed, entities characters.
// https://docs.slack.dev/messaging/formatting-message-text (read 2026-11-23).
func decode(text string) string {
	text = reference.ReplaceAllStringFunc(text, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		sigil, target, label := m[1], m[2], m[3]
		switch {
		case sigil == "@" || sigil == "#":
			return target
		case sigil == "!":
			if group, ok := strings.CutPrefix(target, "subteam^"); ok {
				return group
			}
			return "@" + target
		// Slack makes links of what only looks like one: "a.example" was typed.
		case label != "":
			return label
		}
		return sigil + target
	})
	return entities.Replace(text)
}

// Keyboards of phones and Macs make these of quotes and of "--".
var (
	singles = "'‘’"
	doubles = "\"“”„"
	dashes  = []string{"—", "–"}
	hyphens = "\u2010\u2011\u2012\u2212" // That look like "-": from documents, and of chat that must not break.
)

func split(text string) ([]string, error) {
	var out []string
	var word strings.Builder
	inWord := false
	quote := ""     // The characters that end the quote; empty outside of one.
	bare := true    // The word does not begin with a quote.
	escape := false // A backslash came before.
	end := func() {
		if !inWord {
			return
		}
		w := word.String()
		for _, d := range dashes {
			if rest, ok := strings.CutPrefix(w, d); ok && bare && rest != "" {
				w = "--" + rest
			}
		}
		out = append(out, w)
		word.Reset()
		inWord, bare = false, true
	}
	for _, r := range text {
		switch {
		case escape:
			word.WriteRune(r)
			escape = false
		case r == '\\' && quote != singles:
			escape, inWord, bare = true, true, bare && inWord
		case quote != "" && strings.ContainsRune(quote, r):
			quote = ""
		case quote != "":
			word.WriteRune(r)
		case strings.ContainsRune(singles, r) && !(inWord && r == '’'):
			quote, inWord, bare = singles, true, bare && inWord
		case strings.ContainsRune(doubles, r):
			quote, inWord, bare = doubles, true, bare && inWord
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
			end()
		case unicode.Is(unicode.Cf, r):
			// Marks that nobody sees, which come along when something is copied.
		case strings.ContainsRune(hyphens, r):
			word.WriteByte('-')
			inWord = true
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != "" {
		return nil, errors.New("a quote is opened and never closed")
	}
	if escape {
		return nil, errors.New("a backslash stands at the end")
	}
	end()
	return out, nil
}
