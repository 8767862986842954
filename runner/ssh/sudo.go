package ssh

import (
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
)

// What sudo, and PAM for it, say on standard error before a command could say
// anything. With status 1, and nothing on standard output, three things can be
// meant: the command was not run, it ran and was the one to end with 1, or nobody
// can tell.
var (
	// sudoRefusals are of a command that sudo did not run.
	sudoRefusals = []string{
		"a password is required", "a terminal is required to read the password", "no tty present and no askpass program", "you must have a tty to run sudo",
		"Sorry, user ", "Sorry, try again", " is not in the sudoers file", "may not run sudo", "usage: sudo", "unknown user", "unknown uid", "unknown group",
		"command not found", "unable to execute ", "no valid sudoers sources found", "unable to initialize policy plugin", "parse error in ", "syntax error",
		"must be owned by uid 0", "effective uid is not 0", "you do not exist in the passwd database", "account validation failure", "PAM account management error",
		"PAM authentication error", "Account or password is expired", "Account expired or PAM config lacks",
	}

	// sudoWarnings are of one that it went on to run.
	sudoWarnings = []string{"unable to resolve host", "setrlimit(", "unable to send audit message"}
)

// sudoSaid tells by what a command that was run through sudo left whether it was run.
// Nil: it was. An error that is no [runner.ErrNotStarted] says that nobody can tell:
// what asks whether something is so must not take that for "no".
func sudoSaid(user string, through bool, out runner.Output) error {
	text := strings.TrimSpace(string(out.Stderr))
	if !through || out.Exit != 1 || len(out.Stdout) > 0 || text == "" {
		return nil
	}
	warned, refused := 0, false
	lines := slices.Collect(strings.Lines(text))
	for _, line := range lines {
		line = strings.TrimSpace(line)
		says := func(what string) bool { return strings.Contains(line, what) }
		switch refusal := slices.ContainsFunc(sudoRefusals, says); {
		case !ofSudo(line) && line != "":
			return nil // The command's own words.
		case refusal:
			refused = true
		case line == "" || slices.ContainsFunc(sudoWarnings, says):
			warned++
		}
	}
	switch {
	case refused:
		return notStarted(fmt.Errorf("sudo to %s: %s", user, firstLines([]byte(text))))
	case warned == len(lines):
		return nil
	}
	return fmt.Errorf("sudo to %s: whether it ran the command is not known: %s", user, firstLines([]byte(text)))
}

// ofSudo tells lines of sudo, and of PAM, from a command's.
func ofSudo(line string) bool {
	for _, begin := range []string{"sudo: ", "Sorry, ", "usage: sudo", "PAM ", "pam_", "Your account has expired", "You are required to change your password"} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return strings.Contains(line, " is not in the sudoers file") || strings.Contains(line, "may not run sudo")
}
