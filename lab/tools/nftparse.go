package tools

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lexNft cuts a script into words, quoted strings (with their quotes), and the
// characters that stand for themselves. A newline is ";".
func lexNft(text string) []string {
	var tokens []string
	text = strings.ReplaceAll(text, "\\\n", " ")
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '\n' || c == ';':
			tokens = append(tokens, ";")
			i++
		case c == '{' || c == '}' || c == ',' || c == '=' && (i+1 >= len(text) || text[i+1] != '='):
			tokens = append(tokens, string(c))
			i++
		case c == '"':
			end := strings.IndexByte(text[i+1:], '"')
			if end < 0 {
				return append(tokens, text[i:])
			}
			tokens = append(tokens, text[i:i+end+2])
			i += end + 2
		default:
			end := i
			for end < len(text) && strings.IndexByte(" \t\r\n;{},=\"#", text[end]) < 0 || end < len(text) && text[end] == '=' && (end == i || text[end-1] == '!') {
				end++
			}
			tokens = append(tokens, text[i:max(end, i+1)])
			i = max(end, i+1)
		}
	}
	return tokens
}

type nftParser struct {
	tokens  []string
	at      int
	rules   *ruleset
	out     io.Writer
	json    bool
	handles bool
}

var (
	errNoSuch = errors.New("Could not process rule: No such file or directory")
	errExists = errors.New("Could not process rule: File exists")
)

func (p *nftParser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *nftParser) next() string {
	t := p.peek()
	p.at++
	return t
}

func (p *nftParser) accept(t string) bool {
	if p.peek() == t {
		p.at++
		return true
	}
	return false
}

func (p *nftParser) expect(t string) error {
	if !p.accept(t) {
		return p.unexpected(t)
	}
	return nil
}

func (p *nftParser) unexpected(want string) error {
	got := p.peek()
	if got == "" {
		got = "end of file"
	}
	return fmt.Errorf("syntax error, unexpected %s, expecting %s", got, want)
}

func (p *nftParser) skipEnds() {
	for p.accept(";") {
	}
}

func (p *nftParser) run() error {
	for p.skipEnds(); p.at < len(p.tokens); p.skipEnds() {
		if err := p.statement(); err != nil {
			return err
		}
		if p.at < len(p.tokens) && p.peek() != ";" && p.tokens[p.at-1] != "}" {
			return p.unexpected("newline or semicolon")
		}
	}
	return nil
}

func (p *nftParser) family() string {
	if slices.Contains([]string{"inet", "ip", "ip6", "arp", "bridge", "netdev"}, p.peek()) {
		return p.next()
	}
	return "ip"
}

func (p *nftParser) statement() error {
	verb := p.peek()
	if verb == "table" {
		verb = "add"
	} else {
		p.next()
	}
	what := p.next()
	switch {
	case verb == "flush" && what == "ruleset":
		p.rules.Tables = nil
		return nil
	case verb == "list" && (what == "ruleset" || what == "tables"):
		return p.list(what, "", "", "")
	case !slices.Contains([]string{"add", "create", "delete", "list", "flush", "insert"}, verb):
		return fmt.Errorf("syntax error, unexpected %s", verb)
	case !slices.Contains([]string{"table", "chain", "rule", "set", "element"}, what):
		return fmt.Errorf("syntax error, unexpected %s", what)
	}
	family := p.family()
	name := p.next()
	if verb == "delete" && name == "handle" {
		return p.unexpected("string")
	}
	t := p.rules.table(family, name)
	if what == "table" {
		return p.tableStatement(verb, family, name, t)
	}
	if t == nil {
		return errNoSuch
	}
	inner := p.next()
	switch verb {
	case "list":
		return p.list(what, family, name, inner)
	case "delete", "flush":
		return p.remove(verb, what, t, inner)
	}
	switch what {
	case "chain":
		if t.chain(inner) != nil && verb == "create" {
			return errExists
		}
		return p.chainBlock(t, inner, p.peek() == "{")
	case "set":
		return p.setBlock(t, inner)
	case "element":
		s := t.set(inner)
		if s == nil {
			return errNoSuch
		}
		return p.elements(s)
	}
	c := t.chain(inner)
	if c == nil {
		return errNoSuch
	}
	r, err := p.rule(t)
	if err != nil {
		return err
	}
	if verb == "insert" {
		c.Rules = slices.Insert(c.Rules, 0, r)
	} else {
		c.Rules = append(c.Rules, r)
	}
	return nil
}

