package flagfile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// hashed is a short name for a long text.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A part of a word: characters, or (an array within quotes) a break between two
// arguments. quoted is set in what stands in quotes: it makes an argument even if empty.
type part struct {
	chars  []char
	breaks bool
	quoted bool
}

func flat(parts []part) []char {
	var chars []char
	for _, p := range parts {
		if p.breaks {
			chars = append(chars, char{s: " "})
		}
		chars = append(chars, p.chars...)
	}
	for i := range chars {
		chars[i].split = false
	}
	return chars
}

// fields are the arguments that words become.
func (sh *shell) fields(words []*syntax.Word) ([]arg, error) {
	var args []arg
	for _, w := range words {
		parts, err := sh.word(w, true)
		if err != nil {
			return nil, err
		}
		var now []char
		some := false
		end := func() {
			if some {
				args = append(args, arg{now})
			}
			now, some = nil, false
		}
		for _, p := range parts {
			if p.breaks {
				end()
			}
			some = some || p.quoted
			for _, c := range p.chars {
				if c.split && !c.opaque && (c.s == " " || c.s == "\t" || c.s == "\n") {
					end()
					continue
				}
				now, some = append(now, c), true
			}
		}
		end()
	}
	return args, nil
}

// word is what a word gives, before it is split at blanks; list is false where it is
// not split, as in an assignment.
func (sh *shell) word(w *syntax.Word, list bool) ([]part, error) {
	from, to := int(w.Pos().Offset()), int(w.End().Offset())
	var parts []part
	for i, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			parts = append(parts, part{chars: sh.bare(p, from, to, i == 0, list)})
		case *syntax.SglQuoted:
			parts = append(parts, part{chars: sh.single(p, from, to), quoted: true})
		case *syntax.DblQuoted:
			inner := []part{{quoted: true}}
			for _, q := range p.Parts {
				if l, ok := q.(*syntax.Lit); ok {
					inner = append(inner, part{chars: sh.escaped(int(l.Pos().Offset()), int(l.End().Offset()), from, to, "$`\"\\"), quoted: true})
				} else {
					inner = append(inner, sh.expand(q, from, to, true)...)
				}
			}
			parts = append(parts, inner...)
		default:
			parts = append(parts, sh.expand(p, from, to, false)...)
		}
	}
	return parts, nil
}

// single is text in single quotes, or in $'…'.
func (sh *shell) single(p *syntax.SglQuoted, from, to int) []char {
	first, last := int(p.Pos().Offset())+1, int(p.End().Offset())-1
	if p.Dollar {
		first++
		if strings.Contains(p.Value, `\`) {
			c := sh.opaque(p, string(sh.text[p.Pos().Offset():p.End().Offset()]))
			c.at = []place{{int(p.Pos().Offset()), int(p.End().Offset()), from, to}}
			return []char{c}
		}
	}
	return literal(sh.text, first, last, from, to)
}

// escaped is text in which a backslash takes its meaning from the characters of of,
// and joins lines.
func (sh *shell) escaped(first, last, from, to int, of string) []char {
	var chars []char
	for i := first; i < last; i++ {
		b := sh.text[i]
		if b == '\\' && i+1 == last && i+1 < len(sh.text) && sh.text[i+1] == '\n' {
			continue // The parser ends a literal there.
		}
		if b != '\\' || i+1 >= last {
			chars = append(chars, literal(sh.text, i, i+1, from, to)...)
			continue
		}
		next := sh.text[i+1]
		switch {
		case next == '\n':
			i++
		case of == "" || strings.IndexByte(of, next) >= 0:
			chars = append(chars, char{s: string(sh.text[i+1 : i+2]), at: []place{{i, i + 2, from, to}}})
			i++
		default:
			chars = append(chars, literal(sh.text, i, i+1, from, to)...)
		}
	}
	return chars
}

// bare is text without quotes. What a shell may look for among file names, or make
// several words of, is not known.
func (sh *shell) bare(l *syntax.Lit, from, to int, first, list bool) []char {
	chars := sh.escaped(int(l.Pos().Offset()), int(l.End().Offset()), from, to, "")
	for i, c := range chars {
		if c.at[0].to-c.at[0].from > 1 {
			continue
		}
		home := c.s == "~" && (i == 0 && first || !list && i > 0 && chars[i-1].s == ":")
		if home || list && (strings.Contains("*?[", c.s) || c.s == "{" && strings.ContainsAny(string(sh.text[c.at[0].from:to]), ",.")) {
			chars[i].opaque, chars[i].shown, chars[i].s = true, c.s, "pattern "+c.s
		}
	}
	return chars
}

// expand is what an expansion gives.
func (sh *shell) expand(p syntax.WordPart, from, to int, quoted bool) []part {
	at := place{int(p.Pos().Offset()), int(p.End().Offset()), from, to}
	unknown := func() []part {
		c := sh.opaque(p, string(sh.text[at.from:at.to]))
		c.at, c.split = []place{at}, !quoted
		return []part{{chars: []char{c}, quoted: quoted}}
	}
	e, ok := p.(*syntax.ParamExp)
	if !ok || e.Param == nil || e.Excl || e.Length || e.Width || e.Slice != nil || e.Repl != nil || e.Names != 0 {
		return unknown()
	}
	name := e.Param.Value
	index := ""
	if e.Index != nil {
		w, ok := e.Index.(*syntax.Word)
		if !ok {
			return unknown()
		}
		if index = w.Lit(); index != "@" && index != "*" && index != "0" {
			return unknown()
		}
	}
	v := sh.vars[name]
	switch {
	case name == "@" || name == "*":
		v, index = sh.vars["@"], name
	default:
		if pos, ok := sh.positional(name); ok {
			v = pos
		}
	}
	if v == nil {
		return unknown()
	}
	if e.Exp != nil {
		// A default is not taken where there is a value.
		whole := v.elems
		filled := len(whole) == 1 && len(whole[0].chars) > 0 && whole[0].known()
		switch e.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull, syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
			if !filled || index != "" {
				return unknown()
			}
		default:
			return unknown()
		}
	}
	elems := v.elems
	if v.array && index == "" || index == "0" {
		elems = elems[:min(1, len(elems))]
	}
	var parts []part
	for i, el := range elems {
		chars := seenFrom(at, el.chars, !quoted)
		if i > 0 && quoted && index == "*" {
			parts = append(parts, part{chars: []char{{s: " ", at: []place{at}}}})
		}
		parts = append(parts, part{chars: chars, breaks: i > 0 && !(quoted && index == "*"), quoted: quoted})
	}
	if len(parts) == 0 && quoted && index != "@" {
		return []part{{quoted: true}}
	}
	return parts
}
