package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"
)

// An Account is who the kernel says runs a program.
type Account struct {
	UID  int
	Name string // "" where the machine has no name for it.
}

// AccountOf names the account of a uid. A program without cgo sees /etc/passwd
// alone and takes $USER for the name of an account that is not in it; so the
// machine's own directory is asked there (LDAP, SSSD), by getent, and its answer
// must be about that uid.
func AccountOf(ctx context.Context, uid int) Account {
	a := Account{UID: uid}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		a.Name = u.Username
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "getent", "passwd", strconv.Itoa(uid)).Output()
	if err == nil {
		a.Name, _ = nameIn(string(out), uid) // Without one it is known by its uid alone.
	}
	return a
}

// nameIn reads the name out of a line of passwd, which must be of that uid.
func nameIn(line string, uid int) (string, error) {
	f := strings.Split(strings.TrimSpace(line), ":")
	if len(f) < 3 || f[0] == "" || f[2] != strconv.Itoa(uid) || strings.Contains(line, "\n") && strings.Count(strings.TrimSpace(line), "\n") > 0 {
		return "", errors.New("no line of that uid")
	}
	return f[0], nil
}

func (a Account) String() string {
	if a.Name == "" {
		return fmt.Sprintf("uid %d", a.UID)
	}
	return fmt.Sprintf("%s (uid %d)", a.Name, a.UID)
}
