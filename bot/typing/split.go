// Package typing reads words as people meant them: as phones, chats and documents
// make them of what was typed or pasted. What could mean two things is an error.
package typing

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

const (
	singles = "'‘’‚‛‹›"
	doubles = "\"“”„‟«»〝〞「」『』"
	opening = "“„‟«〝「『" // Of doubles, those that begin a quote where a word could begin.
	dashes  = "—–―⸺"    // What keyboards make of "--".
	hyphens = "‒−"      // What documents make of "-".
	marks   = "*_~"     // Bold, italic and struck text in Slack.
)

// A splitter splits text into words.
type splitter struct {
	text   []rune
	at     int
	word   strings.Builder
	inWord bool
	bare   bool // The word does not begin with a quote.
	quoted bool // A part of the word does.
	quote  string
	inner  int // Quotes within the quote that are not closed yet.
	closed map[int]bool
	out    []string
}

// Split splits text into words: quotes and backslashes as in a shell, and nothing
// else of one. Nothing is expanded, and no shell ever sees it. Marks that format
// text are left out, and so are those that quote a line.
func Split(text string) ([]string, error) {
	out, err := split(text)
	if err == nil && len(out) == 1 && strings.ContainsAny(out[0], " \n\t") {
		return split(out[0]) // All of it was pasted with quotes around it.
	}
	return out, err
}

func split(text string) ([]string, error) {
	s := &splitter{text: []rune(Plain(text)), bare: true, closed: map[int]bool{}}
	for ; s.at < len(s.text); s.at++ {
		var err error
		if s.quote != "" {
			s.within(s.text[s.at])
		} else {
			err = s.outside(narrow(s.text[s.at]))
		}
		if err != nil {
			return nil, err
		}
	}
	if s.quote != "" {
		return nil, errors.New("a quote is opened and never closed")
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return s.out, nil
}

// near is the character so far from the one that is read; a space beyond the text.
func (s *splitter) near(by int) rune {
	if at := s.at + by; at >= 0 && at < len(s.text) {
		return s.text[at]
	}
	return ' '
}

// inside reports whether letters or digits are on both sides: an apostrophe, or a
// dash of a name.
func (s *splitter) inside() bool { return letter(s.near(-1)) && letter(s.near(1)) }

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func (s *splitter) add(r rune) {
	s.word.WriteRune(r)
	s.inWord = true
}

func (s *splitter) escaped() error {
	if s.at++; s.at == len(s.text) {
		return errors.New("a backslash is at the end")
	}
	s.bare = s.bare && s.inWord
	s.add(s.text[s.at])
	return nil
}

// outside reads a character outside of quotes.
func (s *splitter) outside(r rune) error {
	switch {
	case r == '\\':
		return s.escaped()
	case strings.ContainsRune(singles, r) && (s.inside() || r == '’' && s.inWord && letter(s.near(-1))):
		s.add(r) // An apostrophe.
	case strings.ContainsRune(singles, r):
		s.open(singles)
	case strings.ContainsRune(doubles, r):
		s.open(doubles)
	case unicode.IsSpace(r):
		return s.end()
	case r == '`' && (s.starts() || s.ends(1)):
	case s.closed[s.at]:
	case strings.ContainsRune(marks, r) && s.starts() && s.close(r):
	case strings.ContainsRune(">•", r) && !s.inWord && s.begins():
	case strings.ContainsRune(hyphens, r) || r == '–' && s.inWord && s.inside():
		s.add('-')
	default:
		s.add(r)
	}
	return nil
}

func (s *splitter) open(kind string) {
	s.bare = s.bare && s.inWord
	s.quote, s.inWord, s.quoted = kind, true, true
	if strings.ContainsRune("«‹", s.text[s.at]) && s.near(1) == ' ' {
		s.at++ // As one writes in French.
	}
}

// within reads a character of a quote.
func (s *splitter) within(r rune) {
	space := unicode.IsSpace(s.near(-1))
	if wide := narrow(r); strings.ContainsRune(s.quote, wide) {
		r = wide
	}
	switch {
	case r == '\\' && s.quote == doubles && s.at+1 < len(s.text):
		s.at++
		s.add(s.text[s.at])
	case !strings.ContainsRune(s.quote, r) || s.quote == singles && s.inside():
		s.add(r)
	case strings.ContainsRune(opening, r) && space && letter(s.near(1)):
		s.inner++
		s.add(r)
	case s.inner > 0:
		s.inner--
		s.add(r)
	default:
		if strings.ContainsRune("»›", r) && space {
			w := strings.TrimRight(s.word.String(), " ")
			s.word.Reset()
			s.word.WriteString(w)
		}
		s.quote = ""
	}
}

// starts reports whether a word or the value of an option starts here.
func (s *splitter) starts() bool { return !s.inWord || s.bare && s.near(-1) == '=' }

// ends reports whether nothing of a word is so far from here, but marks.
func (s *splitter) ends(by int) bool {
	r := s.near(by)
	return unicode.IsSpace(r) || strings.ContainsRune(marks+"`.,:;!?)", r) || strings.ContainsRune(singles+doubles, r)
}

// begins reports whether only such marks stand before in the line.
func (s *splitter) begins() bool {
	for i := s.at - 1; i >= 0 && s.text[i] != '\n'; i-- {
		if !strings.ContainsRune(">•`* \t", s.text[i]) {
			return false
		}
	}
	return true
}

// close looks for the mark that ends what the one here begins, as Slack does: in
// the same line, behind something. It is left out as well.
func (s *splitter) close(mark rune) bool {
	if unicode.IsSpace(s.near(1)) {
		return false
	}
	quotes, from := 0, s.at
	defer func() { s.at = from }()
	for s.at += 2; s.at < len(s.text) && s.text[s.at] != '\n'; s.at++ {
		if r := s.text[s.at]; strings.ContainsRune(doubles, r) {
			quotes++
		} else if r == mark && quotes%2 == 0 && !s.closed[s.at] && !unicode.IsSpace(s.near(-1)) && s.ends(1) {
			s.closed[s.at] = true
			return true
		}
	}
	return false
}

// end ends a word.
func (s *splitter) end() error {
	if !s.inWord {
		return nil
	}
	w := s.word.String()
	if rest := strings.TrimLeft(w, dashes+"-"); s.bare && rest != "" && strings.ContainsAny(w[:len(w)-len(rest)], dashes) {
		w = "--" + rest
	}
	if s.bare && strings.HasPrefix(w, "--") {
		name, value, given := strings.Cut(w, "=")
		if w = strings.ToLower(name); given {
			w += "=" + value
		}
	}
	if !s.quoted && (len(s.out) == 0 || s.out[len(s.out)-1] != "--reason") {
		if r, ok := alike(w); ok {
			return fmt.Errorf("in %.60q one character, %q (%U), only looks like a plain letter: type the word by hand", w, r, r)
		}
	}
	s.out = append(s.out, w)
	s.word.Reset()
	s.inWord, s.bare, s.quoted = false, true, false
	return nil
}

// alike finds a letter of another script among those that all names here are made
// of: it looks right, and no name has it.
func alike(word string) (rune, bool) {
	plain, other := false, rune(0)
	for _, r := range word {
		switch {
		case r <= unicode.MaxASCII:
			plain = plain || letter(r)
		case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee):
			other = r
		}
	}
	return other, plain && other != 0
}
