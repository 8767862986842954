package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
)

// A configuration file may hold secrets: while it is replaced nobody may read it
// who may not before and after.
func TestReplacedConfigurationIsNeverOpen(t *testing.T) {
	for _, mode := range []uint32{0o600, 0o640, 0o644} {
		dir := t.TempDir()
		kept, beside, file := filepath.Join(dir, "original"), filepath.Join(dir, "conf.dr-x"), filepath.Join(dir, "conf")
		if err := os.WriteFile(kept, []byte("PASSWORD=x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		was := probe.Path{Mode: mode, UID: os.Getuid(), GID: os.Getgid()}
		for _, argv := range replaceCommands(kept, beside, file, was) {
			cmd := exec.Command("sh", "-c", `umask 022; exec "$@"`, "sh")
			cmd.Args = append(cmd.Args, argv...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", argv, err, out)
			}
			for _, f := range []string{beside, file} {
				info, err := os.Stat(f)
				if err == nil && uint32(info.Mode().Perm())&^mode != 0 {
					t.Errorf("after %q %s is %04o, and the file that it replaces %04o", argv, f, info.Mode().Perm(), mode)
				}
			}
		}
		if info, err := os.Stat(file); err != nil || uint32(info.Mode().Perm()) != mode {
			t.Errorf("at the end: %v, %v; want %04o", info, err, mode)
		}
	}
}

// Root gives a file the owner and mode that the file had. What they were, the helper
// says, which runs as the scheduler's account: it is held against what root sees.
func TestOwnerAndModeAreAsRootSeesThem(t *testing.T) {
	const file = "/etc/default/aurora-scheduler"
	was := probe.Path{Exists: true, UID: 0, GID: 7, Mode: 0o640}
	for name, tt := range map[string]struct {
		said string
		says string // In the error; "" for none.
	}{
		"the same":           {"0 7 640\n", ""},
		"another owner":      {"1000 7 640\n", "the helper, which runs as the scheduler's account, says 0:7 0640"},
		"another group":      {"0 8 640\n", "belongs to 0:8"},
		"another mode":       {"0 7 600\n", "mode 0600"},
		"setuid":             {"0 7 4640\n", "no bits but those of permission"},
		"nothing":            {"", "cannot be read"},
		"what cannot be one": {"root root rw-r-----\n", "cannot be read"},
	} {
		h := runnertest.NewHost(t, "s1")
		h.On(append(slices.Clone(ownership), file), func(c runner.Command) runner.Output {
			if c.User != "" {
				t.Errorf("asked as %s, which the sudoers file does not list", c.User)
			}
			return runner.Output{Stdout: []byte(tt.said)}
		})
		got, err := AsRootSees(t.Context(), &Node{Host: h, Name: "s1"}, file, was)
		if got != was || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
