package ssh

import (
	"os/exec"
	"testing"
)

// Whatever the login shell is, a script and its arguments come through it unchanged.
func TestScriptThroughLoginShells(t *testing.T) {
	args := []string{"", " ", "'", `"`, `\`, `a\`, `\\n\'`, "$HOME", "~", "a=b", "-n", "*", "!x!", "a!", "ä", "`id`", "$(id)", "#", "%s", "{a,b}", "^", ";|&<>", "\t", "\x01"}
	want := ""
	for _, a := range args {
		want += a + "\x00"
	}
	text := "# A comment with 'quotes' and !bangs.\nif [ \"$0\" = aurorabot ]; then\n\tprintf '%s\\0' \"$@\"\nfi\n"
	for _, shell := range []string{"sh", "bash", "dash", "zsh", "ksh", "fish", "tcsh", "csh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not here", shell)
			continue
		}
		out, err := exec.Command(path, "-c", script(text, args...)).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %v\n got %q\nwant %q", shell, err, out, want)
		}
	}
}
