package aurora

import (
	"os"
	"strings"
	"testing"
)

// Flags in an array, as the rpm's start script reads them, are refused by name: what
// the bot writes into EXTRA_SCHEDULER_ARGS nobody would read there.
func TestFlagsInAnArray(t *testing.T) {
	text, err := os.ReadFile("testdata/field/rpm-sysconfig-array")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseShellVars("f", text); err == nil || !strings.Contains(err.Error(), "f:8: the flags are in the array AURORA_FLAGS") {
		t.Errorf("%v", err)
	}
	for _, other := range []string{"JAVA_OPTS=(-server -Xmx4g)\n", "X=()\n"} {
		if _, err := ParseShellVars("f", []byte(other)); err != nil {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// A line that a backslash joins to the next within double quotes gives the same flags
// after rewriting, and no argument that is a backslash.
func TestContinuedArguments(t *testing.T) {
	text, err := os.ReadFile("testdata/field/extra-args-continued")
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseShellVars("f", text)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := v.Flag("http_authentication_mechanism"); !ok || got != "BASIC" {
		t.Errorf("-http_authentication_mechanism is %q, %v", got, ok)
	}
	out, err := v.Rewrite([]FlagChange{{Flag: "max_registration_delay", Value: "365days"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseShellVars("f", out)
	if err != nil {
		t.Fatal(err)
	}
	const want = "-shiro_ini_path=/etc/aurora/shiro.ini -http_authentication_mechanism=BASIC -min_offer_hold_time=30secs -max_registration_delay=365days"
	if got, _ := again.Value(extraArgs); got != want {
		t.Errorf("%s=%q, want %q", extraArgs, got, want)
	}
	// What a backslash means elsewhere is not guessed.
	for _, odd := range []string{`EXTRA_SCHEDULER_ARGS="-a=1 \\$x"`, `EXTRA_SCHEDULER_ARGS="-a=\\\\ -b"`} {
		v, err := ParseShellVars("f", []byte(odd+"\n"))
		if err != nil {
			continue
		}
		if out, err := v.Rewrite([]FlagChange{{Flag: "max_registration_delay", Value: "365days"}}); err == nil {
			t.Errorf("%s becomes %s", odd, out)
		}
	}
}
