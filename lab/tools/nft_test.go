package tools_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/lab/tools"
)

// scripts are what a program sends to nft to block a port and take it back,
// one invocation each; what both nfts answer is compared after each.
var scripts = []struct {
	args  []string
	stdin string
}{
	{[]string{"list", "ruleset"}, ""},
	{[]string{"-f", "-"}, `table inet aurorabot_x {
  comment "run devcluster-1"
  set allowed {
    type ipv4_addr
    flags timeout
    elements = { 10.77.0.5 timeout 12h }
  }
  set lease { type inet_service; flags timeout; elements = { 8081 timeout 12h } }
  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 127.0.0.1 } }
  chain input {
    type filter hook input priority -10; policy accept;
    iif lo accept comment "never loopback"
    meta iifname "lo" accept
    ct state established,related accept
    ip saddr @allowed tcp dport 8081 accept
    ip saddr { 10.77.0.5, 10.77.0.6 } tcp dport 8081 accept
    tcp dport @lease counter reject with tcp reset comment "aurorabot run x"
    tcp dport { 8082, 8081 } drop
    tcp dport 8081 reject
    meta l4proto tcp tcp dport 22 accept
    tcp dport ssh accept
    ip6 saddr ::1 accept
    tcp dport 8081 ip saddr != 127.0.0.0/8 reject
  }
}
`},
	{[]string{"list", "table", "inet", "aurorabot_x"}, ""},
	{[]string{"-a", "list", "table", "inet", "aurorabot_x"}, ""},
	{[]string{"-j", "list", "table", "inet", "aurorabot_x"}, ""},
	{[]string{"add", "element", "inet", "aurorabot_x", "lease", "{ 8082 timeout 12h }"}, ""},
	{[]string{"list", "set", "inet", "aurorabot_x", "lease"}, ""},
	// A lease is renewed in one transaction.
	{[]string{"-f", "-"}, "delete element inet aurorabot_x lease { 8081 }\nadd element inet aurorabot_x lease { 8081 timeout 43200s }\n"},
	{[]string{"list", "set", "inet", "aurorabot_x", "lease"}, ""},
	{[]string{"add", "table", "inet", "t2"}, ""},
	{[]string{"create", "table", "inet", "t2"}, ""},
	{[]string{"add chain inet t2 input { type filter hook input priority filter; policy drop; }"}, ""},
	{[]string{"add", "rule", "inet", "t2", "input", "tcp", "dport", "80", "drop"}, ""},
	{[]string{"insert", "rule", "inet", "t2", "input", "tcp", "dport", "443", "drop"}, ""},
	{[]string{"list", "chain", "inet", "t2", "input"}, ""},
	{[]string{"list", "tables"}, ""},
	{[]string{"-c", "-f", "-"}, "delete table inet t2\n"},
	{[]string{"-f", "-"}, "add table inet t3\ndelete table inet nope\n"}, // All or nothing.
	{[]string{"list", "tables"}, ""},
	{[]string{"-f", "-"}, "table inet t2\ndelete table inet t2\ntable inet t2 {\n chain c { type filter hook prerouting priority raw; }\n}\n"},
	{[]string{"list", "ruleset"}, ""},
	{[]string{"delete", "table", "inet", "nope"}, ""},
	{[]string{"list", "table", "inet", "nope"}, ""},
	{[]string{"delete", "table", "inet", "aurorabot_x"}, ""},
	{[]string{"-f", "-"}, "table inet broken {\n chain x { tcp dport 80 sdrop }\n}\n"},
	{[]string{"flush", "ruleset"}, ""},
	{[]string{"list", "ruleset"}, ""},
}

// The stand-in lists rules, and takes and refuses commands, as the real nft does.
func TestNftAsTheRealOne(t *testing.T) {
	if err := exec.Command("unshare", "-n", "nft", "list", "ruleset").Run(); err != nil {
		t.Skipf("SKIPPED: needs root and nft (apt-get install nftables): %v", err)
	}
	// All real calls in one network namespace of their own.
	dir := t.TempDir()
	var script strings.Builder
	for i, s := range scripts {
		if err := os.WriteFile(filepath.Join(dir, itoa(i)+".in"), []byte(s.stdin), 0o600); err != nil {
			t.Fatal(err)
		}
		script.WriteString("nft")
		for _, a := range s.args {
			script.WriteString(" '" + a + "'")
		}
		n := filepath.Join(dir, itoa(i))
		script.WriteString(" <" + n + ".in >" + n + ".out 2>" + n + ".err; echo $? >" + n + ".rc\n")
	}
	if out, err := exec.Command("unshare", "-n", "sh", "-c", script.String()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	expires := regexp.MustCompile(`expires [0-9a-z]+|"expires": ?\d+`)
	spaces := regexp.MustCompile(`[\s"]+`)
	for i, s := range scripts {
		status, stdout, stderr := nft(root, s.stdin, s.args...)
		want, _ := os.ReadFile(filepath.Join(dir, itoa(i)+".out"))
		rc, _ := os.ReadFile(filepath.Join(dir, itoa(i)+".rc"))
		realErr, _ := os.ReadFile(filepath.Join(dir, itoa(i)+".err"))
		if itoa(status)+"\n" != string(rc) {
			t.Errorf("%q: exit %d, want %s (%s | %s)", s.args, status, rc, stderr, realErr)
		}
		got, text := expires.ReplaceAllString(stdout, ""), expires.ReplaceAllString(string(want), "")
		if s.args[0] == "-j" { // Keys of objects have no order.
			got, text = sorted(spaces.ReplaceAllString(got, "")), sorted(spaces.ReplaceAllString(text, ""))
		}
		if d := cmp.Diff(text, got); d != "" {
			t.Errorf("%q (-real +stand-in):\n%s", s.args, d)
		}
		if (len(realErr) == 0) != (stderr == "") {
			t.Errorf("%q: stderr %q, real %q", s.args, stderr, realErr)
		}
	}
}

// Elements with a timeout are gone when it is over.
func TestNftTimeout(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if status, _, e := nft(root, "table inet t { set s { type inet_service; flags timeout; elements = { 8081 timeout 1ms, 8082 timeout 1h } } }", "-f", "-"); status != 0 {
		t.Fatal(e)
	}
	for range 100 {
		if _, out, _ := nft(root, "", "list", "ruleset"); !strings.Contains(out, "8081") {
			if !strings.Contains(out, "8082") {
				t.Errorf("the other one is gone, too: %s", out)
			}
			return
		}
	}
	t.Error("the element is still there")
}

func nft(root, stdin string, args ...string) (int, string, string) {
	var stdout, stderr bytes.Buffer
	status := tools.Nft(args, strings.NewReader(stdin), &stdout, &stderr, []string{"USER=root", tools.RootVariable + "=" + root})
	return status, stdout.String(), stderr.String()
}

func itoa(n int) string { return strconv.Itoa(n) }

// sorted brings the characters of s into order: equal for objects that differ
// in the order of their keys only.
func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}
