package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"aurorabot/runner/probe"
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
