package ssh

import (
	"errors"
	"testing"

	"aurorabot/runner"
)

// A warning of sudo's is no refusal: the command ran. What is neither is not known,
// and never the command's "no".
func TestWhatSudoSays(t *testing.T) {
	const started, refused, unknown = "started", "refused", "unknown"
	for said, want := range map[string]string{
		"sudo: unable to resolve host s1: Name or service not known":                                                       started,
		"sudo: setrlimit(RLIMIT_CORE): Operation not permitted":                                                            started,
		"sudo: unable to resolve host s1\ngrep: /x: No such file or directory":                                             started,
		"sudo: unable to resolve host s1\nsudo: a password is required":                                                    refused,
		"sudo: PAM account management error: Authentication service cannot retrieve authentication info":                   refused,
		"sudo: Account or password is expired, reset your password and try again":                                          refused,
		"sudo: something that nobody here has seen":                                                                        unknown,
		"Your account has expired; please contact your system administrator.":                                              unknown,
		"sudo: unable to resolve host s1: Name or service not known\nPAM adding faulty module: /lib/security/pam_tally.so": unknown,
		"x is not enabled": started,
	} {
		err := sudoSaid("root", true, runner.Output{Exit: 1, Stderr: []byte(said + "\n")})
		got := started
		switch {
		case errors.Is(err, runner.ErrNotStarted):
			got = refused
		case err != nil:
			got = unknown
		}
		if got != want {
			t.Errorf("%q: %s (%v), want %s", said, got, err, want)
		}
		if err := sudoSaid("", false, runner.Output{Exit: 1, Stderr: []byte(said)}); err != nil {
			t.Errorf("%q without sudo: %v", said, err)
		}
	}
}
