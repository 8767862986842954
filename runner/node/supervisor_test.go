package node

import (
	"testing"

	"aurorabot/runner/aurora"
	"aurorabot/runner/supervise"
)

// A plan shows the commands for the leader before there is one.
func TestCommandsAreShownWithoutAHost(t *testing.T) {
	for _, kind := range append(supervise.Kinds(), "systemd", "commands") {
		n := (&Nodes{Cluster: &aurora.Cluster{Supervisor: kind, Unit: "aurora"}}).Node("the leader")
		if s := n.Supervisor(); len(s.StopShows()) == 0 || len(s.StartShows()) == 0 {
			t.Errorf("%s shows stop as %q, start as %q", kind, s.StopShows(), s.StartShows())
		}
	}
}
