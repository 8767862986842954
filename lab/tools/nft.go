package tools

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Nft plays nft 1.0.6 for tables of filter rules: what a program needs that
// blocks a port and takes it back. The rules are kept, listed and timed out;
// nothing is filtered, for an embedded host has no network of its own. Like the
// real ones they are gone after a reboot.
func Nft(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	var words []string
	file := ""
	asJSON, handles, check := false, false, false
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case len(words) > 0:
			words = append(words, arg)
		case arg == "-f" || arg == "--file":
			if i++; i < len(args) {
				file = args[i]
			}
		case arg == "-j" || arg == "--json":
			asJSON = true
		case arg == "-a" || arg == "--handle":
			handles = true
		case arg == "-c" || arg == "--check":
			check = true
		case arg == "-n" || arg == "--numeric" || arg == "-nn" || arg == "-s" || arg == "--stateless":
		case arg == "-v" || arg == "--version":
			fmt.Fprintln(stdout, "nftables v1.0.6 (Lester Gooch #5)")
			return 0
		case strings.HasPrefix(arg, "-") && arg != "-":
			fmt.Fprintf(stderr, "nft: unrecognized option '%s'\n", arg)
			return 1
		default:
			words = append(words, arg)
		}
	}
	if lookup(env, "USER") != "root" {
		fmt.Fprintln(stderr, "Operation not permitted (you must be root)")
		fmt.Fprintln(stderr, "netlink: Error: cache initialization failed: Operation not permitted")
		return 1
	}
	root := lookup(env, RootVariable)
	text := strings.Join(words, " ")
	if file != "" {
		raw, err := readInput(file, stdin)
		if err != nil {
			fmt.Fprintf(stderr, "internal:0:0-0: Error: Could not open file \"%s\": No such file or directory\n", file)
			return 1
		}
		text = string(raw)
	}
	err := withRules(root, func(r *ruleset) (save bool, err error) {
		before, err := json.Marshal(r)
		if err != nil {
			return false, err
		}
		p := &nftParser{tokens: lexNft(text), rules: r, out: stdout, json: asJSON, handles: handles}
		if err := p.run(); err != nil {
			return false, err
		}
		after, err := json.Marshal(r)
		return !check && string(before) != string(after), err
	})
	if err != nil {
		fmt.Fprintf(stderr, "Error: %v\n%s\n", err, strings.SplitN(text, "\n", 2)[0])
		return 1
	}
	return 0
}

func readInput(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" || file == "/dev/stdin" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}

// A ruleset is all that nft knows of a host.
type ruleset struct {
	Tables []*table `json:"tables"`
}

type table struct {
	Family  string   `json:"family"`
	Name    string   `json:"name"`
	Comment string   `json:"comment,omitempty"`
	Handle  int      `json:"handle"`
	Next    int      `json:"next"` // Next handle of what lies in it.
	Sets    []*set   `json:"sets,omitempty"`
	Chains  []*chain `json:"chains,omitempty"`
}

type set struct {
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Flags    []string  `json:"flags,omitempty"`
	Timeout  string    `json:"timeout,omitempty"`
	Comment  string    `json:"comment,omitempty"`
	Handle   int       `json:"handle"`
	Elements []element `json:"elements,omitempty"`
}

type element struct {
	Value   string        `json:"value"`
	Timeout time.Duration `json:"timeout,omitempty"`
	Expires time.Time     `json:"expires,omitzero"`
	Comment string        `json:"comment,omitempty"`
}

type chain struct {
	Name    string  `json:"name"`
	Type    string  `json:"type,omitempty"` // Empty: not a base chain.
	Hook    string  `json:"hook,omitempty"`
	Prio    int     `json:"prio"`
	Policy  string  `json:"policy,omitempty"`
	Comment string  `json:"comment,omitempty"`
	Handle  int     `json:"handle"`
	Rules   []*rule `json:"rules,omitempty"`
}

type rule struct {
	Words   []string `json:"words"` // As listed, without the comment.
	Comment string   `json:"comment,omitempty"`
	Handle  int      `json:"handle"`
}

// withRules hands do the rules of the host, alone, and keeps them if do says so.
// What do changes is seen whole or not at all, as a transaction of nft.
func withRules(root string, do func(*ruleset) (bool, error)) error {
	return stored(filepath.Join(root, "run/nftables.json"), func(r *ruleset) (bool, error) {
		now := time.Now()
		for _, t := range r.Tables {
			for _, s := range t.Sets {
				s.Elements = slices.DeleteFunc(s.Elements, func(e element) bool { return !e.Expires.IsZero() && e.Expires.Before(now) })
			}
		}
		return do(r)
	})
}

func (r *ruleset) table(family, name string) *table {
	for _, t := range r.Tables {
		if t.Family == family && t.Name == name {
			return t
		}
	}
	return nil
}

func (t *table) handle() int { t.Next++; return t.Next }

func (t *table) chain(name string) *chain {
	for _, c := range t.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (t *table) set(name string) *set {
	for _, s := range t.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}
