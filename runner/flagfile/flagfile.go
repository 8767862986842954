// Package flagfile reads the file in which a site writes down a scheduler's flags,
// and changes flags in it: shell variables and arrays, start scripts, units of
// systemd, upstart's jobs, supervisord's programs, lists of arguments. Nothing of a
// file is ever run. Each format has one file here, which works out the arguments of
// the start command as far as the file alone can tell and where each stands; what is
// done with them is the same for all. It is pure: text in, text out.
package flagfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"aurorabot/runner/aurora"
)

// The formats, as a cluster's configuration.kind names them.
const (
	Detected    = "detected"
	Shell       = "shell-variables" // What a start script sources; an array in it, too.
	Script      = "start-script"    // A shell script that starts the scheduler itself.
	Systemd     = "systemd"         // A unit or a drop-in.
	Upstart     = "upstart"         // A job of /etc/init.
	Supervisord = "supervisord"     // A [program:…] section.
	Args        = "args"            // Arguments alone, one a line or as words.
)

// Kinds are all of them; the first is the default.
var Kinds = []string{Detected, Shell, Script, Systemd, Upstart, Supervisord, Args}

// A format reads a text of its kind. What it is not sure of is an error, or an
// argument of which a part is not known.
type format func(name string, text []byte) (*start, error)

var formats = map[string]format{
	Shell: readShell, Script: readShell, Systemd: readSystemd, Upstart: readUpstart, Supervisord: readSupervisord, Args: readArgs,
}

// A start is how a file has the scheduler started.
type start struct {
	args []arg

	// variables is set where the file only sets variables that Debian's start script
	// reads: how they are changed is a matter of its own.
	variables *variables

	// elsewhere is set where a start script passes the flags of [ownVariables] whether
	// the file sets them or not: one that it does not set comes from somewhere else.
	elsewhere bool
}

// A File is a configuration file that was read.
type File struct {
	name, kind string
	text       []byte
	read       format
	start      *start
	flags      map[string]setting // By name, without the dash.
	order      []string           // The names, as they stand.
}

// A setting is what the file sets one flag to.
type setting struct {
	value   string // With what only a shell or the service manager knows as it is written.
	known   bool
	at      int  // Of start.args.
	twice   bool // More than one argument sets it.
	without bool // It has no "=": a switch, or its value stands apart.
}

// ErrNoFlags is the error of a file that sets no flag of a scheduler: nobody reads
// from it what would be written into it.
var ErrNoFlags = errors.New("it sets no flag of a scheduler")

// OwnWay is what to do where a file can't be read or changed safely.
const OwnWay = "write the flags as -FLAG=VALUE into a file of their own, such as a drop-in that sets ExecStart=, and name that as configuration.path"

// Parse reads a file; name is its path, for errors and to know its format, kind one of
// [Kinds], "" as Detected. A file that sets no flag is [ErrNoFlags]; any other error
// says what could not be told, and where.
func Parse(kind, name string, text []byte) (*File, error) {
	if kind == "" || kind == Detected {
		kind = Kind(name, text)
	}
	read := formats[kind]
	if read == nil {
		return nil, fmt.Errorf("%s: there is no format %q: write one of %s", name, kind, strings.Join(Kinds, ", "))
	}
	f := &File{name: name, kind: kind, text: text, read: read}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, fmt.Errorf("%s:%d: it has a NUL byte, so it is no text", name, lineOf(text, i))
	}
	var err error
	if f.start, err = read(name, text); err != nil {
		return nil, err
	}
	f.flags, f.order = settings(f.start.args)
	if len(f.flags) == 0 {
		return nil, fmt.Errorf("%s (read as %s): %w; %s", name, kind, ErrNoFlags, OwnWay)
	}
	return f, nil
}

// Empty is a file that sets nothing, for whom could not read the real one.
func Empty(name string) *File { return &File{name: name, start: &start{}} }

// Kind returns the format that the file was read as.
func (f *File) Kind() string { return f.kind }

// Flag returns what the file sets a flag to; what only a shell knows stays as it is written.
func (f *File) Flag(flag string) (string, bool) {
	s, ok := f.flags[flag]
	return s.value, ok
}

// Resolved returns what the start command will give a flag. ok is false if the file
// does not set it, or its value rests on what the file does not say.
func (f *File) Resolved(flag string) (value string, ok bool) {
	s, ok := f.flags[flag]
	return s.value, ok && s.known
}

// Flags are the names of all the flags that the start command would pass, as far as
// the file alone can tell, in its order.
func (f *File) Flags() []string { return f.order }

// Args are the arguments of the start command from its first flag on; what is not
// known stays as it is written.
func (f *File) Args() []string {
	var args []string
	for _, a := range f.start.args[flagsFrom(f.start.args):] {
		args = append(args, a.shown())
	}
	return args
}

// Unsure are the arguments that may be any number of flags, as they are written:
// only the process tells what they are.
func (f *File) Unsure() []string {
	var unsure []string
	for _, a := range f.start.args[flagsFrom(f.start.args):] {
		if len(a.chars) > 0 && a.chars[0].opaque {
			unsure = append(unsure, a.shown())
		}
	}
	return unsure
}

// NotIn names the flags that the file sets and that a release does not know.
func (f *File) NotIn(version aurora.Version) []string {
	return aurora.NotIn(version, func(flag string) bool { _, set := f.flags[flag]; return set })
}

// Differs compares the file with the flags that a process runs with, and says each
// difference in words: what the file sets and the process has otherwise or not at
// all, and each of changes that the process has from somewhere else than the file.
func (f *File) Differs(runs aurora.Flags, changes []aurora.FlagChange) []string {
	var different []string
	for _, flag := range f.order {
		s := f.flags[flag]
		got, set := runs[flag]
		switch {
		case s.known && !s.without && !set:
			different = append(different, fmt.Sprintf("-%s: the file says %q, the process has none", flag, s.value))
		case s.known && !s.without && got != s.value:
			different = append(different, fmt.Sprintf("-%s: the file says %q, the process has %q", flag, s.value, got))
		}
	}
	for _, c := range changes {
		if got, set := runs[c.Flag]; set {
			if _, here := f.flags[c.Flag]; !here {
				different = append(different, fmt.Sprintf("-%s: the process has %q, the file says nothing of it", c.Flag, got))
			}
		}
	}
	return different
}

func settings(args []arg) (map[string]setting, []string) {
	flags, order := map[string]setting{}, []string(nil)
	from := flagsFrom(args)
	for i := from; i < len(args); i++ {
		name, ok := args[i].flag()
		if !ok {
			continue
		}
		value, known, found := args[i].value()
		s := setting{value: value, known: known, at: i, without: !found}
		if old, twice := flags[name]; twice {
			s = old
			s.twice = true
		} else {
			order = append(order, name)
		}
		flags[name] = s
	}
	return flags, order
}

// flagsFrom is the first argument that is the scheduler's own; len(args) if none is.
func flagsFrom(args []arg) int {
	for i := range args {
		if !args[i].schedulers() {
			continue
		}
		for i > 0 {
			name, ok := args[i-1].flag()
			if _, _, found := args[i-1].value(); !ok || !found || strings.HasPrefix(name, "D") || strings.HasPrefix(name, "X") {
				break
			}
			i--
		}
		return i
	}
	return len(args)
}

// lineOf is the line of an offset, from 1.
func lineOf(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(max(offset, 0), len(text))], []byte("\n"))
}
