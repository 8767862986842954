package node

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
)

// A Firewall keeps outside traffic from the scheduler's HTTP port, and nothing
// else: never SSH, ZooKeeper, the log's port or loopback. Its rules carry the
// run's tag and are a lease where the firewall knows leases.
type Firewall interface {
	Block(ctx context.Context, port string, lease time.Duration) error
	// Blocked reports whether the block is there; it renews a lease of which a
	// quarter is over.
	Blocked(ctx context.Context, port string, lease time.Duration) (bool, string, error)
	Open(ctx context.Context, port string) error
	// Shows are the commands for the plan.
	Shows(port string, lease time.Duration) []string
}

// Firewalled reports whether traffic is blocked during a run.
func (s *Nodes) Firewalled() bool {
	return slices.Contains([]string{"nft", "iptables"}, s.Cluster.Firewall)
}

// Firewall is the one of the host, nil where traffic is not blocked.
func (n *Node) Firewall() Firewall {
	switch n.Cluster.Firewall {
	case "nft":
		return nft{n}
	case "iptables":
		return iptables{n}
	}
	return nil
}

// nft uses a table of its own, with a set whose element ends by itself when the
// lease does.
type nft struct{ on *Node }

// NFTTable is a run's table. nft's names take no '-' and no ':'.
func NFTTable(run string) string {
	return "aurorabot_" + SHA256([]byte(run))[:8]
}

// NFTScript makes the table, in one transaction. It is an argument of the command,
// so that a sudoers file can say which script may run.
func NFTScript(run, port string, lease time.Duration) string {
	return fmt.Sprintf(`table inet %[1]s { comment "aurorabot:%[4]s" ; `+
		`set blocked { type inet_service ; flags timeout ; elements = { %[2]s timeout %[3]ds } ; } ; `+
		`chain input { type filter hook input priority -10 ; policy accept ; iifname "lo" accept ; tcp dport @blocked drop ; } ; }`,
		NFTTable(run), port, int(lease.Seconds()), run)
}

// NFTRenewal puts the lease's element in anew, in one transaction.
func NFTRenewal(run, port string, lease time.Duration) string {
	return fmt.Sprintf("delete element inet %[1]s blocked { %[2]s } ; add element inet %[1]s blocked { %[2]s timeout %[3]ds }", NFTTable(run), port, int(lease.Seconds()))
}

func (n nft) Shows(port string, lease time.Duration) []string {
	return []string{fmt.Sprintf("nft: table inet %s: drop tcp port %s but from loopback, for %s", NFTTable(n.on.RunID), port, lease)}
}

func (n nft) Block(ctx context.Context, port string, lease time.Duration) error {
	out, err := n.on.Host.Run(ctx, runner.Command{Argv: []string{"nft", NFTScript(n.on.RunID, port, lease)}, User: "root"})
	return Well("nft", out, err)
}

func (n nft) Blocked(ctx context.Context, port string, lease time.Duration) (bool, string, error) {
	out, err := n.on.Host.Run(ctx, runner.Command{Argv: []string{"nft", "list", "table", "inet", NFTTable(n.on.RunID)}, User: "root", Through: n.on.through()})
	if err == nil && out.Exit != 0 && strings.Contains(string(out.Stderr), "No such file or directory") {
		return false, "there is no table " + NFTTable(n.on.RunID), nil
	}
	if err := Well("nft list", out, err); err != nil {
		return false, "", err
	}
	text := string(out.Stdout)
	left, there := elementOf(text, port)
	if !strings.Contains(text, "tcp dport @blocked drop") || !there {
		return false, "the lease of the block is over, or its rule is gone", nil
	}
	if left > lease/4*3 {
		return true, fmt.Sprintf("port %s is blocked, for %s at most", port, lease), nil
	}
	out, err = n.on.Host.Run(ctx, runner.Command{Argv: []string{"nft", NFTRenewal(n.on.RunID, port, lease)}, User: "root"})
	if err := Well("nft: renew the lease", out, err); err != nil {
		return false, "", err
	}
	return true, fmt.Sprintf("port %s is blocked, for %s at most", port, lease), nil
}

var nftElements = regexp.MustCompile(`(?s)elements\s*=\s*\{([^}]*)\}`)

// elementOf tells whether the port is in the set, and for how long yet; 0 where
// that cannot be told.
func elementOf(ruleset, port string) (left time.Duration, there bool) {
	m := nftElements.FindStringSubmatch(ruleset)
	if m == nil {
		return 0, false
	}
	for e := range strings.SplitSeq(m[1], ",") {
		f := strings.Fields(e)
		if len(f) == 0 || f[0] != port {
			continue
		}
		if at := slices.Index(f, "expires"); at > 0 && at+1 < len(f) {
			left, _ = time.ParseDuration(f[at+1]) // One of days it does not read: then the lease is renewed.
		}
		return left, true
	}
	return 0, false
}

func (n nft) Open(ctx context.Context, _ string) error {
	out, err := n.on.Host.Run(ctx, runner.Command{Argv: []string{"nft", "delete", "table", "inet", NFTTable(n.on.RunID)}, User: "root"})
	if strings.Contains(string(out.Stderr), "No such file or directory") {
		return nil
	}
	return Well("nft", out, err)
}

// iptables knows no leases: its rule stays until it is taken away.
type iptables struct{ on *Node }

// IPTablesRule is a run's rule.
func IPTablesRule(run, port string) []string {
	return []string{"INPUT", "!", "-i", "lo", "-p", "tcp", "--dport", port, "-m", "comment", "--comment", "aurorabot:" + run, "-j", "DROP"}
}

func (i iptables) Shows(port string, _ time.Duration) []string {
	return []string{"iptables -I " + Shown(IPTablesRule(i.on.RunID, port)), "ip6tables -I " + Shown(IPTablesRule(i.on.RunID, port))}
}

// BothFamilies are the programs of IPv4 and IPv6.
var BothFamilies = []string{"iptables", "ip6tables"}

func (i iptables) has(ctx context.Context, program, port string) (bool, error) {
	return yesNo(ctx, i.on, append([]string{program, "-C"}, IPTablesRule(i.on.RunID, port)...), 1)
}

// set puts the rule in, or takes it out, where it is not so yet.
func (i iptables) set(ctx context.Context, port string, in bool) error {
	how := map[bool]string{true: "-I", false: "-D"}[in]
	for _, program := range BothFamilies {
		has, err := i.has(ctx, program, port)
		if err == nil && has != in {
			_, err = i.on.Run(ctx, "root", append([]string{program, how}, IPTablesRule(i.on.RunID, port)...)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (i iptables) Block(ctx context.Context, port string, _ time.Duration) error {
	return i.set(ctx, port, true)
}

func (i iptables) Open(ctx context.Context, port string) error { return i.set(ctx, port, false) }

func (i iptables) Blocked(ctx context.Context, port string, _ time.Duration) (bool, string, error) {
	for _, program := range BothFamilies {
		has, err := i.has(ctx, program, port)
		if err != nil || !has {
			return false, program + " has no rule of this run", err
		}
	}
	return true, "port " + port + " is blocked until it is opened", nil
}
