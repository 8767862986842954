package node

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner/aurora"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/probe"
)

// Every file of runner/flagfile/testdata is changed and put back by the commands that a
// recovery runs: then it has its first bytes again, to the last one.
func TestEveryFileComesBack(t *testing.T) {
	const from = "../flagfile/testdata/"
	table, err := os.ReadFile(from + "files.tsv")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := aurora.ProfileOf(aurora.Version{Minor: 22})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, kept, next := filepath.Join(dir, "configuration"), filepath.Join(dir, "original"), filepath.Join(dir, "disabled")
	was := probe.Path{Mode: 0o640, UID: os.Getuid(), GID: os.Getgid()}
	replace := func(with string) {
		t.Helper()
		for _, argv := range replaceCommands(with, AsideOf(file, "r"), file, was) {
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", argv, err, out)
			}
		}
	}
	came := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 || f[3] != "ok" {
			continue
		}
		text, err := os.ReadFile(from + "files/" + f[0])
		if err != nil {
			t.Fatal(err)
		}
		read, err := flagfile.Parse(flagfile.Detected, f[1], text)
		if err != nil {
			t.Fatalf("%s: %v", f[0], err)
		}
		changed, err := read.Rewrite(profile.DisabledFlags("zk://127.0.0.1:2/nonexistent/mesos", "360mins"))
		if err != nil {
			t.Fatalf("%s: %v", f[0], err)
		}
		for name, content := range map[string][]byte{file: text, kept: text, next: changed} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		replace(next)
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, changed) || bytes.Equal(got, text) {
			t.Errorf("%s: the change is not in the file: %v", f[0], err)
		}
		replace(kept)
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: it came back as\n%s\n%v", f[0], got, err)
		}
		came++
	}
	if came < 150 {
		t.Errorf("only %d files were changed", came)
	}
}
