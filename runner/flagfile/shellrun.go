package flagfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A shell follows a script without running it: assignments, arrays, functions. What
// rests on conditions, loops, other files and programs is not known, and is kept as a
// part that names the code and the values which that code rests on: a change that
// touches one of them makes another part of it, and so is never taken for proved.
type shell struct {
	name string
	text []byte

	vars      map[string]*variable
	order     []string // Names, in the order of their first assignment.
	functions map[string]*syntax.FuncDecl
	launches  []launch
	depth     int // Of function calls and branches.
	work      int // Statements that were followed.
	ended     bool

	// local are the variables of the function that is followed, as they were before it.
	local map[string]*variable
}

// A variable holds one element, or an array of them.
type variable struct {
	array bool
	elems []arg
	line  int
	from  map[string]bool // The variables that its value was taken from.
	twice bool            // Another assignment before it counts for nothing.
	word  place           // Where its value is written, if one assignment writes it.
}

// A launch is a command that starts the scheduler.
type launch struct {
	args []arg
	line int
}

func newShell(name string, text []byte) *shell {
	return &shell{name: name, text: text, vars: map[string]*variable{}, functions: map[string]*syntax.FuncDecl{}}
}

const (
	maxDepth = 32
	maxWork  = 20000
)

func (sh *shell) run(file *syntax.File) error { return sh.stmts(file.Stmts) }

func (sh *shell) stmts(list []*syntax.Stmt) error {
	for _, s := range list {
		if sh.ended {
			return nil
		}
		if err := sh.stmt(s); err != nil {
			return err
		}
	}
	return nil
}

func (sh *shell) stmt(s *syntax.Stmt) error {
	if sh.work++; sh.work > maxWork || sh.depth > maxDepth {
		return fmt.Errorf("%s:%d: it is too long or too deep to be followed; %s", sh.name, s.Pos().Line(), OwnWay)
	}
	switch c := s.Cmd.(type) {
	case nil:
		return nil
	case *syntax.CallExpr:
		return sh.call(c)
	case *syntax.DeclClause:
		return sh.declare(c)
	case *syntax.FuncDecl:
		if c.Name == nil {
			return fmt.Errorf("%s:%d: a function without a name; %s", sh.name, c.Pos().Line(), OwnWay)
		}
		sh.functions[c.Name.Value] = c
		return nil
	case *syntax.Block:
		return sh.stmts(c.Stmts)
	case *syntax.Subshell:
		return sh.apart(func() error { return sh.stmts(c.Stmts) })
	case *syntax.IfClause:
		return sh.branches(c, func() error { return sh.ifs(c) })
	case *syntax.CaseClause:
		return sh.branches(c, func() error {
			for _, i := range c.Items {
				if err := sh.apart(func() error { return sh.stmts(i.Stmts) }); err != nil {
					return err
				}
			}
			return nil
		})
	case *syntax.WhileClause:
		sh.forget(c)
		return sh.apart(func() error { return sh.both(c.Cond, c.Do) })
	case *syntax.ForClause:
		sh.forget(c)
		return sh.apart(func() error { return sh.stmts(c.Do) })
	case *syntax.BinaryCmd:
		return sh.branches(c, func() error {
			if err := sh.apart(func() error { return sh.stmt(c.X) }); err != nil {
				return err
			}
			return sh.apart(func() error { return sh.stmt(c.Y) })
		})
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return sh.stmt(c.Stmt)
		}
		return nil
	case *syntax.TestClause:
		return nil
	}
	sh.forget(s.Cmd) // Arithmetic, let, coproc.
	return nil
}

func (sh *shell) ifs(c *syntax.IfClause) error {
	for ; c != nil; c = c.Else {
		if err := sh.apart(func() error { return sh.both(c.Cond, c.Then) }); err != nil {
			return err
		}
	}
	return nil
}

func (sh *shell) both(a, b []*syntax.Stmt) error {
	if err := sh.stmts(a); err != nil {
		return err
	}
	return sh.stmts(b)
}

// apart follows what has no effect on the variables behind it.
func (sh *shell) apart(follow func() error) error {
	vars, order, ended := maps.Clone(sh.vars), slices.Clone(sh.order), sh.ended
	sh.depth++
	err := follow()
	sh.depth--
	sh.vars, sh.order, sh.ended = vars, order, ended
	return err
}

// branches follows what may run or not; what it assigns is not known behind it.
func (sh *shell) branches(c syntax.Command, follow func() error) error {
	if err := follow(); err != nil {
		return err
	}
	sh.forget(c)
	return nil
}

func (sh *shell) set(name string, v *variable) {
	if sh.vars[name] == nil {
		sh.order = append(sh.order, name)
	}
	sh.vars[name] = v
}

