package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// list prints a part of the rules as nft does.
func (p *nftParser) list(what, family, name, inner string) error {
	if p.json {
		return p.listJSON(family, name)
	}
	for _, t := range p.rules.Tables {
		if family != "" && (t.Family != family || t.Name != name) {
			continue
		}
		if what == "tables" {
			fmt.Fprintf(p.out, "table %s %s\n", t.Family, t.Name)
			continue
		}
		if what == "chain" && t.chain(inner) == nil || what == "set" && t.set(inner) == nil {
			return errors.New("No such file or directory")
		}
		fmt.Fprintf(p.out, "table %s %s {%s\n", t.Family, t.Name, p.handle(t.Handle))
		first := true
		gap := func() {
			if !first {
				fmt.Fprintln(p.out)
			}
			first = false
		}
		if t.Comment != "" && what != "chain" && what != "set" {
			fmt.Fprintf(p.out, "\tcomment %q\n", t.Comment)
		}
		for _, s := range t.Sets {
			if what != "chain" && (what != "set" || s.Name == inner) {
				gap()
				p.listSet(s)
			}
		}
		for _, c := range t.Chains {
			if what != "set" && (what != "chain" || c.Name == inner) {
				gap()
				p.listChain(c)
			}
		}
		fmt.Fprintln(p.out, "}")
	}
	return nil
}

func (p *nftParser) handle(n int) string {
	if !p.handles {
		return ""
	}
	return fmt.Sprintf(" # handle %d", n)
}

func (p *nftParser) listSet(s *set) {
	fmt.Fprintf(p.out, "\tset %s {%s\n\t\ttype %s\n", s.Name, p.handle(s.Handle), s.Type)
	if len(s.Flags) > 0 {
		fmt.Fprintf(p.out, "\t\tflags %s\n", strings.Join(s.Flags, ","))
	}
	if s.Timeout != "" {
		fmt.Fprintf(p.out, "\t\ttimeout %s\n", s.Timeout)
	}
	if s.Comment != "" {
		fmt.Fprintf(p.out, "\t\tcomment %q\n", s.Comment)
	}
	if len(s.Elements) > 0 {
		var all []string
		for _, e := range s.Elements {
			text := e.Value
			if e.Timeout > 0 {
				text += " timeout " + nftSpanText(e.Timeout) + " expires " + nftSpanText(time.Until(e.Expires))
			}
			if e.Comment != "" {
				text += fmt.Sprintf(" comment %q", e.Comment)
			}
			all = append(all, text)
		}
		fmt.Fprintf(p.out, "\t\telements = { %s }\n", strings.Join(all, ", "))
	}
	fmt.Fprintln(p.out, "\t}")
}

func (p *nftParser) listChain(c *chain) {
	fmt.Fprintf(p.out, "\tchain %s {%s\n", c.Name, p.handle(c.Handle))
	if c.Comment != "" {
		fmt.Fprintf(p.out, "\t\tcomment %q\n", c.Comment)
	}
	if c.Type != "" {
		fmt.Fprintf(p.out, "\t\ttype %s hook %s priority %s; policy %s;\n", c.Type, c.Hook, prioText(c.Prio), c.Policy)
	}
	for _, r := range c.Rules {
		text := strings.Join(r.Words, " ")
		if r.Comment != "" {
			text += fmt.Sprintf(" comment %q", r.Comment)
		}
		fmt.Fprintf(p.out, "\t\t%s%s\n", text, p.handle(r.Handle))
	}
	fmt.Fprintln(p.out, "\t}")
}

// prioText names a priority as nft does: by the nearest name within 10.
func prioText(n int) string {
	for name, base := range priorities {
		switch d := n - base; {
		case d == 0:
			return name
		case d > 0 && d <= 10:
			return fmt.Sprintf("%s + %d", name, d)
		case d < 0 && d >= -10:
			return fmt.Sprintf("%s - %d", name, -d)
		}
	}
	return strconv.Itoa(n)
}

// nftSpanText writes "11h59m59s996ms".
func nftSpanText(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d %= u.size
		}
	}
	return b.String()
}

