package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner"
	"aurorabot/runner/journal"
)

// Where a person sits at a terminal, `approve` shows the gate and asks for the
// cluster's name; elsewhere the words must say what is approved.
func TestApproveAsksAtATerminal(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"key", "known_hosts"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "aurorabot.yaml")
	text := `state_dir: state
ssh: {key_files: [key], known_hosts: [known_hosts]}
clusters:
  devcluster:
    version: 0.22.0
    schedulers: [{name: s1, address: "127.0.0.1:1"}, {name: s2, address: "127.0.0.1:2"}, {name: s3, address: "127.0.0.1:3"}]
policy:
  teams: [T0TEAM001]
  lists: {sre: [U0ANN00001, U0BOB00001]}
  os_users: {"4001": T0TEAM001/U0BOB00001}
  access: [{name: sre, who: [sre], channels: ["*"], clusters: ["*"], may: [operate, approve]}]
  gates: {start: {factors: [{count: 1, of: [sre]}]}, commit: {factors: [{count: 2, of: [sre]}]}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(dir, "state", "runs"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := jsonOf(runner.Request{Cluster: "devcluster", Recipe: "staged", Backup: "scheduler-backup-2026-11-23-08-36"})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := jsonOf(runner.GateView{Title: "Begin the outage?"})
	if err != nil {
		t.Fatal(err)
	}
	e := &runner.Engine{Journal: j, Now: time.Now}
	for _, ev := range []runner.Event{{Kind: runner.RunRequested, Who: "T0TEAM001/U0ANN00001", Data: request}, {Kind: runner.GateOpened, Gate: "start", Digest: "0a1b2c3d4e5f", Data: shown}} {
		if _, err := e.Append("devcluster-20261123T0836Z", ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, terminal := range []bool{true, false} {
		var out, errs bytes.Buffer
		exit := Run(t.Context(), []string{"approve", "devcluster", "--config", file}, World{
			In: strings.NewReader("westcluster\n"), Out: &out, Err: &errs, Terminal: terminal, Env: func(string) string { return "" }, Now: time.Now, Peer: onDuty,
		})
		asked := strings.Contains(errs.String(), "Begin the outage?") && strings.Contains(errs.String(), "0a1b2c3d4e5f") && strings.Contains(errs.String(), `"westcluster" was typed`)
		if exit != handlers.ExitRefused || asked != terminal || terminal && out.Len() > 0 {
			t.Errorf("terminal %v: exit %d, asked %v\n%s\n%s", terminal, exit, asked, out.String(), errs.String())
		}
	}
}
