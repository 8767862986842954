package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner/golden"
)

// playsProgram is set where the test binary is the program itself.
const playsProgram = "AURORABOT_TEST_PLAYS_PROGRAM"

// A desk is a machine at which somebody types examples of help: the program in
// PATH, a configuration in its usual place, whose hosts are all down, and the
// files that the examples speak of.
type desk struct {
	home   string
	here   string // Where the test began.
	env    []string
	config string
}

func deskOf(t *testing.T) *desk {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	d := &desk{home: home, here: here, env: []string{"HOME=" + home, "PATH=" + filepath.Join(home, "bin") + ":" + os.Getenv("PATH"), playsProgram + "=1"}}
	d.write(t, "bin/aurorabot", 0o700, fmt.Sprintf("#!/bin/sh\nexec %q \"$@\"\n", self))
	d.write(t, "bin/journalctl", 0o700, "#!/bin/sh\necho '2026-11-23T08:36:24.000000+00:00 s1 aurora-scheduler[7]: nothing of note'\n")
	d.write(t, "key", 0o600, "")
	d.write(t, "known_hosts", 0o600, "")
	d.config = fmt.Sprintf(`state_dir: %[1]s/state
ssh: {key_files: [%[1]s/key], known_hosts: [%[1]s/known_hosts]}
clusters:
  west:
    version: 0.22.0
    schedulers: [{name: s1, address: "127.0.0.1:1"}, {name: s2, address: "127.0.0.1:2"}, {name: s3, address: "127.0.0.1:3"}]
policy:
  teams: [T0]
  lists: {sre: [U1, U2]}
  access: [{name: sre, who: [sre], channels: ["*"], clusters: ["*"], may: [operate, approve]}]
  gates: {commit: {factors: [{count: 2, of: [sre]}]}}
  os_users: {"4001": T0/U1}
`, home)
	d.write(t, ".config/aurorabot.yaml", 0o600, d.config)
	d.write(t, "scheduler.log", 0o600, "")
	d.write(t, "usr/share/bash-completion/completions/.keep", 0o600, "")
	backup := string(golden.Gunzip(t, "../runner/backup/testdata/small/scheduler-backup-2026-11-23-08-36.gz"))
	d.write(t, "scheduler-backup-2026-11-23-08-36", 0o600, backup)
	d.write(t, "salvaged-backup", 0o600, backup)
	for i, host := range []string{"s1", "s2", "s3"} {
		d.write(t, host+"/.keep", 0o600, "")
		log := golden.Unpack(t, fmt.Sprintf("../runner/replica/testdata/aurora/a-small-mutations-after-snapshot/replica%d.tar.gz", i+1))
		if err := os.Rename(log, filepath.Join(home, host, "db")); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *desk) write(t *testing.T, name string, mode os.FileMode, text string) {
	t.Helper()
	file := filepath.Join(d.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// types has a shell do a line.
func (d *desk) types(t *testing.T, line string) (exit int, out, errs string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	var o, e bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = d.home, d.env, &o, &e, time.Second
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Errorf("%s: %v", line, err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// What the examples end with, where it is not "done": the desk has no run, no bot
// that serves, no Slack, and hosts that are down. What is said, with the exit status,
// shows that the example was read as it is meant.
var exampleEnds = map[string]struct {
	exit int
	says string
}{
	"status west --severity critical":             {6, "critical host-silent on s1"},
	"assess west":                                 {6, "west: whether a restore is needed cannot be told"},
	"doctor west":                                 {6, "west: a recovery would stop"},
	"clean west-20261123T0840Z":                   {1, "there is no run"},
	"tasks west --lost":                           {1, "west has no open run"},
	"export west-20261123T0840Z -o incident":      {1, "there is no run"},
	"audit verify west-20261123T0840Z":            {1, "there is no run"},
	"plan west scheduler-backup-2026-11-23-08-36": {0, "as things are, a recovery stops before it changes anything"},
	`recover west scheduler-backup-2026-11-23-08-36 --reason "disks died"`: {3, "stopped at prepare/"},
	"recover west scheduler-backup-2026-11-23-08-36 --dry-run":             {0, "has an open run"},
	"drop west www-prod-hello-0-6e2a8d4c-7d0e-4a3f-9f0b-1f2d3c4b5a69":      {1, "does not wait at the commit gate"},
	"salvage west --typed west --digest 8f4c2a1b":                          {1, "does not wait for a decision here"},
	"resume west": {3, "Resumed"},
	`resume west --without s2 --reason "the disk of s2 is gone"`: {4, "The disk of s2 is gone"},
	"undo west":    {4, "Undo requested"},
	"settle s2":    {1, "no open run continues without"},
	"drill west":   {1, "names no rehearsal lab"},
	"approve west": {5, "who asked for it"},
	"approve west --typed west --digest 8f4c2a1b":    {5, "this is of another plan"},
	`deny west --reason "this is the wrong backup"`:  {3, "this is the wrong backup"},
	`abort west --reason "the schedulers came back"`: {3, "the schedulers came back"},
	"report":               {6, "west: CANNOT TELL"},
	"report west --nagios": {3, "BACKUP UNKNOWN - west: CANNOT TELL"},
	`acknowledge west --reason "the new disk comes on Monday"`: {1, "no alerts are configured"},
	"config discover s1.example.com --key ~/.ssh/id_ed25519":   {1, "discover s1.example.com: "},
	"config check aurorabot.yaml --live":                       {6, "west: a recovery would stop"},
	"sudoers west":                                             {1, "--log-path DIR --backup-dir DIR"},
	"serve --config /etc/aurorabot.yaml":                       {1, "/etc/aurorabot.yaml"},
	"health":                                                   {1, "nobody serves"},
}

// Every example of help is typed as it stands there, and read as it is meant.
func TestExamplesOfHelp(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the program some fifty times")
	}
	d, ends := deskOf(t), maps.Clone(exampleEnds)
	for _, g := range handlers.Groups {
		for _, c := range g.Commands {
			for _, e := range c.Examples {
				// A folder of this machine's is one of the desk's.
				d.write(t, "aurorabot.yaml", 0o600, d.config) // One of the examples makes it anew.
				exit, out, errs := d.types(t, "aurorabot "+strings.ReplaceAll(e, "> /usr", "> usr"))
				want := ends[e]
				delete(ends, e)
				if exit != want.exit || !strings.Contains(out+errs, want.says) || want.exit == 0 && errs != "" {
					t.Errorf("%s: exit status %d, want %d, %q\n%.600s\n%.600s", e, exit, want.exit, want.says, out, errs)
				}
			}
		}
	}
	for e := range ends {
		t.Errorf("%s is an example of nothing", e)
	}
}
