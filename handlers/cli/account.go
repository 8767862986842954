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

	// Login is the uid of the account that logged in, which su and sudo leave as it is
	// (man 8 pam_loginuid); [Nobody] where no login began the program.
	Login     int
	LoginName string
	Doubt     error // Why Login can't be told. Nil: it is known.
}

// Nobody is the login of a program that no login began.
const Nobody = -1

// Self is the account of this very program.
func Self(ctx context.Context) Account { return self().named(ctx) }

// named adds the names that the machine has for the uids.
func (a Account) named(ctx context.Context) Account {
	a.Name = nameOf(ctx, a.UID)
	switch {
	case a.Login == a.UID:
		a.LoginName = a.Name
	case a.Login != Nobody:
		a.LoginName = nameOf(ctx, a.Login)
	}
	return a
}

// nameOf is the name of the account of a uid. A program without cgo sees /etc/passwd
// alone and takes $USER for the name of an account that is not in it; so the
// machine's own directory is asked there (LDAP, SSSD), by getent, and its answer
// must be about that uid.
func nameOf(ctx context.Context, uid int) (name string) {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "getent", "passwd", strconv.Itoa(uid)).Output()
	if err == nil {
		name, _ = nameIn(string(out), uid) // Without one it is known by its uid alone.
	}
	return name
}

// nameIn reads the name out of a line of passwd, which must be of that uid.
func nameIn(line string, uid int) (string, error) {
	f := strings.Split(strings.TrimSpace(line), ":")
	if len(f) < 3 || f[0] == "" || f[2] != strconv.Itoa(uid) || strings.Contains(line, "\n") && strings.Count(strings.TrimSpace(line), "\n") > 0 {
		return "", errors.New("no line of that uid")
	}
	return f[0], nil
}

func (a Account) String() string { return called(a.UID, a.Name) }

// LoginText names the account that logged in.
func (a Account) LoginText() string { return called(a.Login, a.LoginName) }

func called(uid int, name string) string {
	if name == "" {
		return fmt.Sprintf("uid %d", uid)
	}
	return fmt.Sprintf("%s (uid %d)", name, uid)
}

// groupOf is the number of a group, by that or by its name.
func groupOf(group string) (int, error) {
	if gid, err := strconv.Atoi(group); err == nil {
		return gid, nil
	}
	if g, err := user.LookupGroup(group); err == nil {
		return strconv.Atoi(g.Gid)
	}
	// What is not in /etc/group may be in the machine's directory; see [nameOf].
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "getent", "group", "--", group).Output()
	if f := strings.Split(string(out), ":"); err == nil && len(f) > 2 && f[0] == group {
		return strconv.Atoi(f[2])
	}
	return 0, fmt.Errorf("cli.group: this machine has no group %.40q", group)
}
