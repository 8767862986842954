package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A node is a value of the file, or the absence of one: then n is nil, at is
// where it is missing, and every look at it gives nothing.
type node struct {
	d     *document
	path  string // For people.
	shape string // The same with "*" for names.
	at    position
	n     ast.Node

	// mute is set for what a value of a wrong type cannot have: that it is
	// missing was said with the type.
	mute bool
}

// given tells whether the file has it.
func (n *node) given() bool { return n.n != nil }

// fail reports that the value is wrong.
func (n *node) fail(hint, format string, args ...any) {
	if n.mute {
		return
	}
	n.d.errs = append(n.d.errs, &Error{File: n.d.name, Line: n.at.line, Column: n.at.column, Path: n.path, Why: fmt.Sprintf(format, args...), Hint: hint})
}

// required reports that the value is missing, and tells whether it is there.
func (n *node) required(hint string) bool {
	if !n.given() {
		n.fail(hint, "is missing")
	}
	return n.given()
}

// kind is what a value is, in words.
func (n *node) kind() string {
	switch n.n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a mapping"
	case ast.SequenceType:
		return "a list"
	case ast.StringType, ast.LiteralType:
		return "text"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	case ast.NullType:
		return "nothing"
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		return "an anchor or alias"
	case ast.TagType:
		return "a tag"
	}
	return "a " + strings.ToLower(n.n.Type().String())
}

// mismatch reports a value of another type.
func (n *node) mismatch(want, hint string) {
	switch n.n.Type() {
	case ast.NullType:
		hint = "give it a value, or leave the key out"
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType, ast.TagType:
		hint = "anchors, aliases and tags are not read: write the value out"
	}
	n.fail(hint, "is %s, not %s", n.kind(), want)
}

// A field is one line of a mapping.
type field struct {
	key string
	*node
}

// pairs returns the lines of a mapping, keys as they are written.
func (n *node) pairs(hint string) []field {
	if !n.given() {
		return nil
	}
	var values []*ast.MappingValueNode
	switch m := n.n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		n.mismatch("a mapping", hint)
		return nil
	}
	var out []field
	seen := map[string]bool{}
	for _, v := range values {
		token := v.Key.GetToken()
		if v.Key.IsMergeKey() || v.Key.Type() == ast.AnchorType || v.Key.Type() == ast.AliasType || v.Key.Type() == ast.TagType || token == nil {
			(&node{d: n.d, path: n.path, at: place(v.Key)}).fail("write the values out", "anchors, aliases, tags and merge keys are not read")
			continue
		}
		key := token.Value
		f := field{key, &node{d: n.d, path: join(n.path, key), shape: join(n.shape, key), at: place(v.Key), n: v.Value}}
		if seen[key] {
			f.fail("keep one of them", "is there twice")
			continue
		}
		seen[key] = true
		if v.Value == nil {
			f.fail("give it a value, or leave the key out", "is nothing")
			continue
		}
		if v.Value.Type() != ast.MappingType && v.Value.Type() != ast.MappingValueType && v.Value.Type() != ast.NullType {
			if p := place(v.Value); p.line > 0 {
				f.at = p
			}
		}
		out = append(out, f)
	}
	return out
}

