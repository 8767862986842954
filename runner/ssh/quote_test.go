package ssh_test

import (
	"os/exec"
	"strings"
	"testing"

	"aurorabot/runner/ssh"
)

// FuzzQuote: whatever goes through a real shell comes back the same.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", " ", "'", `"`, `\`, "$HOME", "a\nb", "~", "a=b", "-n", "*", "!x", "\x01\xff", "ä", "`id`", "$(id)", "#", "=", "%s"} {
		f.Add(s, "second")
		f.Add("first", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			t.Skip("no command line can carry NUL")
		}
		line := ssh.Quote([]string{"printf", `%s\0`, a, b})
		out, err := exec.Command("sh", "-c", line).Output()
		if err != nil || string(out) != a+"\x00"+b+"\x00" {
			t.Errorf("%q, %q: %q, %v", a, b, out, err)
		}
	})
}

// A command name cannot become an assignment or an option of the shell.
func TestQuoteReadsPlainly(t *testing.T) {
	for _, tt := range []struct {
		argv []string
		want string
	}{
		{[]string{"systemctl", "stop", "aurora-scheduler.service"}, "systemctl stop aurora-scheduler.service"},
		{[]string{"A=b", "c"}, "'A=b' c"},
		{[]string{""}, "''"},
		{[]string{"it's"}, `'it'\''s'`},
		{nil, ""},
	} {
		if got := ssh.Quote(tt.argv); got != tt.want {
			t.Errorf("Quote(%q) = %s, want %s", tt.argv, got, tt.want)
		}
	}
}
