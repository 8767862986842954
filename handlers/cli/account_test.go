package cli

import (
	"fmt"
	"os/user"
	"strconv"
	"testing"
)

// Who one is says the kernel's uid, and never the environment.
func TestAccountIsTheKernels(t *testing.T) {
	t.Setenv("USER", "root")
	t.Setenv("LOGNAME", "root")
	nobodys := 3999999
	for ; ; nobodys++ { // The first that is no account of this machine.
		if _, err := user.LookupId(strconv.Itoa(nobodys)); err != nil {
			break
		}
	}
	if a := (Account{UID: nobodys}).named(t.Context()); a.Name != "" || a.UID != nobodys || a.String() != fmt.Sprintf("uid %d", nobodys) {
		t.Errorf("an unknown uid is %+v (%s)", a, a)
	}
	t.Setenv("USER", "ann") // Every machine has an account 0.
	if a := (Account{}).named(t.Context()); a.Name != "root" {
		t.Errorf("uid 0 is %+v, want root", a)
	}
}

// An answer of the directory counts for the uid that was asked for.
func TestNameInALine(t *testing.T) {
	for line, want := range map[string]string{
		"ann:x:12345:100:Ann:/home/ann:/bin/sh\n": "ann", "ann:x:1:100::/:/bin/sh": "", "": "", "ann": "", ":x:12345:": "",
		"bob:x:12345:1\nann:x:12345:1": "",
	} {
		if got, _ := nameIn(line, 12345); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
