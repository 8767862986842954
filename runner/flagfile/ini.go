package flagfile

import "strings"

// An entry is KEY=VALUE of a section, with the value's characters joined over lines.
type entry struct {
	section, key string
	value        []char
	line         int
}

// ordinary is a character of an entry's value with its place; what wrote it, an
// escape or a line's end, may be longer than one byte.
func ordinary(s string, from, to int) char {
	return char{s: s, at: []place{{from, to, from, to}}}
}

// lines are the lines of a text with the offset of each, without their ends.
func lines(text []byte) (all []string, offsets []int) {
	offset := 0
	for line := range strings.Lines(string(text)) {
		all, offsets = append(all, strings.TrimSuffix(line, "\n")), append(offsets, offset)
		offset += len(line)
	}
	return all, offsets
}

// worded gives each argument's characters the whole word that it is written as.
func worded(chars []char, from, to int) []char {
	for i := range chars {
		if len(chars[i].at) > 0 {
			chars[i].at[0].wordFrom, chars[i].at[0].wordTo = from, to
		}
	}
	return chars
}
