package tools

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// All accounts of an embedded host are one account of the operating system.
// The tools here know the host's accounts by AccountsFile and otherwise do what
// the real ones do, so that programs may name owners that exist only there.

// AccountsFile lists the accounts of a host below its root, in passwd(5)'s form.
const AccountsFile = "etc/passwd"

// account returns the entry of an account: name, x, uid, gid, comment, home, shell.
func account(root, name string) []string {
	raw, err := os.ReadFile(filepath.Join(root, AccountsFile))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 7 && (fields[0] == name || fields[2] == name) {
			return fields
		}
	}
	return nil
}

// known reports whether a name may own files: an account, or any number.
func known(root, name string) bool {
	return strings.Trim(name, "0123456789") == "" || account(root, name) != nil
}

// ID plays id(1) for the host's accounts; each has a group of its name.
func ID(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	option, name := "", lookup(env, "USER")
	for _, arg := range args {
		switch {
		case arg == "--":
		case strings.HasPrefix(arg, "-"):
			option += arg[1:]
		default:
			name = arg
		}
	}
	a := account(lookup(env, RootVariable), name)
	if a == nil {
		fmt.Fprintf(stderr, "id: ‘%s’: no such user\n", name)
		return 1
	}
	letters := []byte(option)
	slices.Sort(letters)
	switch string(letters) {
	case "u":
		fmt.Fprintln(stdout, a[2])
	case "g", "G":
		fmt.Fprintln(stdout, a[3])
	case "nu", "gn", "Gn":
		fmt.Fprintln(stdout, a[0])
	default:
		fmt.Fprintf(stdout, "uid=%s(%s) gid=%s(%s) groups=%s(%s)\n", a[2], a[0], a[3], a[0], a[3], a[0])
	}
	return 0
}

// Chown plays chown and chgrp: it checks the names and that the files are there.
func Chown(args []string, _ io.Reader, _, stderr io.Writer, env []string) int {
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
	if len(args) < 2 {
		fmt.Fprintln(stderr, "chown: missing operand")
		return 1
	}
	for name := range strings.SplitSeq(args[0], ":") {
		if !known(lookup(env, RootVariable), name) {
			fmt.Fprintf(stderr, "chown: invalid user: ‘%s’\n", args[0])
			return 1
		}
	}
	for _, file := range args[1:] {
		if _, err := os.Lstat(file); err != nil {
			fmt.Fprintf(stderr, "chown: cannot access '%s': No such file or directory\n", file)
			return 1
		}
	}
	return 0
}

// Install plays install(1): owners are checked and left out, the rest is the real one's.
func Install(args []string, _ io.Reader, _, stderr io.Writer, env []string) int {
	root := lookup(env, RootVariable)
	var rest []string
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-o", "-g", "--owner", "--group":
			if i++; i < len(args) && !known(root, args[i]) {
				word := map[bool]string{true: "user", false: "group"}[strings.Contains(args[i-1], "o") && !strings.Contains(args[i-1], "g")]
				fmt.Fprintf(stderr, "install: invalid %s ‘%s’\n", word, args[i])
				return 1
			}
		default:
			rest = append(rest, args[i])
		}
	}
	return passOn("install", rest, stderr, env)
}

// Copy plays cp, and the full disk.
func Copy(args []string, _ io.Reader, _, stderr io.Writer, env []string) int {
	return passOn("cp", args, stderr, env)
}

// passOn runs the operating system's own program, unless its last argument
// lies where the lab's disk is full.
func passOn(name string, args []string, stderr io.Writer, env []string) int {
	root := lookup(env, RootVariable)
	if full, err := os.ReadFile(filepath.Join(root, FullFile)); err == nil && len(args) > 0 {
		target := args[len(args)-1]
		if !filepath.IsAbs(target) {
			target = filepath.Join(root, target)
		}
		for below := range strings.Lines(string(full)) {
			below = strings.TrimSpace(below)
			if below != "" && (target == below || strings.HasPrefix(target, below+"/")) {
				fmt.Fprintf(stderr, "%s: error writing '%s': No space left on device\n", name, target)
				return 1
			}
		}
	}
	var path string
	for _, dir := range []string{"/usr/bin", "/bin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			path = filepath.Join(dir, name)
			break
		}
	}
	err := syscall.Exec(path, append([]string{name}, args...), env)
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	return 127
}
