package discover

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"aurorabot/runner/aurora"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/probe"
)

// configFile finds the file that the scheduler's flags are written in: the first one
// that sets flags, all of which the process has. It looks at the files of packages,
// then at the unit, its drop-ins, and the script that it starts. Where none agrees the
// first that is there is told, and that it does not.
func (s Stranger) configFile(ctx context.Context, facts *probe.Facts, runs aurora.Flags, d *Discovery) {
	var looked []string
	try := func(file string) bool {
		text, err := s.run(ctx, "cat", "--", file)
		if err == nil {
			var f *flagfile.File
			if f, err = flagfile.Parse(flagfile.Detected, file, []byte(text+"\n")); err == nil {
				if different := f.Differs(runs, nil); len(different) > 0 {
					err = errors.New("the process has other flags: " + different[0])
				}
			}
		}
		if err != nil {
			looked = append(looked, fmt.Sprintf("%s (%v)", file, err))
			return false
		}
		d.ConfigFile = file
		return true
	}
	first := ""
	for _, file := range configFiles {
		if facts.Paths[file].Exists {
			if first == "" {
				first = file
			}
			if try(file) {
				return
			}
		}
	}
	for _, file := range s.ofUnit(ctx, d.Unit) {
		if try(file) {
			return
		}
	}
	d.ConfigFile = first
	if len(looked) == 0 {
		looked = configFiles
	}
	d.unknown("the configuration file", fmt.Errorf("no file was found whose flags are those of the process; looked at %s", strings.Join(looked, ", ")))
}

// started is the program in what systemd shows of ExecStart=.
var started = regexp.MustCompile(`(?m)^ExecStart=\{ path=([^ ;]+)`)

// ofUnit are the files of a unit, drop-ins first, as they win, and the script that it starts.
func (s Stranger) ofUnit(ctx context.Context, unit string) []string {
	if unit == "" {
		return nil
	}
	shown, err := s.run(ctx, "systemctl", "show", unit, "-p", "FragmentPath,DropInPaths,ExecStart")
	if err != nil {
		return nil // No systemd answers: there are no files of it.
	}
	var files, fragment []string
	for line := range strings.Lines(shown) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case key == "DropInPaths":
			files = append(files, strings.Fields(value)...)
		case key == "FragmentPath" && value != "":
			fragment = []string{value}
		}
	}
	files = append(files, fragment...)
	if m := started.FindStringSubmatch(shown); m != nil && path.IsAbs(m[1]) && !strings.HasSuffix(m[1], "/java") {
		files = append(files, m[1])
	}
	return files
}
