package tools

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ports are the service names that scripts use; nft lists numbers.
var ports = map[string]string{"ssh": "22", "http": "80", "https": "443", "domain": "53"}

func portNumber(word string) string {
	if n, ok := ports[word]; ok {
		return n
	}
	return word
}

// rule reads a rule to its end and brings it into the form in which nft lists
// it. What is not in the subset is a syntax error, so that a program cannot
// pass with rules that the real nft would refuse.
func (p *nftParser) rule(t *table) (*rule, error) {
	r := &rule{}
	add := func(words ...string) { r.Words = append(r.Words, words...) }
	protocol := "" // Which one an address match has fixed: it decides what reject sends.
	for p.peek() != ";" && p.peek() != "}" && p.peek() != "" {
		word := p.next()
		switch word {
		case "meta":
			switch key := p.peek(); key {
			case "iif", "iifname", "oif", "oifname":
			case "l4proto":
				p.next()
				kind := p.next()
				if p.peek() != kind { // Else the match that follows implies it.
					add("meta", "l4proto", kind)
				}
			default:
				return nil, p.unexpected("a meta key")
			}
		case "iif", "iifname", "oif", "oifname":
			add(word)
			if p.peek() == "!=" {
				add(p.next())
			}
			add(`"` + strings.Trim(p.next(), `"`) + `"`)
		case "ip", "ip6":
			field := p.next()
			if field != "saddr" && field != "daddr" {
				return nil, fmt.Errorf("syntax error, unexpected %s", field)
			}
			protocol = word
			add(word, field)
			if err := p.operand(t, r); err != nil {
				return nil, err
			}
		case "tcp", "udp":
			field := p.next()
			if field != "dport" && field != "sport" {
				return nil, fmt.Errorf("syntax error, unexpected %s", field)
			}
			add(word, field)
			if err := p.operand(t, r); err != nil {
				return nil, err
			}
		case "ct":
			if err := p.expect("state"); err != nil {
				return nil, err
			}
			states := p.next()
			if states == "{" {
				p.at--
				add("ct", "state")
				if err := p.operand(t, r); err != nil {
					return nil, err
				}
				continue
			}
			for p.accept(",") {
				states += "," + p.next()
			}
			add("ct", "state", states)
		case "counter":
			packets, bytes := "0", "0"
			if p.accept("packets") {
				packets = p.next()
				if p.accept("bytes") {
					bytes = p.next()
				}
			}
			add("counter", "packets", packets, "bytes", bytes)
		case "accept", "drop", "return", "continue":
			add(word)
		case "jump", "goto":
			if t.chain(p.peek()) == nil {
				return nil, errNoSuch
			}
			add(word, p.next())
		case "reject":
			add(word)
			switch {
			case p.accept("with"):
				add("with")
				for p.peek() != ";" && p.peek() != "}" && p.peek() != "" && p.peek() != "comment" {
					if w := p.next(); w != "type" {
						add(w)
					}
				}
			case protocol == "ip":
				add("with", "icmp", "port-unreachable")
			case protocol == "ip6":
				add("with", "icmpv6", "port-unreachable")
			}
		case "log":
			add(word)
			if p.accept("prefix") {
				add("prefix", p.next())
			}
		case "limit":
			if err := p.expect("rate"); err != nil {
				return nil, err
			}
			add("limit", "rate", p.next())
		case "comment":
			r.Comment = strings.Trim(p.next(), `"`)
		default:
			p.at--
			return nil, fmt.Errorf("syntax error, unexpected %s", word)
		}
	}
	if len(r.Words) == 0 {
		return nil, p.unexpected("a rule")
	}
	r.Handle = t.handle()
	return r, nil
}

// operand reads what a field is compared with: a value, a set by name, or one in braces.
func (p *nftParser) operand(t *table, r *rule) error {
	if p.accept("!=") {
		r.Words = append(r.Words, "!=")
	} else {
		p.accept("==")
	}
	word := p.next()
	switch {
	case word == "{":
		var values []string
		for !p.accept("}") {
			values = append(values, portNumber(p.next()))
			p.accept(",")
			if p.at >= len(p.tokens) {
				return p.unexpected("'}'")
			}
		}
		slices.SortFunc(values, byValue)
		r.Words = append(r.Words, "{ "+strings.Join(values, ", ")+" }")
		t.handle() // The anonymous set takes one, too.
	case strings.HasPrefix(word, "@"):
		if t.set(word[1:]) == nil {
			return errNoSuch
		}
		r.Words = append(r.Words, word)
	case word == ";" || word == "}" || word == "":
		return p.unexpected("a value")
	default:
		r.Words = append(r.Words, portNumber(word))
	}
	return nil
}

// byValue orders numbers and addresses as nft lists them.
func byValue(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return x - y
	}
	host := func(s string) string { s, _, _ = strings.Cut(s, "/"); return s }
	p, errP := netip.ParseAddr(host(a))
	q, errQ := netip.ParseAddr(host(b))
	if errP == nil && errQ == nil {
		return p.Compare(q)
	}
	return strings.Compare(a, b)
}
