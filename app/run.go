// Package app is the composition root: it says who is given what, and which
// command does what. Nobody but main imports it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/files"
	"aurorabot/runner/redact"
)

// A World is what the program sees of the machine it runs on.
type World struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string
	Now      func() time.Time
	Hup      func() <-chan os.Signal // From its call on a hang-up asks for a reload, and ends nothing. Nil: never.
}

// Run does one command, and returns the exit status: arguments -> configuration
// -> wiring -> serve, or one command.
func Run(ctx context.Context, args []string, w World) int {
	words, configFile, err := options(args, w.Env)
	if err != nil {
		return w.fail(err)
	}
	if exit, known := files.Run(ctx, words, files.Std{In: w.In, Out: w.Out, Err: w.Err, Now: w.Now}); known {
		return exit
	}
	if len(words) == 0 {
		words = []string{"help"}
	}
	switch words[0] {
	case "slack":
		return slackCommand(words[1:], w)
	case "audit":
		if exit, here := auditCommand(words[1:], configFile, w); here {
			return exit
		}
	case "sudoers":
		return sudoersCommand(ctx, words[1:], configFile, w)
	case "config":
		return configCommand(ctx, words[1:], w)
	case "completion":
		return completionCommand(words[1:], w)
	case "man":
		return manCommand(words[1:], w)
	case "version", "--version":
		fmt.Fprintln(w.Out, "aurorabot", version())
		return handlers.ExitDone
	case "help", "--help", "-h":
		return help(words[1:], w)
	case "health":
		return healthCommand(ctx, words[1:], configFile, w)
	case "serve":
		return serve(ctx, words[1:], configFile, w)
	}
	return command(ctx, words, configFile, w)
}

var errNoConfig = errors.New("no configuration: give --config FILE, or set AURORABOT_CONFIG")

// options takes --config out of the words, wherever it stands.
func options(args []string, env func(string) string) (words []string, file string, err error) {
	file = env("AURORABOT_CONFIG")
	words = slices.Clone(args)
	for i := 0; i < len(words); i++ {
		switch {
		case words[i] == "--":
			return words, file, nil
		case words[i] == "--config" && i+1 < len(words):
			file = words[i+1]
			words = slices.Delete(words, i, i+2)
			i--
		case words[i] == "--config":
			return nil, "", errors.New("--config needs a file")
		case len(words[i]) > 9 && words[i][:9] == "--config=":
			file = words[i][9:]
			words = slices.Delete(words, i, i+1)
			i--
		}
	}
	return words, file, nil
}

func (w World) fail(err error) int {
	fmt.Fprintf(w.Err, "aurorabot: %v\n", (&redact.Redactor{}).Error(err))
	return handlers.ExitError
}

func (w World) hinted(err error, hint string) int {
	fmt.Fprintf(w.Err, "aurorabot: %v\nhint: %s\n", (&redact.Redactor{}).Error(err), hint)
	return handlers.ExitError
}

// version comes from the build: the module's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	if v == "" {
		v = "unknown"
	}
	return v
}
