package tools

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Sudo plays sudo: it runs a command as the same account of the operating
// system, with USER and HOME of the other one. Answers are sudo 1.9's.
func Sudo(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	user, group, list, quiet := "root", "", false, false
	var rest []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-n", arg == "--non-interactive":
			quiet = true
			continue
		case arg == "-l", arg == "--list":
			list = true
			continue
		case arg == "-H", arg == "-E":
			continue
		case (arg == "-u" || arg == "-g") && i+1 < len(args):
			i++
			if arg == "-u" {
				user = args[i]
			} else {
				group = args[i]
			}
			continue
		case arg == "--":
			rest = args[i+1:]
		case strings.HasPrefix(arg, "-"):
			fmt.Fprintf(stderr, "sudo: unrecognized option '%s'\nusage: sudo -h | -K | -k | -V\n", arg)
			return 1
		default:
			rest = args[i:]
		}
		break
	}
	root := lookup(env, RootVariable)
	if _, err := os.Stat(filepath.Join(root, AskFile)); err == nil {
		if quiet {
			fmt.Fprintln(stderr, "sudo: a password is required")
		} else {
			fmt.Fprintln(stderr, "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper")
			fmt.Fprintln(stderr, "sudo: a password is required")
		}
		return 1
	}
	about := ""
	if len(rest) > 0 {
		about = filepath.Base(rest[0])
	}
	rules, err := grants(root, about)
	if err != nil {
		fmt.Fprintf(stderr, "sudo: %s: %v\nsudo: no valid sudoers sources found, quitting\n", SudoersFile, err)
		return 1
	}
	login := lookup(env, "USER")
	if list && len(rest) == 0 {
		if rules != nil {
			fmt.Fprintf(stdout, "User %s may run the following commands on %s:\n", login, filepath.Base(root))
			for _, g := range rules {
				if g.login == login {
					fmt.Fprintln(stdout, "    "+g.line)
				}
			}
			return 0
		}
		fmt.Fprintf(stdout, "Matching Defaults entries for %s on %s:\n    env_reset, mail_badpass,\n    secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin\n\nUser %s may run the following commands on %s:\n    (ALL) NOPASSWD: ALL\n",
			login, filepath.Base(root), login, filepath.Base(root))
		return 0
	}
	if len(rest) == 0 {
		fmt.Fprintln(stderr, "usage: sudo -h | -K | -k | -V")
		return 1
	}
	path, err := find(rest[0], lookup(env, "PATH"))
	if err != nil {
		fmt.Fprintf(stderr, "sudo: %s: command not found\n", rest[0])
		return 1
	}
	if rules != nil && !granted(root, rules, login, user, group, path, rest) {
		// What is not allowed might be with a password: so sudo asks for one.
		fmt.Fprintln(stderr, "sudo: a password is required")
		return 1
	}
	if list {
		fmt.Fprintln(stdout, strings.Join(append([]string{path}, rest[1:]...), " "))
		return 0
	}
	home := filepath.Join(root, "home", user)
	env = append(slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"USER", "LOGNAME", "HOME", "SUDO_USER", "SUDO_COMMAND"}, name)
	}), "USER="+user, "LOGNAME="+user, "HOME="+home, "SUDO_USER="+lookup(env, "USER"), "SUDO_COMMAND="+strings.Join(rest, " "))
	err = syscall.Exec(path, rest, env)
	fmt.Fprintf(stderr, "sudo: unable to execute %s: %v\n", path, err)
	return 1
}

// find looks a command up in path, as execvp(3) does.
func find(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		_, err := os.Stat(name)
		return name, err
	}
	for _, dir := range filepath.SplitList(path) {
		at := filepath.Join(dir, name)
		if info, err := os.Stat(at); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return at, nil
		}
	}
	return "", errors.New("not found")
}
