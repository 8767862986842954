package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/script"
)

// A whole recovery under each supervisor that this machine can run, on real hosts;
// the play itself compares every file of the hosts with how it was before.
func TestSupervisors(t *testing.T) {
	err := host.Supported()
	if missing := host.Missing(); err == nil && len(missing) > 0 {
		err = fmt.Errorf("not installed: %s", strings.Join(missing, ", "))
	}
	if err == nil {
		err = cluster.SupervisorsMissing()
	}
	if err != nil {
		fmt.Printf("SUPERVISORS: SKIPPED (%v)\n", err)
		t.Skip(err)
	}
	for _, kind := range cluster.Supervisors() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // They wait much of their time.
			began := time.Now()
			s := playWithin(t, 4*time.Minute, script.Done, "--hosts", "real", "--supervisor", kind)
			s.want(true, "undo.done", "prepare/supervision-off")
			fmt.Printf("SUPERVISORS: %-12s recovered, files as before, %s\n", kind, time.Since(began).Round(time.Second))
		})
	}
}
