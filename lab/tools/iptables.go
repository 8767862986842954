package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Iptables plays iptables 1.8.9 for the three chains of the table "filter":
// rules are kept, checked, listed and deleted; nothing is filtered.
func Iptables(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	return iptables("iptables", args, stdout, stderr, env)
}

// IP6tables is the same for IPv6, with rules of its own.
func IP6tables(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	return iptables("ip6tables", args, stdout, stderr, env)
}

const iptablesVersion = "v1.8.9 (nf_tables)"

var errBadRule = errors.New("Bad rule (does a matching rule exist in that chain?).")

func iptables(name string, args []string, stdout, stderr io.Writer, env []string) int {
	for i := 0; i < len(args); i++ { // Waiting for the lock: we always do.
		if args[i] == "-w" || args[i] == "--wait" {
			more := i + 1
			if more < len(args) && args[more] != "" && strings.Trim(args[more], "0123456789") == "" {
				more++
			}
			args = slices.Delete(slices.Clone(args), i, more)
			break
		}
	}
	if len(args) > 1 && args[0] == "-t" && args[1] == "filter" {
		args = args[2:]
	}
	if len(args) == 0 {
		fmt.Fprintf(stderr, "%s %s: no command specified\nTry `%s -h' or '%s --help' for more information.\n", name, iptablesVersion, name, name)
		return 2
	}
	if args[0] == "--version" || args[0] == "-V" {
		fmt.Fprintln(stdout, name, iptablesVersion)
		return 0
	}
	if lookup(env, "USER") != "root" {
		fmt.Fprintf(stderr, "%s %s: Could not fetch rule set generation id: Permission denied (you must be root)\n", name, iptablesVersion)
		return 4
	}
	status := 0
	err := withChains(filepath.Join(lookup(env, RootVariable), "run", name+".json"), func(chains map[string][]string) error {
		var err error
		status, err = change(name, args, chains, stdout, stderr)
		return err
	})
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	return status
}

// filterChains are the chains of the table, in the order of listings.
var filterChains = []string{"INPUT", "FORWARD", "OUTPUT"}

func change(name string, args []string, chains map[string][]string, stdout, stderr io.Writer) (int, error) {
	verb := args[0]
	switch verb {
	case "-S", "--list-rules":
		for _, chain := range filterChains {
			if len(args) == 1 || args[1] == chain {
				fmt.Fprintf(stdout, "-P %s ACCEPT\n", chain)
			}
		}
		for _, chain := range filterChains {
			if len(args) == 1 || args[1] == chain {
				for _, r := range chains[chain] {
					fmt.Fprintf(stdout, "-A %s %s\n", chain, r)
				}
			}
		}
		return 0, nil
	case "-F", "--flush":
		for _, chain := range filterChains {
			if len(args) == 1 || args[1] == chain {
				delete(chains, chain)
			}
		}
		return 0, nil
	case "-I", "-A", "-D", "-C", "--insert", "--append", "--delete", "--check":
	default:
		fmt.Fprintf(stderr, "%s %s: unknown option \"%s\"\nTry `%s -h' or '%s --help' for more information.\n", name, iptablesVersion, verb, name, name)
		return 2, nil
	}
	if len(args) < 2 || !slices.Contains(filterChains, args[1]) {
		return 0, errors.New("No chain/target/match by that name.")
	}
	chain, rest, at := args[1], args[2:], 0
	if (verb == "-I" || verb == "--insert") && len(rest) > 0 {
		if n, err := strconv.Atoi(rest[0]); err == nil && n > 0 {
			at, rest = n-1, rest[1:]
		}
	}
	text, err := ruleText(name, rest)
	if err != nil {
		fmt.Fprintf(stderr, "%s %s: %v\nTry `%s -h' or '%s --help' for more information.\n", name, iptablesVersion, err, name, name)
		return 2, nil
	}
	have := slices.Index(chains[chain], text)
	switch verb {
	case "-A", "--append":
		chains[chain] = append(chains[chain], text)
	case "-I", "--insert":
		if at > len(chains[chain]) {
			return 0, errors.New("Index of insertion too big.")
		}
		chains[chain] = slices.Insert(chains[chain], at, text)
	case "-D", "--delete":
		if have < 0 {
			return 0, errBadRule
		}
		chains[chain] = slices.Delete(chains[chain], have, have+1)
	case "-C", "--check":
		if have < 0 {
			return 0, errBadRule
		}
	}
	return 0, nil
}

// ruleText brings a rule into the form in which iptables lists it. What is not
// in the subset is refused.
func ruleText(name string, args []string) (string, error) {
	host := map[string]string{"iptables": "/32", "ip6tables": "/128"}[name]
	var head, matches, target []string
	protocol, not := "", ""
	loaded := map[string]bool{} // Matches that stand in the text.
	load := func(match string) {
		if match != "" && !loaded[match] {
			matches, loaded[match] = append(matches, "-m", match), true
		}
	}
	address := func(a string) string {
		if !strings.Contains(a, "/") {
			a += host
		}
		return a
	}
	for i := 0; i < len(args); i++ {
		option := args[i]
		if option == "!" {
			not = "! "
			continue
		}
		if i++; i >= len(args) {
			return "", fmt.Errorf("option \"%s\" requires an argument", option)
		}
		value := args[i]
		switch option {
		case "-s", "--source":
			head = append(head, not+"-s "+address(value))
		case "-d", "--destination":
			head = append(head, not+"-d "+address(value))
		case "-i", "--in-interface":
			head = append(head, not+"-i "+value)
		case "-o", "--out-interface":
			head = append(head, not+"-o "+value)
		case "-p", "--protocol":
			protocol = value
			head = append(head, not+"-p "+value)
		case "-m", "--match":
			load(value)
		case "--dport", "--sport", "--destination-port", "--source-port":
			if protocol == "" {
				return "", fmt.Errorf("unknown option \"%s\"", option)
			}
			load(protocol)
			short := map[string]string{"--destination-port": "--dport", "--source-port": "--sport"}[option]
			if short == "" {
				short = option
			}
			matches = append(matches, not+short, portNumber(value))
		case "--dports", "--sports":
			matches = append(matches, not+option, value)
		case "--comment":
			matches = append(matches, option, strconv.Quote(value))
		case "--ctstate", "--state":
			matches = append(matches, not+option, value)
		case "-j", "--jump":
			target = append(target, "-j", value)
		case "--reject-with":
			target = append(target, option, value)
		default:
			return "", fmt.Errorf("unknown option \"%s\"", option)
		}
		not = ""
	}
	// The listing has its own order, whatever the order they were given in.
	order := []string{"-s", "-d", "-i", "-o", "-p"}
	slices.SortStableFunc(head, func(a, b string) int {
		return slices.Index(order, strings.Fields(strings.TrimPrefix(a, "! "))[0]) - slices.Index(order, strings.Fields(strings.TrimPrefix(b, "! "))[0])
	})
	return strings.Join(slices.Concat(head, matches, target), " "), nil
}

// withChains hands do the rules kept in a file, alone, and keeps what it makes of them.
func withChains(path string, do func(map[string][]string) error) error {
	return stored(path, func(chains *map[string][]string) (bool, error) {
		if *chains == nil {
			*chains = map[string][]string{}
		}
		return true, do(*chains)
	})
}

// stored hands do what a file of JSON holds, alone, and keeps what it makes of
// it if do says so: seen whole or not at all.
func stored[T any](path string, do func(*T) (bool, error)) error {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	var v T
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	save, err := do(&v)
	if err != nil || !save {
		return err
	}
	if raw, err = json.Marshal(v); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
