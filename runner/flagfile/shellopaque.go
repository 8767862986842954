package flagfile

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// forget makes every variable that code may assign one that is not known.
func (sh *shell) forget(code syntax.Node) {
	names, all := sh.assigned(code, map[string]bool{}, 0)
	if all {
		for name := range sh.vars {
			names = append(names, name)
		}
	}
	for _, name := range names {
		sh.unknown(name, code)
	}
}

// unknown sets a variable to what code makes of it, whatever that is.
func (sh *shell) unknown(name string, code syntax.Node) {
	c := sh.opaque(code, "$"+name)
	c.s = name + "=" + c.s
	v := &variable{elems: []arg{{[]char{c}}}, line: int(code.Pos().Line())}
	if old := sh.vars[name]; old != nil {
		v.array, v.from = old.array, old.from
	}
	sh.set(name, v)
}

// assigned are the variables that code may assign; all is set if it may be any.
func (sh *shell) assigned(code syntax.Node, seen map[string]bool, depth int) (names []string, all bool) {
	add := func(name string) { names = append(names, name) }
	syntax.Walk(code, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil {
				add(n.Name.Value)
			}
		case *syntax.ParamExp:
			if n.Exp != nil && (n.Exp.Op == syntax.AssignUnset || n.Exp.Op == syntax.AssignUnsetOrNull) && n.Param != nil {
				add(n.Param.Value)
			}
		case *syntax.WordIter:
			add(n.Name.Value)
		case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause:
			syntax.Walk(n, func(m syntax.Node) bool {
				if l, ok := m.(*syntax.Lit); ok {
					add(l.Value)
				}
				return true
			})
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				break
			}
			word := n.Args[0].Lit()
			if f := sh.functions[word]; f != nil && !seen[word] && depth < maxDepth {
				seen[word] = true
				more, any := sh.assigned(f.Body, seen, depth+1)
				names, all = append(names, more...), all || any
			}
			more, any := changes(n)
			names, all = append(names, more...), all || any
		}
		return true
	})
	return names, all
}

// changes are the variables that a command of the shell itself assigns.
func changes(c *syntax.CallExpr) (names []string, all bool) {
	switch c.Args[0].Lit() {
	case ".", "source", "eval":
		return nil, true
	case "read", "unset", "getopts", "mapfile", "readarray", "printf":
		for _, w := range c.Args[1:] {
			if l := w.Lit(); l != "" && !strings.HasPrefix(l, "-") {
				names = append(names, l)
			}
		}
	case "set", "shift":
		names = append(names, "@")
	}
	return names, false
}

// names calls visit with each variable that code reads.
func names(code syntax.Node, visit func(string)) {
	syntax.Walk(code, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			if n.Param != nil {
				visit(n.Param.Value)
			}
		case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause:
			syntax.Walk(n, func(m syntax.Node) bool {
				if l, ok := m.(*syntax.Lit); ok {
					visit(l.Value)
				}
				return true
			})
		}
		return true
	})
}

// opaque is what code gives, as a part that is the same only if the code and the
// variables that it reads are.
func (sh *shell) opaque(code syntax.Node, shown string) char {
	from, to := int(code.Pos().Offset()), int(code.End().Offset())
	var b strings.Builder
	b.Write(sh.text[from:to])
	seen := map[string]bool{}
	read := func(n string) {
		if seen[n] {
			return
		}
		seen[n] = true
		if v := sh.vars[n]; v != nil && b.Len() < 4*maxChars {
			b.WriteString("\x01" + n)
			for _, e := range v.elems {
				b.WriteString("\x02" + e.id())
			}
		}
	}
	names(code, read)
	for _, f := range sh.called(code, nil) {
		b.WriteString("\x03")
		b.Write(sh.text[f.Pos().Offset():f.End().Offset()])
		names(f.Body, read)
	}
	return char{s: hashed(b.String()), opaque: true, shown: shown}
}

// called are the functions that code calls, and those that they call.
func (sh *shell) called(code syntax.Node, found []*syntax.FuncDecl) []*syntax.FuncDecl {
	syntax.Walk(code, func(n syntax.Node) bool {
		c, ok := n.(*syntax.CallExpr)
		if !ok || len(c.Args) == 0 {
			return true
		}
		if f := sh.functions[c.Args[0].Lit()]; f != nil && !slices.Contains(found, f) {
			found = sh.called(f.Body, append(found, f))
		}
		return true
	})
	return found
}
