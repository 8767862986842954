package flagfile

import (
	"bytes"
	"fmt"
	"strings"

	"aurorabot/runner/aurora"
)

// Rewrite returns the file with the flags changed; all other bytes stay. What it
// returns is proved: read again, it would pass the old arguments with exactly these
// changes. A file that can't be changed so is an error.
func (f *File) Rewrite(changes []aurora.FlagChange) ([]byte, error) {
	for _, c := range changes {
		if i := strings.IndexAny(c.Value, "\"'`$\\ \t\r\n;&|<>()%#*?[]{}~!"); i >= 0 {
			return nil, fmt.Errorf("-%s: the value %q has a character that %s reads: %q", c.Flag, c.Value, f.kind, c.Value[i])
		}
		s, set := f.flags[c.Flag]
		switch {
		case !set && !c.Unset && f.start.elsewhere && ownVariable(c.Flag) != "":
			return nil, fmt.Errorf("%s: it sets neither %s nor -%s in %s, so where the scheduler has that from can't be told, and it would be given twice: set %s here", f.name, ownVariable(c.Flag), c.Flag, extraArgs, ownVariable(c.Flag))
		case !set:
		case s.twice:
			return nil, fmt.Errorf("%s: -%s is given twice, which no scheduler takes: leave one of them", f.name, c.Flag)
		case s.without && s.at+1 < len(f.start.args) && !strings.HasPrefix(f.start.args[s.at+1].shown(), "-"):
			return nil, fmt.Errorf("%s: -%s and its value stand apart; write -%s=VALUE", f.name, c.Flag, c.Flag)
		}
	}
	if f.proves(f.text, changes) == nil {
		return bytes.Clone(f.text), nil
	}
	if f.start.variables != nil {
		out, err := f.start.variables.rewrite(f.text, changes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if out != nil {
			if err := f.proves(out, changes); err == nil {
				return out, nil
			}
		}
	}
	now := f
	for _, c := range changes {
		next, err := now.change(c)
		if err != nil {
			return nil, err
		}
		now = next
	}
	return now.text, f.proves(now.text, changes)
}

// proves reads a rewritten text as the start would.
func (f *File) proves(text []byte, changes []aurora.FlagChange) error {
	_, err := f.after(text, changes)
	return err
}

// after reads a text and wants f's arguments with exactly these changes.
func (f *File) after(text []byte, changes []aurora.FlagChange) (*File, error) {
	again, err := Parse(f.kind, f.name, text)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.Flag] = true
		got, known := again.Resolved(c.Flag)
		_, set := again.flags[c.Flag]
		if c.Unset && set || !c.Unset && (got != c.Value || !known || again.flags[c.Flag].twice) {
			return nil, fmt.Errorf("%s: -%s would be %q after rewriting, not %q: the file is written in a way that can't be changed safely; %s", f.name, c.Flag, got, c.Value, OwnWay)
		}
	}
	rest := func(args []arg) (left []arg) {
		for _, a := range args {
			if name, ok := a.flag(); !ok || !changed[name] {
				left = append(left, a)
			}
		}
		return left
	}
	old, now := rest(f.start.args), rest(again.start.args)
	for i := range max(len(old), len(now)) {
		switch {
		case i >= len(now):
			return nil, fmt.Errorf("%s: a rewrite would lose the argument %q; %s", f.name, old[i].shown(), OwnWay)
		case i >= len(old):
			return nil, fmt.Errorf("%s: a rewrite would add the argument %q; %s", f.name, now[i].shown(), OwnWay)
		case !old[i].same(now[i]):
			return nil, fmt.Errorf("%s: a rewrite would change the argument %q; %s", f.name, old[i].shown(), OwnWay)
		}
	}
	return again, nil
}

// change makes one change in the narrowest way that is proved.
func (f *File) change(c aurora.FlagChange) (*File, error) {
	s, set := f.flags[c.Flag]
	var edits []edit
	switch {
	case set && !c.Unset:
		if s.known && s.value == c.Value {
			return f, nil
		}
		edits = f.replacing(f.start.args[s.at], c)
	case set:
		edits = f.leavingOut(f.start.args[s.at])
	case c.Unset:
		return f, nil
	default:
		edits = f.adding(c)
	}
	why := fmt.Errorf("%s: where -%s could be written is not sure; %s", f.name, c.Flag, OwnWay)
	for i, e := range edits {
		after, err := f.after(e.in(f.text), []aurora.FlagChange{c})
		if err == nil {
			return after, nil
		}
		if i == 0 && set {
			why = err
		}
	}
	return nil, why
}

// An edit puts text into the place of the bytes from and to.
type edit struct {
	from, to int
	text     string
}

func (e edit) in(text []byte) []byte {
	return append(append(bytes.Clone(text[:e.from]), e.text...), text[e.to:]...)
}

// stands is the innermost place at which the whole argument is written: where its
// first character is.
func (a arg) stands() (level int, ok bool) {
	if len(a.chars) == 0 || a.chars[0].opaque || len(a.chars[0].at) == 0 {
		return 0, false
	}
	return len(a.chars[0].at) - 1, true
}

