package mesoslog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// loggingFlags are the options that every sub-command has.
var loggingFlags = []string{"external_log_file", "log_dir", "logbufsecs", "logging_level"}

// booleanFlags can be given without a value, and as --no-NAME.
var booleanFlags = []string{"help", "quiet", "initialize", "initialize_driver_logging"}

// parseFlags reads options as Mesos does: `--name=value`; `--name` and
// `--no-name` for booleans only; words without dashes are ignored.
func parseFlags(args, names []string) (map[string]string, error) {
	known := slices.Concat(names, loggingFlags, []string{"help", "quiet", "initialize_driver_logging"})
	f := map[string]string{}
	for _, arg := range args {
		if arg == "--" {
			break
		}
		arg, ok := strings.CutPrefix(arg, "--")
		if !ok {
			continue
		}
		name, value, given := strings.Cut(arg, "=")
		negated := false
		if rest, ok := strings.CutPrefix(name, "no-"); ok && !slices.Contains(known, name) {
			name, negated = rest, true
		}
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("Failed to load unknown flag '%s'", name) // the recorded text
		}
		boolean := slices.Contains(booleanFlags, name)
		switch {
		case !boolean && negated:
			return nil, fmt.Errorf("Failed to load non-boolean flag '%s' via '%s'", name, "no-"+name) // Mesos's text
		case !boolean && !given:
			return nil, fmt.Errorf("Failed to load non-boolean flag '%s': Missing value", name) // the recorded text
		case boolean && !given:
			value = strconv.FormatBool(!negated)
		}
		if err := checkValue(name, value); err != nil {
			return nil, fmt.Errorf("Failed to load flag '%s': Failed to load value '%s': %w", name, value, err) // the recorded text
		}
		f[name] = value
	}
	return f, nil
}

func checkValue(name, value string) error {
	switch name {
	case "timeout":
		if !isDuration(value) {
			return fmt.Errorf("Invalid duration '%s'", value) // the recorded text
		}
	case "from", "to", "quorum":
		if _, ok := parsePosition(value); !ok {
			return fmt.Errorf("Failed to convert into required type") // the recorded text
		}
	}
	return nil
}

// parsePosition reads a number as the real one does: a negative one wraps.
func parsePosition(s string) (uint64, bool) {
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return uint64(n), err == nil
}

// isDuration accepts a number and one of Mesos's units.
func isDuration(s string) bool {
	digits := strings.TrimLeft(s, "0123456789.")
	if digits == s {
		return false
	}
	return slices.Contains([]string{"ns", "us", "ms", "secs", "mins", "hrs", "days", "weeks"}, digits)
}