func (p *nftParser) tableStatement(verb, family, name string, t *table) error {
	switch {
	case verb == "list" && t == nil:
		return errors.New("No such file or directory")
	case verb == "list":
		return p.list("table", family, name, "")
	case (verb == "delete" || verb == "flush") && t == nil:
		return errNoSuch
	case verb == "delete":
		p.rules.Tables = slices.DeleteFunc(p.rules.Tables, func(x *table) bool { return x == t })
		return nil
	case verb == "flush":
		for _, c := range t.Chains {
			c.Rules = nil
		}
		return nil
	case verb == "create" && t != nil:
		return errExists
	case t == nil:
		highest := 0
		for _, x := range p.rules.Tables {
			highest = max(highest, x.Handle)
		}
		t = &table{Family: family, Name: name, Handle: highest + 1}
		p.rules.Tables = append(p.rules.Tables, t)
	}
	if !p.accept("{") {
		return nil
	}
	p.declareChains(t)
	for p.skipEnds(); !p.accept("}"); p.skipEnds() {
		var err error
		switch p.next() {
		case "comment":
			t.Comment = strings.Trim(p.next(), `"`)
		case "chain":
			err = p.chainBlock(t, p.next(), true)
		case "set":
			err = p.setBlock(t, p.next())
		default:
			p.at--
			err = p.unexpected("chain, set or comment")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// declareChains makes the chains of a table's block before anything else in it:
// so does the real one, which shows in the handles.
func (p *nftParser) declareChains(t *table) {
	depth := 0
	for i := p.at; i+1 < len(p.tokens) && depth >= 0; i++ {
		switch name := p.tokens[i+1]; p.tokens[i] {
		case "{":
			depth++
		case "}":
			depth--
		case "chain":
			if depth == 0 && t.chain(name) == nil {
				t.Chains = append(t.Chains, &chain{Name: name, Handle: t.handle()})
			}
		}
	}
}

func (p *nftParser) remove(verb, what string, t *table, name string) error {
	switch {
	case what == "chain" && t.chain(name) != nil && verb == "flush":
		t.chain(name).Rules = nil
	case what == "chain" && t.chain(name) != nil:
		if len(t.chain(name).Rules) > 0 {
			return errors.New("Could not process rule: Device or resource busy")
		}
		t.Chains = slices.DeleteFunc(t.Chains, func(c *chain) bool { return c.Name == name })
	case what == "set" && t.set(name) != nil && verb == "flush":
		t.set(name).Elements = nil
	case what == "set" && t.set(name) != nil:
		t.Sets = slices.DeleteFunc(t.Sets, func(s *set) bool { return s.Name == name })
	case what == "element" && t.set(name) != nil:
		gone := &set{}
		if err := p.elements(gone); err != nil {
			return err
		}
		s := t.set(name)
		for _, e := range gone.Elements {
			at := slices.IndexFunc(s.Elements, func(x element) bool { return x.Value == e.Value })
			if at < 0 {
				return errNoSuch
			}
			s.Elements = slices.Delete(s.Elements, at, at+1)
		}
	case what == "rule" && t.chain(name) != nil:
		c := t.chain(name)
		if err := p.expect("handle"); err != nil {
			return err
		}
		number, err := strconv.Atoi(p.next())
		at := slices.IndexFunc(c.Rules, func(r *rule) bool { return r.Handle == number })
		if err != nil || at < 0 {
			return errNoSuch
		}
		c.Rules = slices.Delete(c.Rules, at, at+1)
	default:
		return errNoSuch
	}
	return nil
}

func (p *nftParser) chainBlock(t *table, name string, body bool) error {
	c := t.chain(name)
	if c == nil {
		c = &chain{Name: name, Handle: t.handle()}
		t.Chains = append(t.Chains, c)
	}
	if !body {
		return nil
	}
	if err := p.expect("{"); err != nil {
		return err
	}
	for p.skipEnds(); !p.accept("}"); p.skipEnds() {
		switch p.peek() {
		case "":
			return p.unexpected("'}'")
		case "type":
			p.next()
			c.Type, c.Policy = p.next(), "accept"
			if err := p.expect("hook"); err != nil {
				return err
			}
			c.Hook = p.next()
			if err := p.expect("priority"); err != nil {
				return err
			}
			prio, err := p.priority()
			if err != nil {
				return err
			}
			c.Prio = prio
		case "policy":
			p.next()
			c.Policy = p.next()
		case "comment":
			p.next()
			c.Comment = strings.Trim(p.next(), `"`)
		default:
			r, err := p.rule(t)
			if err != nil {
				return err
			}
			c.Rules = append(c.Rules, r)
		}
	}
	return nil
}

// priorities are nft's names for priorities of input hooks.
var priorities = map[string]int{"raw": -300, "mangle": -150, "filter": 0, "security": 50}

func (p *nftParser) priority() (int, error) {
	base, named := priorities[p.peek()]
	if !named {
		n, err := strconv.Atoi(p.peek())
		if err != nil {
			return 0, p.unexpected("a priority")
		}
		p.next()
		return n, nil
	}
	p.next()
	sign := map[string]int{"-": -1, "+": 1}[p.peek()]
	if sign == 0 {
		return base, nil
	}
	p.next()
	n, err := strconv.Atoi(p.next())
	return base + sign*n, err
}

func (p *nftParser) setBlock(t *table, name string) error {
	s := t.set(name)
	if s == nil {
		s = &set{Name: name, Handle: t.handle()}
		t.Sets = append(t.Sets, s)
	}
	if err := p.expect("{"); err != nil {
		return err
	}
	for p.skipEnds(); !p.accept("}"); p.skipEnds() {
		switch p.next() {
		case "type":
			s.Type = p.next()
		case "flags":
			s.Flags = []string{p.next()}
			for p.accept(",") {
				s.Flags = append(s.Flags, p.next())
			}
		case "timeout":
			s.Timeout = p.next()
		case "comment":
			s.Comment = strings.Trim(p.next(), `"`)
		case "elements":
			if err := p.expect("="); err != nil {
				return err
			}
			if err := p.elements(s); err != nil {
				return err
			}
		default:
			p.at--
			return p.unexpected("type, flags, timeout or elements")
		}
	}
	return nil
}

func (p *nftParser) elements(s *set) error {
	if err := p.expect("{"); err != nil {
		return err
	}
	for !p.accept("}") {
		e := element{Value: portNumber(p.next())}
		if s.Timeout != "" {
			d, err := nftSpan(s.Timeout)
			if err != nil {
				return err
			}
			e.Timeout = d
		}
		for p.peek() == "timeout" || p.peek() == "expires" || p.peek() == "comment" {
			switch p.next() {
			case "timeout":
				d, err := nftSpan(p.next())
				if err != nil {
					return err
				}
				e.Timeout = d
			case "expires":
				p.next()
			case "comment":
				e.Comment = strings.Trim(p.next(), `"`)
			}
		}
		if e.Timeout > 0 {
			e.Expires = time.Now().Add(e.Timeout)
		}
		// Adding what is there does not renew it (seen on Linux 6.1).
		if !slices.ContainsFunc(s.Elements, func(x element) bool { return x.Value == e.Value }) {
			s.Elements = append(s.Elements, e)
			slices.SortFunc(s.Elements, func(a, b element) int { return byValue(a.Value, b.Value) })
		}
		p.accept(",")
		p.skipEnds()
		if p.at >= len(p.tokens) {
			return p.unexpected("'}'")
		}
	}
	return nil
}

// nftSpan reads "12h", "1h30m", "45s", "1d2h3m4s5ms".
func nftSpan(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n < 0 {
			n = len(rest)
		}
		count, err := strconv.Atoi(rest[:n])
		if err != nil {
			return 0, fmt.Errorf("syntax error, unexpected %s, expecting a time", text)
		}
		rest = rest[n:]
		scale := time.Second
		for _, u := range []struct {
			name string
			size time.Duration
		}{{"ms", time.Millisecond}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
			if after, ok := strings.CutPrefix(rest, u.name); ok {
				rest, scale = after, u.size
				break
			}
		}
		total += time.Duration(count) * scale
	}
	return total, nil
}
