// Package app is the composition root: it says who is given what, and which
// command does what. Nobody but main imports it.
package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/files"
	"aurorabot/handlers/view"
	"aurorabot/runner/redact"
)

// A World is what the program sees of the machine it runs on.
type World struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal bool // A person sits at In and Err.
	Env      func(string) string
	Now      func() time.Time
	Hup      func() <-chan os.Signal // From its call on a hang-up asks for a reload, and ends nothing. Nil: never.

	// Peer says who is at the other end of a connection to the command socket, and, for
	// nil, who runs this program. Nil: the kernel does.
	Peer func(conn net.Conn) (cli.Account, error)

	logging logging

	wide, errWide int // Columns that Out and Err have; 0: nobody said.
}

// IsTerminal reports whether a person sits at all of the files.
func IsTerminal(files ...*os.File) bool {
	return !slices.ContainsFunc(files, func(f *os.File) bool { return !cli.IsTerminal(f) })
}

// Run does one command, and returns the exit status.
func Run(ctx context.Context, args []string, w World) int {
	// What runs on a scheduler host, as the uploaded helper, is nobody's command.
	if first(args) == "host" {
		exit, _ := files.Run(ctx, args, files.Std{In: w.In, Out: w.Out, Err: w.Err, Now: w.Now})
		return exit
	}
	// Whatever a host or a backup says can do nothing to the terminal.
	w.wide, w.errWide = cli.Width(w.Out, w.Env), cli.Width(w.Err, nobody)
	out, errs := &cli.Plain{W: w.Out}, &cli.Plain{W: w.Err}
	defer func() { _, _ = out.Close(), errs.Close() }() // Half a character, and nobody is left to tell.
	w.Out, w.Err = out, errs
	return lineOf(w, len(args) > 0 && len(args[0]) > 2 && args[0][:2] == "__").does(ctx, args)
}

// nobody has said anything: scripts read the error output too, and whoever exports
// COLUMNS did not mean that.
func nobody(string) string { return "" }

func (w World) fail(err error) int {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return w.hinted(err, hinted.Hint())
	}
	w.complain("aurorabot: %v\n", (&redact.Redactor{}).Error(err))
	return handlers.ExitError
}

func (w World) hinted(err error, hint string) int {
	w.complain("aurorabot: %v\nhint: %s\n", (&redact.Redactor{}).Error(err), hint)
	return handlers.ExitError
}

// misused says that a command line makes no sense, and what to type.
func (w World) misused(why, hint string) int {
	w.complain("aurorabot: %s\nhint: %s\n", why, hint)
	return handlers.ExitUsage
}

func (w World) complain(format string, args ...any) {
	fmt.Fprint(w.Err, view.Fold(fmt.Sprintf(format, args...), w.errWide))
}

// document prints v as the one JSON document of a command.
func (w World) document(v any) int {
	if err := json.NewEncoder(w.Out).Encode(v); err != nil {
		return w.fail(err)
	}
	return handlers.ExitDone
}

// build returns the version and the commit, from the build.
func build() (version, commit, language string) {
	version = "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit, language
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	switch v := info.Main.Version; {
	case commit != "" && (v == "" || v == "(devel)"):
		version = commit
	case v != "":
		version = v
	}
	return version, commit, info.GoVersion
}

func version() string {
	v, _, _ := build()
	return v
}

// showVersion is `version`.
func showVersion(_ context.Context, in *input) int {
	version, commit, language := build()
	if in.json {
		return in.document(map[string]string{"version": version, "commit": commit, "go": language})
	}
	fmt.Fprintln(in.Out, "aurorabot", version)
	return handlers.ExitDone
}

// std is where a conversation is shown.
func (w World) std() cli.Std {
	return cli.Std{Out: w.Out, Err: w.Err, Width: w.wide, ErrWidth: w.errWide}
}
