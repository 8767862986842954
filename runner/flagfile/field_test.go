package flagfile

import (
	"os"
	"slices"
	"strings"
	"testing"

	"aurorabot/runner/aurora"
)

func field(t *testing.T, name string) *File {
	t.Helper()
	text, err := os.ReadFile("testdata/field/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(Detected, "/etc/sysconfig/aurora-scheduler", text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Flags in an array, as the rpm's start script reads them, are read and changed there.
func TestFlagsInAnArray(t *testing.T) {
	f := field(t, "rpm-sysconfig-array")
	for flag, want := range map[string]string{"native_log_file_path": "/var/lib/aurora/scheduler/db", "backup_dir": "/var/lib/aurora/scheduler/backups", "mesos_master_address": "zk://zk1.example.com:2181/mesos"} {
		if got, ok := f.Resolved(flag); !ok || got != want {
			t.Errorf("-%s is %q, %v", flag, got, ok)
		}
	}
	out, err := f.Rewrite(disabled)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(f.text), "'zk://zk1.example.com:2181/mesos'", "'zk://127.0.0.1:2/nonexistent/mesos'", 1)
	want = strings.Replace(want, "\n)\n", "\n)\n", 1)
	want = strings.TrimSuffix(want, ")\n") + "  -max_registration_delay=360mins\n  -reconciliation_initial_delay=365days\n)\n"
	if string(out) != want {
		t.Errorf("rewritten:\n%s\nwant:\n%s", out, want)
	}
}

// A line that a backslash joins to the next within double quotes gives the same flags
// after rewriting, and no argument that is a backslash.
func TestContinuedArguments(t *testing.T) {
	f := field(t, "extra-args-continued")
	if got, ok := f.Flag("http_authentication_mechanism"); !ok || got != "BASIC" {
		t.Errorf("-http_authentication_mechanism is %q, %v", got, ok)
	}
	out, err := f.Rewrite([]aurora.FlagChange{{Flag: "max_registration_delay", Value: "365days"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(Shell, "f", out)
	if err != nil {
		t.Fatal(err)
	}
	want := append(f.Args(), "-max_registration_delay=365days")
	if got := again.Args(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