// spans is from the first to the last byte of chars, at a level.
func spans(chars []char, level int) (p place, ok bool) {
	for i, c := range chars {
		if len(c.at) <= level {
			return p, false
		}
		at := c.at[level]
		if i == 0 {
			p = at
		}
		if at.wordFrom != p.wordFrom {
			return p, false
		}
		p.from, p.to = min(p.from, at.from), max(p.to, at.to)
	}
	return p, len(chars) > 0
}

// replacing are the ways to give an argument another value, the narrowest first: its
// value where the argument is written, the whole word there, the value of the
// variable that it is taken from.
func (f *File) replacing(a arg, c aurora.FlagChange) []edit {
	var edits []edit
	n := a.equals()
	value := a.chars[min(n+1, len(a.chars)):]
	level, ok := a.stands()
	if ok {
		if p, ok := spans(value, level); ok {
			edits = append(edits, edit{p.from, p.to, c.Value})
		}
		at := a.chars[0].at[level]
		edits = append(edits, edit{at.wordFrom, at.wordTo, "-" + c.Flag + "=" + c.Value})
		if p, ok := spans(a.chars, level); ok {
			edits = append(edits, edit{p.from, p.to, "-" + c.Flag + "=" + c.Value})
		}
		if n < len(a.chars) && len(a.chars[n].at) > level {
			at := a.chars[n].at[level]
			edits = append(edits, edit{at.to, at.to, c.Value})
		}
	}
	from := 0
	if ok {
		from = level + 1
	}
	for l := from; l < from+6; l++ {
		if p, ok := spans(value, l); ok {
			edits = append(edits, edit{p.wordFrom, p.wordTo, `"` + c.Value + `"`}, edit{p.from, p.to, c.Value})
		}
	}
	return edits
}

// leavingOut are the ways to take an argument away: with its whole line where it
// stands alone there, else with the blank before or behind it.
func (f *File) leavingOut(a arg) []edit {
	level, ok := a.stands()
	if !ok {
		return nil
	}
	var edits []edit
	at := a.chars[0].at[level]
	places := [][2]int{{at.wordFrom, at.wordTo}}
	if p, ok := spans(a.chars, level); ok {
		places = append(places, [2]int{p.from, p.to})
	}
	for _, p := range places {
		from, to := p[0], p[1]
		line := bytes.LastIndexByte(f.text[:from], '\n') + 1
		end := len(f.text)
		if i := bytes.IndexByte(f.text[to:], '\n'); i >= 0 {
			end = to + i + 1
		}
		before, behind := strings.TrimSpace(string(f.text[line:from])), strings.TrimSpace(string(f.text[to:end]))
		if before == "" && (behind == "" || behind == `\`) {
			edits = append(edits, edit{line, end, ""})
		}
		first := from
		for first > 0 && (f.text[first-1] == ' ' || f.text[first-1] == '\t') {
			first--
		}
		last := to
		for last < len(f.text) && (f.text[last] == ' ' || f.text[last] == '\t') {
			last++
		}
		edits = append(edits, edit{first, to, ""}, edit{from, last, ""}, edit{from, to, ""})
	}
	return edits
}

// maxAnchors bounds behind how many arguments a new one is tried.
const maxAnchors = 4

// adding are the ways to add an argument: behind one of the last ones, on a line of
// its own where that one has one.
func (f *File) adding(c aurora.FlagChange) []edit {
	var edits []edit
	word := "-" + c.Flag + "=" + c.Value
	from := flagsFrom(f.start.args)
	for i, tried := len(f.start.args)-1, 0; i >= from && tried < maxAnchors; i-- {
		a := f.start.args[i]
		level, ok := a.stands()
		if _, flag := a.flag(); !ok || !flag {
			continue
		}
		tried++
		at := a.chars[0].at[level]
		line := bytes.LastIndexByte(f.text[:at.wordFrom], '\n') + 1
		if indent := f.text[line:at.wordFrom]; len(bytes.TrimSpace(indent)) == 0 && line > 0 {
			if before := bytes.TrimRight(f.text[:line-1], " \t"); bytes.HasSuffix(before, []byte(`\`)) {
				edits = append(edits, edit{at.wordTo, at.wordTo, " \\\n" + string(indent) + word})
			} else {
				edits = append(edits, edit{at.wordTo, at.wordTo, "\n" + string(indent) + word})
			}
		}
		edits = append(edits, edit{at.wordTo, at.wordTo, " " + word})
		if end := bytes.IndexByte(f.text[at.wordTo:], '\n'); end >= 0 { // A line that adds one flag, such as the call of a function.
			last := at.wordTo + end
			edits = append(edits, edit{last, last, "\n" + string(f.text[line:at.wordFrom]) + word + string(f.text[at.wordTo:last])})
		}
		if p, ok := spans(a.chars, level); ok {
			edits = append(edits, edit{p.to, p.to, " " + word}, edit{p.from, p.from, word + " "})
		}
	}
	return edits
}
