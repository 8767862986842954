package cli

import (
	"os"
	"os/user"
	"strconv"
	"testing"
)

// Who one is says the kernel's uid, and never the environment.
func TestAccountIsTheKernels(t *testing.T) {
	t.Setenv("USER", "root")
	t.Setenv("LOGNAME", "root")
	const nobodys = 3999999 // No account of this machine.
	if _, err := user.LookupId(strconv.Itoa(nobodys)); err == nil {
		t.Skip("there is an account of that uid here")
	}
	if a := AccountOf(t.Context(), nobodys); a.Name != "" || a.UID != nobodys || a.String() != "uid 3999999" {
		t.Errorf("an unknown uid is %+v (%s)", a, a)
	}
	me, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		t.Skip(err)
	}
	if a := AccountOf(t.Context(), os.Getuid()); a.Name != me.Username {
		t.Errorf("uid %d is %+v, want %s", os.Getuid(), a, me.Username)
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
