package aurora

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Flags are a scheduler's flags as its process was given them.
type Flags map[string]string

// ParseFlags reads `-name=value` and `-name value` out of a process's
// arguments. What stands before the first flag of the scheduler (java, its
// options, the class) is passed over: flags of the JVM have no value that
// matters here. A flag that is given twice is an error: the scheduler refuses
// that, so what runs cannot have it.
func ParseFlags(argv []string) (Flags, error) {
	flags := Flags{}
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		if len(a) < 2 || a[0] != '-' {
			continue
		}
		name, value, found := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !found {
			if i+1 >= len(argv) || strings.HasPrefix(argv[i+1], "-") {
				value = "true"
			} else {
				i++
				value = argv[i]
			}
		}
		if old, twice := flags[name]; twice && old != value && !strings.HasPrefix(name, "X") && !strings.HasPrefix(name, "D") && !strings.HasPrefix(name, "add-opens") {
			return nil, fmt.Errorf("flag -%s is given twice: %q and %q", name, old, value)
		}
		flags[name] = value
	}
	return flags, nil
}

// Has reports whether every change is in force in flags.
func (f Flags) Has(changes []FlagChange) (bool, string) {
	for _, c := range changes {
		got, set := f[c.Flag]
		switch {
		case c.Unset && set:
			return false, fmt.Sprintf("-%s is %q, want it left out", c.Flag, got)
		case !c.Unset && !set:
			return false, fmt.Sprintf("-%s is not set, want %q", c.Flag, c.Value)
		case !c.Unset && got != c.Value:
			return false, fmt.Sprintf("-%s is %q, want %q", c.Flag, got, c.Value)
		}
	}
	return true, ""
}

// ParseAmount reads Aurora's durations: "360mins", "1hrs", "365days", "15secs",
// "500ms", and the form of its log and /vars, "(360, mins)".
func ParseAmount(s string) (time.Duration, error) {
	t := strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(t, "("); ok {
		t = strings.ReplaceAll(strings.TrimSuffix(inner, ")"), ", ", "")
	}
	digits := strings.TrimRight(t, "abcdefghijklmnopqrstuvwxyz")
	unit, ok := map[string]time.Duration{
		"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
		"secs": time.Second, "mins": time.Minute, "hrs": time.Hour, "days": 24 * time.Hour,
	}[t[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > int64((1<<63-1)/unit) {
		return 0, fmt.Errorf("duration %q: want a number and ms, secs, mins, hrs or days", s)
	}
	return time.Duration(n) * unit, nil
}
