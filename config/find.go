package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Usual are the files that hold the configuration where nobody names one, the
// first that is there before the others: the person's own, then the machine's,
// then that of the unit and the image that deploy/ has.
// $XDG_CONFIG_HOME is ~/.config where it is empty, and counts only if it is
// absolute: https://specifications.freedesktop.org/basedir-spec/latest/ (read
// 2026-12-01).
func Usual(env func(string) string) []string {
	var files []string
	own := env("XDG_CONFIG_HOME")
	if home := env("HOME"); own == "" && home != "" {
		own = filepath.Join(home, ".config")
	}
	if filepath.IsAbs(own) {
		files = append(files, filepath.Join(own, "aurorabot.yaml"))
	}
	return append(files, "/etc/aurorabot.yaml", "/etc/aurorabot/aurorabot.yaml")
}

// Find returns the first of the files that is there, "" if none is. One that
// cannot be looked at is there: whoever reads it says what is wrong.
func Find(files []string) string {
	for _, f := range files {
		if _, err := os.Stat(f); !errors.Is(err, fs.ErrNotExist) {
			return f
		}
	}
	return ""
}

// A MissingError says that there is no configuration: nobody named one, and none
// is where one is looked for.
type MissingError struct{ Looked []string }

func (e *MissingError) Error() string {
	return "no configuration: neither --config nor AURORABOT_CONFIG names one, and none of these is there: " + strings.Join(e.Looked, ", ")
}

// Hint says what to type.
func (e *MissingError) Hint() string {
	return "name one with --config FILE, or begin with `aurorabot config example > " + e.Looked[0] + "`"
}
