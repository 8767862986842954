package tools

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Journalctl plays journalctl of systemd 252 for the options that reading one
// unit's log needs. It does not follow.
func Journalctl(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	var units []string
	var since, until time.Time
	format, last, reverse := "short", -1, false
	for i := 0; i < len(args); i++ {
		name, value, has := strings.Cut(args[i], "=")
		next := func() string {
			if !has && i+1 < len(args) {
				i++
				return args[i]
			}
			return value
		}
		var err error
		switch name {
		case "-u", "--unit":
			units = append(units, fullName(next()))
		case "--since", "-S":
			since, err = journalTime(next())
		case "--until", "-U":
			until, err = journalTime(next())
		case "-o", "--output":
			format = next()
		case "-n", "--lines":
			last, err = strconv.Atoi(next())
		case "-r", "--reverse":
			reverse = true
		case "--no-pager", "-q", "--quiet", "-b", "--boot", "-a", "--all", "--utc", "-x", "-e":
			if name == "-e" && last < 0 {
				last = 1000
			}
		default:
			fmt.Fprintf(stderr, "journalctl: unrecognized option '%s'\n", args[i])
			return 1
		}
		if err != nil {
			fmt.Fprintf(stderr, "Failed to parse timestamp: %s\n", args[i])
			return 1
		}
	}
	entries, err := readJournal(lookup(env, RootVariable), func(e entry) bool {
		at := time.UnixMicro(e.Time)
		wanted := len(units) == 0
		for _, u := range units {
			wanted = wanted || e.Unit == u
		}
		return wanted && (since.IsZero() || !at.Before(since)) && (until.IsZero() || !at.After(until))
	})
	if err != nil {
		fmt.Fprintf(stderr, "Failed to open journal: %v\n", err)
		return 1
	}
	if last >= 0 && len(entries) > last {
		entries = entries[len(entries)-last:]
	}
	if len(entries) == 0 && format != "json" && format != "cat" {
		fmt.Fprintln(stdout, "-- No entries --")
	}
	for i := range entries {
		e := entries[i]
		if reverse {
			e = entries[len(entries)-1-i]
		}
		switch format {
		case "cat":
			fmt.Fprintln(stdout, e.Message)
		case "json":
			fmt.Fprintln(stdout, e.json())
		case "short-iso":
			fmt.Fprintln(stdout, e.line("2006-01-02T15:04:05-0700"))
		case "short-iso-precise":
			fmt.Fprintln(stdout, e.line("2006-01-02T15:04:05.000000-0700"))
		case "short-unix":
			fmt.Fprintf(stdout, "%d.%06d%s\n", e.Time/1e6, e.Time%1e6, e.line(""))
		case "short":
			fmt.Fprintln(stdout, e.short())
		default:
			fmt.Fprintf(stderr, "Unknown output format '%s'.\n", format)
			return 1
		}
	}
	return 0
}

// journalTime reads the forms of time that programs use.
func journalTime(text string) (time.Time, error) {
	if seconds, ok := strings.CutPrefix(text, "@"); ok {
		f, err := strconv.ParseFloat(seconds, 64)
		return time.UnixMicro(int64(f * 1e6)), err
	}
	if text == "now" {
		return time.Now(), nil
	}
	if ago, ok := strings.CutPrefix(text, "-"); ok {
		return time.Now().Add(-span(ago, 0)), nil
	}
	zone := time.Local
	if rest, ok := strings.CutSuffix(text, " UTC"); ok {
		text, zone = rest, time.UTC
	}
	var err error
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04", "2006-01-02"} {
		var t time.Time
		if t, err = time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}

func (e entry) line(layout string) string {
	at := time.UnixMicro(e.Time).Local().Format(layout)
	return fmt.Sprintf("%s %s %s[%d]: %s", at, e.Host, e.Identifier, e.PID, e.Message)
}

// short is the default form; status shows it, too.
func (e entry) short() string { return e.line("Jan 02 15:04:05") }

func (e entry) json() string {
	raw, err := json.Marshal(map[string]string{
		"__REALTIME_TIMESTAMP": strconv.FormatInt(e.Time, 10),
		"_SYSTEMD_UNIT":        e.Unit,
		"SYSLOG_IDENTIFIER":    e.Identifier,
		"_PID":                 strconv.Itoa(e.PID),
		"_HOSTNAME":            e.Host,
		"MESSAGE":              e.Message,
		"PRIORITY":             "6",
	})
	if err != nil {
		return "{}" // Strings always marshal.
	}
	return string(raw)
}