type object map[string]any

// listJSON prints libnftables-json(5). Rules have the matches of the subset.
func (p *nftParser) listJSON(family, name string) error {
	all := []any{object{"metainfo": object{"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}}
	for _, t := range p.rules.Tables {
		if family != "" && (t.Family != family || t.Name != name) {
			continue
		}
		all = append(all, object{"table": object{"family": t.Family, "name": t.Name, "handle": t.Handle}})
		for _, s := range t.Sets {
			var elements []any
			for _, e := range s.Elements {
				value := jsonValue(e.Value)
				if e.Timeout > 0 {
					value = object{"elem": object{"val": value, "timeout": int(e.Timeout.Seconds()), "expires": int(time.Until(e.Expires).Seconds())}}
				}
				elements = append(elements, value)
			}
			o := object{"family": t.Family, "name": s.Name, "table": t.Name, "type": s.Type, "handle": s.Handle}
			if len(s.Flags) > 0 {
				o["flags"] = s.Flags
			}
			if elements != nil {
				o["elem"] = elements
			}
			all = append(all, object{"set": o})
		}
		for _, c := range t.Chains {
			o := object{"family": t.Family, "table": t.Name, "name": c.Name, "handle": c.Handle}
			if c.Type != "" {
				o["type"], o["hook"], o["prio"], o["policy"] = c.Type, c.Hook, c.Prio, c.Policy
			}
			all = append(all, object{"chain": o})
		}
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				o := object{"family": t.Family, "table": t.Name, "chain": c.Name, "handle": r.Handle, "expr": r.expressions()}
				if r.Comment != "" {
					o["comment"] = r.Comment
				}
				all = append(all, object{"rule": o})
			}
		}
	}
	out := json.NewEncoder(p.out)
	out.SetEscapeHTML(false)
	return out.Encode(object{"nftables": all})
}

func jsonValue(word string) any {
	if n, err := strconv.Atoi(word); err == nil {
		return n
	}
	if inside, ok := strings.CutPrefix(word, "{ "); ok {
		var all []any
		for v := range strings.SplitSeq(strings.TrimSuffix(inside, " }"), ", ") {
			all = append(all, jsonValue(v))
		}
		return object{"set": all}
	}
	if addr, bits, ok := strings.Cut(word, "/"); ok {
		n, _ := strconv.Atoi(bits)
		return object{"prefix": object{"addr": addr, "len": n}}
	}
	return strings.Trim(word, `"`)
}

func (r *rule) expressions() []any {
	var all []any
	w := r.Words
	for i := 0; i < len(w); i++ {
		operator := func(at int) (string, int) {
			if w[at] == "!=" {
				return "!=", at + 1
			}
			return "==", at
		}
		switch w[i] {
		case "ip", "ip6", "tcp", "udp":
			op, at := operator(i + 2)
			all = append(all, object{"match": object{"op": op, "left": object{"payload": object{"protocol": w[i], "field": w[i+1]}}, "right": jsonValue(w[at])}})
			i = at
		case "iif", "iifname", "oif", "oifname":
			op, at := operator(i + 1)
			all = append(all, object{"match": object{"op": op, "left": object{"meta": object{"key": w[i]}}, "right": jsonValue(w[at])}})
			i = at
		case "ct":
			all = append(all, object{"match": object{"op": "in", "left": object{"ct": object{"key": "state"}}, "right": strings.Split(w[i+2], ",")}})
			i += 2
		case "counter":
			all = append(all, object{"counter": object{"packets": jsonValue(w[i+2]), "bytes": jsonValue(w[i+4])}})
			i += 4
		case "accept", "drop", "return", "continue":
			all = append(all, object{w[i]: nil})
		case "reject":
			kind := object{"type": "icmpx", "expr": "port-unreachable"}
			if rest := strings.Join(w[i+1:], " "); rest == "with tcp reset" {
				kind = object{"type": "tcp reset"}
			} else if rest == "with icmp port-unreachable" {
				kind = object{"type": "icmp", "expr": "port-unreachable"}
			}
			return append(all, object{"reject": kind})
		}
	}
	return all
}