// join writes a path; a key that is no plain word is quoted, cut, and never a
// secret.
func join(path, key string) string {
	if key != "*" && (!nameForm.MatchString(key) || looksSecret.MatchString(key)) {
		key = quoted(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// named returns the lines of a mapping whose keys are names that the operator
// chose, in the order of the file.
func (n *node) named(hint string) []field {
	fields := n.pairs(hint)
	for i := range fields {
		fields[i].shape = join(n.shape, "*")
	}
	return fields
}

// A mapping is one whose keys are ours.
type mapping struct {
	*node
	values map[string]*node
}

// fields returns the values of a mapping by their keys; others than those are
// reported. What is absent can be asked for too.
func (n *node) fields(keys ...string) *mapping {
	m := &mapping{n, map[string]*node{}}
	for _, k := range keys {
		n.d.known[join(n.shape, k)] = true
	}
	for _, f := range n.pairs("write keys below it: " + strings.Join(keys, ", ")) {
		if !slices.Contains(keys, f.key) {
			f.fail(unknownHint(f.key, keys), "unknown key %s", quoted(f.key))
			continue
		}
		n.d.used[f.shape] = true
		m.values[f.key] = f.node
	}
	return m
}

func unknownHint(key string, keys []string) string {
	if k, ok := strings.CutSuffix(key, "_token"); ok && slices.Contains(keys, key+"_file") {
		return "tokens don't belong into this file: use " + key + "_file, or SLACK_" + strings.ToUpper(k) + "_TOKEN in the environment"
	}
	if near := nearest(key, keys); near != "" {
		return "did you mean " + near + "?"
	}
	return "known here: " + strings.Join(keys, ", ")
}

// get returns the value of a key; if it is absent, a node at the mapping's place.
func (m *mapping) get(key string) *node {
	if v := m.values[key]; v != nil {
		return v
	}
	return &node{d: m.d, path: join(m.path, key), shape: join(m.shape, key), at: m.at, mute: m.mute || m.given() && m.kind() != "a mapping"}
}

// items returns the elements of a list.
func (n *node) items(hint string) []*node {
	if !n.given() {
		return nil
	}
	s, ok := n.n.(*ast.SequenceNode)
	if !ok {
		n.mismatch("a list", hint)
		return nil
	}
	var out []*node
	for i, v := range s.Values {
		item := &node{d: n.d, path: fmt.Sprintf("%s[%d]", n.path, i), shape: n.shape + "[]", at: n.at, n: v}
		if v == nil {
			item.fail("give it a value, or leave the dash out", "is nothing")
			continue
		}
		if p := place(v); p.line > 0 && v.Type() != ast.MappingType {
			item.at = p
		} else if m, ok := v.(*ast.MappingNode); ok && len(m.Values) > 0 {
			item.at = place(m.Values[0].Key)
		}
		out = append(out, item)
	}
	return out
}

// text returns a value that is text; def where it is absent or wrong.
func (n *node) text(def string) string {
	if !n.given() {
		return def
	}
	var s string
	switch v := n.n.(type) {
	case *ast.StringNode:
		s = v.Value
	case *ast.LiteralNode:
		s = v.Value.Value
	default:
		n.mismatch("text", "put it in quotes")
		return def
	}
	switch {
	case strings.TrimSpace(s) == "":
		n.fail("give it a value, or leave the key out", "is empty")
	case s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		n.fail("write it in one line, without blanks at its ends", "has blanks at its ends, or control characters")
	default:
		return s
	}
	return def
}

// scalar is text, where a number is taken as it is written: 0.10 is no 0.1.
func (n *node) scalar() string {
	if n.given() {
		if t := n.n.Type(); t == ast.FloatType || t == ast.IntegerType {
			return n.n.GetToken().Value
		}
	}
	return n.text("")
}

// some returns the elements of a list that is not empty.
func (n *node) some(hint string) []*node {
	items := n.items(hint)
	if n.given() && n.kind() == "a list" && len(items) == 0 {
		n.fail(hint, "is an empty list")
	}
	return items
}

// texts returns a list of texts that is not empty.
func (n *node) texts(hint string) []string {
	var out []string
	for _, i := range n.some(hint) {
		if s := i.text(""); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (n *node) truth(def bool) bool {
	if !n.given() {
		return def
	}
	b, ok := n.n.(*ast.BoolNode)
	if !ok {
		n.mismatch("true or false", "write true or false, without quotes")
		return def
	}
	return b.Value
}

// number returns a whole number from least to most.
func (n *node) number(def, least, most int) int {
	if !n.given() {
		return def
	}
	v, ok := n.n.(*ast.IntegerNode)
	if !ok {
		n.mismatch("a whole number", fmt.Sprintf("write one from %d to %d", least, most))
		return def
	}
	i, err := strconv.Atoi(fmt.Sprint(v.Value))
	if err != nil || i < least || i > most {
		n.fail(fmt.Sprintf("write one from %d to %d", least, most), "%v is out of range", v.Value)
		return def
	}
	return i
}

// duration returns a time span from least to most.
func (n *node) duration(def, least, most time.Duration) time.Duration {
	form := "write a number with its unit, such as 90s, 30m or 26h"
	if !n.given() {
		return def
	}
	if n.n.Type() == ast.IntegerType {
		n.mismatch("a duration", form)
		return def
	}
	s := n.text("")
	if s == "" {
		return def
	}
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		n.fail(form, "%s is no duration", quoted(s))
	case v < least || v > most:
		n.fail(fmt.Sprintf("write one from %s to %s", least, most), "%s is out of range", v)
	default:
		return v
	}
	return def
}

// choice returns one of some words, the first where it is absent or wrong.
func (n *node) choice(words ...string) string {
	s := n.text(words[0])
	if slices.Contains(words, s) {
		return s
	}
	hint := "write one of " + strings.Join(words, ", ")
	if near := nearest(s, words); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	n.fail(hint, "%s is not known", quoted(s))
	return words[0]
}