// call is a command, or assignments alone.
func (sh *shell) call(c *syntax.CallExpr) error {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			if err := sh.assign(a); err != nil {
				return err
			}
		}
		return nil
	}
	fields, err := sh.fields(c.Args)
	if err != nil || len(fields) == 0 {
		return err
	}
	for _, w := range c.Args { // ${X:=word}
		if names, _ := sh.assigned(w, map[string]bool{}, 0); len(names) > 0 {
			sh.forget(w)
		}
	}
	word := fields[0].shown()
	if f := sh.functions[word]; f != nil {
		return sh.function(f, fields[1:])
	}
	switch word {
	case "exit", "return":
		sh.ended = word == "exit" || sh.depth == 0
		return nil
	case "set":
		if len(fields) > 1 && fields[1].shown() == "--" {
			sh.set("@", &variable{array: true, elems: fields[2:], line: int(c.Pos().Line())})
		}
		return nil
	case "shift":
		v := sh.vars["@"]
		if n := 1; v == nil || len(fields) > 1 || len(v.elems) < n || !v.elems[0].known() {
			sh.unknown("@", c)
		} else {
			sh.set("@", &variable{array: true, elems: v.elems[n:], line: v.line})
		}
		return nil
	case ".", "source", "eval", "read", "unset", "getopts", "mapfile", "readarray":
		sh.forget(c)
		return nil
	case "printf":
		if len(fields) > 2 && fields[1].shown() == "-v" {
			sh.forget(c)
		}
		return nil
	}
	if err := sh.launch(fields, c.Pos()); err != nil {
		return err
	}
	sh.ended = sh.ended || word == "exec" && len(fields) > 1
	return nil
}

// function follows a function's body with its arguments.
func (sh *shell) function(f *syntax.FuncDecl, args []arg) error {
	outer := sh.local
	sh.local = map[string]*variable{"@": sh.vars["@"]}
	sh.set("@", &variable{array: true, elems: args, line: int(f.Pos().Line())})
	sh.depth++
	err := sh.stmt(f.Body)
	sh.depth--
	for name, was := range sh.local {
		if sh.vars[name] = was; was == nil {
			delete(sh.vars, name)
		}
	}
	sh.local = outer
	return err
}

// declare is export, declare, readonly, local.
func (sh *shell) declare(c *syntax.DeclClause) error {
	for _, a := range c.Args {
		if _, seen := sh.local[local(c, a)]; sh.local != nil && !seen && local(c, a) != "" {
			sh.local[local(c, a)] = sh.vars[local(c, a)]
		}
		switch {
		case a.Naked && a.Value != nil: // An option.
			if l := a.Value.Lit(); strings.ContainsAny(l, "niAlu") {
				sh.forget(c)
				return nil
			}
		case a.Name != nil && !a.Naked:
			if err := sh.assign(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// local is the name that a declaration within a function keeps there, "" if none.
func local(c *syntax.DeclClause, a *syntax.Assign) string {
	if a.Name == nil || c.Variant.Value == "export" || c.Variant.Value == "readonly" {
		return ""
	}
	return a.Name.Value
}

// assign sets a variable.
func (sh *shell) assign(a *syntax.Assign) error {
	name := a.Name.Value
	if name == "IFS" {
		return fmt.Errorf("%s:%d: it sets IFS, so what a word is can't be told; %s", sh.name, a.Pos().Line(), OwnWay)
	}
	if a.Index != nil {
		sh.unknown(name, a)
		return nil
	}
	v := &variable{line: int(a.Pos().Line()), from: map[string]bool{}}
	var err error
	switch {
	case a.Array != nil:
		v.array = true
		var words []*syntax.Word
		for _, e := range a.Array.Elems {
			if e.Index != nil {
				sh.unknown(name, a)
				return nil
			}
			if e.Value != nil {
				words = append(words, e.Value)
			}
		}
		if v.elems, err = sh.fields(words); err != nil {
			return err
		}
	case a.Value != nil:
		chars, err := sh.word(a.Value, false)
		if err != nil {
			return err
		}
		v.elems = []arg{{flat(chars)}}
		v.word = place{from: int(a.Value.Pos().Offset()), to: int(a.Value.End().Offset())}
	default:
		v.elems = []arg{{}}
		v.word = place{from: int(a.End().Offset()), to: int(a.End().Offset())}
	}
	names(a, func(n string) {
		v.from[n] = true
		if o := sh.vars[n]; o != nil {
			for inner := range o.from {
				v.from[inner] = true
			}
		}
	})
	if old := sh.vars[name]; a.Append {
		if old == nil {
			sh.unknown(name, a) // What the environment says, and this.
			return nil
		}
		for n := range old.from {
			v.from[n] = true
		}
		v.word = place{}
		switch {
		case old.array && v.array:
			v.elems = append(slices.Clone(old.elems), v.elems...)
		case !old.array && !v.array:
			v.elems = []arg{{append(slices.Clone(old.elems[0].chars), v.elems[0].chars...)}}
		default:
			sh.unknown(name, a)
			return nil
		}
	}
	if size(v.elems) > maxChars {
		return fmt.Errorf("%s:%d: %s becomes longer than %d characters; %s", sh.name, v.line, name, maxChars, OwnWay)
	}
	if old := sh.vars[name]; old != nil && !a.Append && !v.from[name] {
		v.twice = true
	}
	sh.set(name, v)
	return nil
}

func size(elems []arg) (n int) {
	for _, e := range elems {
		n += 1 + len(e.chars)
	}
	return n
}

// positional is the value of $1, $2 and so on.
func (sh *shell) positional(name string) (*variable, bool) {
	n, err := strconv.Atoi(name)
	if err != nil || n == 0 {
		return nil, false
	}
	v := sh.vars["@"]
	if v == nil {
		return nil, false
	}
	for _, e := range v.elems[:min(n, len(v.elems))] {
		if len(e.chars) > 0 && e.chars[0].opaque && e.chars[0].split {
			return nil, false // It may be any number of words.
		}
	}
	if n > len(v.elems) {
		return &variable{elems: []arg{{}}}, true
	}
	return &variable{elems: v.elems[n-1 : n]}, true
}
