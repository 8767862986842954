package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// An Error is one thing that is wrong with a file.
type Error struct {
	File         string
	Line, Column int    // From 1. Zero: the file as a whole.
	Path         string // "clusters.devcluster.schedulers[0].http"; "" for the file as a whole.
	Why          string
	Hint         string // What to write; "" if Why says it.
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
	}
	if e.Path != "" {
		s += ": " + e.Path
	}
	s += ": " + e.Why
	if e.Hint != "" {
		s += "\n  hint: " + e.Hint
	}
	return s
}

// document is a file while it is checked.
type document struct {
	name string
	dir  string // Absolute folder that relative paths are meant from.
	errs []*Error

	// The keys that this file may have, and those that it has, as paths in
	// which "*" stands for a name: the test of the example compares them.
	known, used map[string]bool

	env func(string) string // The environment. Nil: it is asked for nothing.
}

func newDocument(name string) *document {
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		dir = filepath.Dir(name) // The working folder is gone; opening a file will say so.
	}
	return &document{name: name, dir: dir, known: map[string]bool{}, used: map[string]bool{}}
}

// err returns everything that was wrong, in the order of the file.
func (d *document) err() error {
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var all []error
	said := map[Error]bool{} // What clusters share is read for each of them.
	for _, e := range d.errs {
		if !said[*e] {
			said[*e] = true
			all = append(all, e)
		}
	}
	return errors.Join(all...)
}

// parse returns the mapping that the file is, or nil and says why not.
func (d *document) parse(text []byte) *node {
	whole := func(why string) *node {
		d.errs = append(d.errs, &Error{File: d.name, Why: why, Hint: "`aurorabot config example` prints one to begin with"})
		return nil
	}
	if len(text) > maxFile {
		return whole(fmt.Sprintf("it has %d bytes, more than %d", len(text), maxFile))
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // YAML allows a byte order mark; the parser makes it a part of the first key.
	tokens := lexer.Tokenize(string(text))
	if why := tooMuch(tokens); why != "" {
		return whole(why)
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return whole("it holds nothing")
	case len(bodies) > 1:
		return whole(fmt.Sprintf("it holds %d documents, separated by \"---\"; one is wanted", len(bodies)))
	}
	return &node{d: d, at: place(bodies[0]), n: bodies[0]}
}

// The parser's time grows with the square of both (100,000 brackets take a
// minute and a half), so a file that somebody generated ends here.
const (
	maxTokens = 50_000
	maxDepth  = 50
)

// tooMuch says why a file is not parsed, or "".
func tooMuch(tokens token.Tokens) string {
	if len(tokens) > maxTokens {
		return fmt.Sprintf("it has %d words and signs, more than %d", len(tokens), maxTokens)
	}
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > maxDepth {
			return fmt.Sprintf("line %d: more than %d brackets within each other", t.Position.Line, maxDepth)
		}
	}
	return ""
}

// syntax reports what the YAML parser says.
func (d *document) syntax(err error) {
	e := &Error{File: d.name, Why: "no YAML: " + err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		e.Why = "no YAML: " + y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
	}
	e.Hint = "look for wrong indentation, tabs, and text that needs quotes"
	d.errs = append(d.errs, e)
}

// position is a place in the file, from 1.
type position struct{ line, column int }

func place(n ast.Node) position {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return position{t.Position.Line, t.Position.Column}
	}
	return position{}
}

// looksSecret matches Slack's tokens wherever they were written by mistake.
var looksSecret = regexp.MustCompile(`(?i)xox[a-z]-|xapp-|BEGIN [A-Z ]*PRIVATE KEY`)

// quoted shows a value in an error: cut, and never a secret.
func quoted(s string) string {
	if looksSecret.MatchString(s) {
		return "what is written there (it looks like a secret, so it is not shown)"
	}
	return fmt.Sprintf("%.80q", s)
}

// nearest returns the word of list that s may be meant as, or "".
func nearest(s string, list []string) string {
	best, least := "", 1+len(s)/3
	for _, w := range list {
		if n := distance(strings.ToLower(s), w); n <= least {
			best, least = w, n-1
		}
	}
	return best
}

// distance is how many letters must be changed, added or left out to make b of a.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+same)
		}
	}
	return row[len(b)]
}
