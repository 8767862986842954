package scheduler

import (
	"aurorabot/lab/tjson"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// needed are the flags without which the real scheduler does not start.
var needed = []string{"-cluster_name=a", "-backup_dir=/b", "-mesos_master_address=127.0.0.1:1", "-serverset_path=/s", "-zk_endpoints=127.0.0.1:1", "-native_log_file_path=/l"}

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		name, version string
		args          []string
		refused       string // empty: accepted
	}{
		{name: "joined by =", args: []string{"-http_port=8081"}},
		{name: "in two words", args: []string{"-http_port", "8081"}},
		{name: "unknown", args: []string{"-no_such_flag=1"}, refused: "Was passed main parameter '-no_such_flag=1' but no main parameter was defined in your arg class"},
		{name: "twice", args: []string{"-http_port=1", "-http_port=2"}, refused: "Can only specify option -http_port once."},
		{name: "without its value", args: []string{"-http_port"}, refused: "Expected a value after parameter -http_port"},
		{name: "no unit of time", args: []string{"-max_registration_delay=360min"}, refused: "No Time unit found matching min"},
		{name: "a unit of time", args: []string{"-max_registration_delay=360mins"}},
		{name: "no number", args: []string{"-native_log_quorum_size=two"}, refused: `couldn't convert "two" to an integer`},
		{name: "gc_executor_path in 0.22", args: []string{"-gc_executor_path=/g"}, refused: "Was passed main parameter"},
		{name: "gc_executor_path in 0.8", version: "0.8.0", args: []string{"-gc_executor_path=/g"}},
		{name: "reconciliation in 0.8", version: "0.8.0", args: []string{"-reconciliation_initial_delay=365days"}, refused: "Was passed main parameter"},
		{name: "reconciliation in 0.9", version: "0.9.0", args: []string{"-reconciliation_initial_delay=365days"}},
		{name: "zk_use_curator in 0.18", version: "0.18.0", args: []string{"-zk_use_curator=true"}},
		{name: "zk_use_curator in 0.19", version: "0.19.0", args: []string{"-zk_use_curator=true"}, refused: "Was passed main parameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			release := tt.version
			if release == "" {
				release = "0.22.0"
			}
			v, err := parseVersion(release)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parseFlags(v.flags(flagTable()), append(slices.Clone(needed), tt.args...))
			if err == nil {
				_, err = readSettings(f, nil)
			}
			if tt.refused == "" && err != nil || tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)) {
				t.Errorf("error = %v, want %q", err, tt.refused)
			}
		})
	}
}

// A refused flag gives exit status 1, the recorded line and the whole usage.
func TestUnknownFlagEndsTheProcess(t *testing.T) {
	var out, errs bytes.Buffer
	status := Run(context.Background(), append([]string{"aurora-scheduler", "-no_such_flag=1"}, needed...), &out, &errs, nil)
	if status != 1 || !strings.HasPrefix(out.String(), "Usage: org.apache.aurora.scheduler.app.SchedulerMain [options]\n") {
		t.Errorf("status = %d, usage %.60q", status, out.String())
	}
	if line := errs.String(); !strings.HasPrefix(line, "E") || !strings.Contains(line, " [main, CommandLine] Was passed main parameter '-no_such_flag=1' but") {
		t.Errorf("log = %q", line)
	}
}

// A knob that is misspelt is an error, not a fault that never comes.
func TestKnobs(t *testing.T) {
	for _, env := range []string{"AURORA_LAB_COMIT_FAULT=timeout", "AURORA_LAB_COMMIT_FAULT=time-out", "AURORA_LAB_API_DELAY=soon"} {
		if status := Run(context.Background(), append([]string{"aurora-scheduler"}, needed...), io.Discard, io.Discard, []string{env}); status != 1 {
			t.Errorf("%s: exit status %d, want 1", env, status)
		}
	}
}

func TestJavaDouble(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 60: "60.0", 2.1000000000000005: "2.1000000000000005", 1500000: "1500000.0", 1e7: "1.0E7", 12345678.9: "1.23456789E7", 0.001: "0.001", 0.0001: "1.0E-4", -0.5: "-0.5",
	} {
		if got := tjson.JavaDouble(v); got != want {
			t.Errorf("javaDouble(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestJavaDate(t *testing.T) {
	if got, want := javaDate(1795422984364, time.UTC), "Mon Nov 23 08:36:24 UTC 2026"; got != want {
		t.Errorf("javaDate = %q, want %q", got, want)
	}
}
