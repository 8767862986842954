package scheduler

import (
	_ "embed"
	"fmt"
	"net"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// usage is the text that scheduler 0.22 prints for an unknown flag, as recorded;
// the table of flags is read from it.
//
//go:embed usage.txt
var usage string

// A flagSpec is one flag of the real scheduler.
type flagSpec struct {
	name     string
	required bool
	value    string // default, as the parameter list prints it
}

// flagTable reads the flags out of the recorded usage.
func flagTable() []flagSpec {
	head := regexp.MustCompile(`^  ([ *]) -(\w+)\s*$`)
	var table []flagSpec
	for _, line := range strings.Split(usage, "\n") {
		if m := head.FindStringSubmatch(line); m != nil {
			table = append(table, flagSpec{name: m[2], required: m[1] == "*", value: "null"})
			continue
		}
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Default: "); ok && len(table) > 0 {
			table[len(table)-1].value = v
		}
	}
	return table
}

// flags are the values of a command line; a flag that was not given has its
// default's text.
type flags struct {
	table  []flagSpec
	values map[string]string
	given  map[string]bool
}

// parseFlags reads `-name=value` and `-name value`. Like the real parser it
// refuses a flag that it does not know and one that is given twice.
func parseFlags(table []flagSpec, args []string) (*flags, error) {
	f := &flags{table: table, values: map[string]string{}, given: map[string]bool{}}
	for _, s := range table {
		f.values[s.name] = s.value
	}
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		name = strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-")
		if _, known := f.values[name]; !known || !strings.HasPrefix(args[i], "-") {
			return nil, fmt.Errorf("Was passed main parameter '%s' but no main parameter was defined in your arg class", args[i]) // the real parser's sentence
		}
		if !joined {
			if i++; i == len(args) {
				return nil, fmt.Errorf("Expected a value after parameter -%s", name) // the real parser's sentence
			}
			value = args[i]
		}
		if f.given[name] {
			return nil, fmt.Errorf("Can only specify option -%s once.", name) // the real parser's sentence
		}
		f.values[name], f.given[name] = value, true
	}
	var missing []string
	for _, s := range table {
		if s.required && !f.given[s.name] {
			missing = append(missing, "-"+s.name)
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		noun := "options are"
		if len(missing) == 1 {
			noun = "option is"
		}
		return nil, fmt.Errorf("The following %s required: %s", noun, strings.Join(missing, ", ")) // the real parser's sentence
	}
	return f, nil
}

// text is a flag's value; empty if it is unset.
func (f *flags) text(name string) string {
	if v := f.values[name]; v != "null" {
		return v
	}
	return ""
}

var amount = regexp.MustCompile(`^\(?(\d+)(?:, )?([A-Za-z]+)\)?$`)

var timeUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
	"secs": time.Second, "mins": time.Minute, "hrs": time.Hour, "days": 24 * time.Hour,
}

var dataUnits = map[string]int{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}

// duration reads an amount of time, `360mins`. Other spellings (`360min`) are
// refused, as by the real parser.
func (f *flags) duration(name string) (time.Duration, error) {
	m := amount.FindStringSubmatch(f.values[name])
	if m == nil {
		return 0, fmt.Errorf("Value '%s' must be of the format 1ns, 4secs, etc.", f.values[name]) // the real parser's sentence
	}
	unit, ok := timeUnits[m[2]]
	if !ok {
		return 0, fmt.Errorf("No Time unit found matching %s", m[2]) // the real parser's sentence
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	return time.Duration(n) * unit, nil
}

// size reads an amount of data in bytes, `512KB`.
func (f *flags) size(name string) (int, error) {
	m := amount.FindStringSubmatch(f.values[name])
	if m == nil || dataUnits[m[2]] == 0 {
		return 0, fmt.Errorf("Value '%s' must be of the format 1KB, 4MB, etc.", f.values[name]) // the real parser's sentence
	}
	n, err := strconv.Atoi(m[1])
	return n * dataUnits[m[2]], err
}

func (f *flags) number(name string) (int, error) {
	n, err := strconv.Atoi(f.values[name])
	if err != nil {
		return 0, fmt.Errorf(`"-%s": couldn't convert "%s" to an integer`, name, f.values[name])
	}
	return n, nil
}

// amountText is a duration as the scheduler logs it, "(360, mins)".
func (f *flags) amountText(name string) string {
	m := amount.FindStringSubmatch(f.values[name])
	if m == nil {
		return f.values[name]
	}
	return "(" + m[1] + ", " + m[2] + ")"
}

// parameters are the lines that the scheduler logs at its start.
func (f *flags) parameters() []string {
	var out []string
	for _, s := range f.table {
		v := f.values[s.name]
		switch {
		case amount.MatchString(v) && !strings.HasPrefix(s.name, "mesos_master"):
			v = f.amountText(s.name)
		case s.name == "zk_endpoints":
			var hosts []string
			for _, e := range strings.Split(v, ",") {
				host, port, err := net.SplitHostPort(e)
				if err != nil {
					host, port = e, "2181"
				}
				hosts = append(hosts, host+"/<unresolved>:"+port)
			}
			v = "[" + strings.Join(hosts, ", ") + "]"
		}
		out = append(out, fmt.Sprintf("-%s: %s", s.name, v))
	}
	return out
}
