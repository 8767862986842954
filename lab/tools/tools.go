// Package tools are the small programs of an embedded lab host: stand-ins for
// sudo, systemctl, journalctl, nft and others, and the supervisor behind
// systemctl. They answer as the real ones do, as far as a recovery asks.
//
// One multi-call binary plays them all: it looks up the base name of its
// argv[0] in [All]. A process finds its host by [RootVariable].
package tools

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A Main is a program: its arguments without its name, its streams and its
// environment in, its exit status out.
type Main func(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int

// RootVariable names the folder of the host in a process's environment.
const RootVariable = "LAB_ROOT"

// Files below the root by which the lab makes tools fail.
const (
	AskFile  = "etc/sudoers.d/ask" // There: sudo asks for a password.
	FullFile = "etc/lab-full"      // Paths, one a line, below which nothing can be written.
)

// All are the programs by their names.
var All = map[string]Main{
	"sudo":       Sudo,
	"systemctl":  Systemctl,
	"journalctl": Journalctl,
	"nft":        Nft,
	"iptables":   Iptables,
	"ip6tables":  IP6tables,
	"id":         ID,
	"chown":      Chown,
	"chgrp":      Chown,
	"install":    Install,
	"cp":         Copy,
}

// Run plays the program that argv[0] names and reports whether there is one.
func Run(argv []string) (status int, ok bool) {
	if len(argv) == 0 {
		return 0, false
	}
	main, ok := All[filepath.Base(argv[0])]
	if !ok {
		return 0, false
	}
	return main(argv[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()), true
}

// lookup returns the last value of a variable.
func lookup(env []string, name string) string {
	value := ""
	for _, v := range env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}
