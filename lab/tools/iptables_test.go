package tools_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/lab/tools"
)

var iptablesScript = []string{
	"-S",
	"-C INPUT ! -i lo -p tcp --dport 8081 -m comment --comment aurorabot:run-1 -j DROP",
	"-D INPUT ! -i lo -p tcp --dport 8081 -m comment --comment aurorabot:run-1 -j DROP",
	"-I INPUT ! -i lo -p tcp --dport 8081 -m comment --comment aurorabot:run-1 -j DROP",
	"-C INPUT ! -i lo -p tcp --dport 8081 -m comment --comment aurorabot:run-1 -j DROP",
	"-C INPUT ! -i lo -p tcp --dport 8082 -m comment --comment aurorabot:run-1 -j DROP",
	"-A INPUT -p tcp -s 10.0.0.1 -m tcp --dport 22 -j ACCEPT",
	"-I INPUT 2 -p tcp --dport 81 -j REJECT --reject-with tcp-reset",
	"-A INPUT -p tcp -m multiport --dports 80,81 -j DROP",
	"-S INPUT",
	"-S",
	"-w -D INPUT ! -i lo -p tcp --dport 8081 -m comment --comment aurorabot:run-1 -j DROP",
	"-S",
	"-A NOPE -j DROP",
	"-Q",
	"-A INPUT --dport 80 -j DROP",
	"-F INPUT",
	"-S",
	"--version",
}

// The stand-in keeps, lists and refuses rules as the real iptables does.
func TestIptablesAsTheRealOne(t *testing.T) {
	if err := exec.Command("unshare", "-n", "iptables", "-S").Run(); err != nil {
		t.Skipf("SKIPPED: needs root and iptables (apt-get install iptables): %v", err)
	}
	dir := t.TempDir()
	var script strings.Builder
	for i, line := range iptablesScript {
		n := filepath.Join(dir, itoa(i))
		script.WriteString("iptables " + line + " >" + n + ".out 2>" + n + ".err; echo $? >" + n + ".rc\n")
	}
	if out, err := exec.Command("unshare", "-n", "sh", "-c", script.String()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, line := range iptablesScript {
		read := func(end string) string {
			b, err := os.ReadFile(filepath.Join(dir, itoa(i)+end))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		var stdout, stderr bytes.Buffer
		status := tools.Iptables(strings.Fields(line), nil, &stdout, &stderr, []string{"USER=root", tools.RootVariable + "=" + root})
		want := read(".out") + read(".err") + read(".rc")
		if d := cmp.Diff(want, stdout.String()+stderr.String()+itoa(status)+"\n"); d != "" {
			t.Errorf("iptables %s (-real +stand-in):\n%s", line, d)
		}
	}
}
