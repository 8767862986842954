package health

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A moment is a time stamp as a line has it. glog writes no year.
type moment struct {
	at     time.Time
	yeared bool
}

// stamps are the ways to write a time at the start of a line: glog's
// ("I1123 09:14:28.817", or with a year), a journal's and a logger's of Java's
// ("2026-11-23T09:14:28+00:00", "2026-11-23 09:14:28,817"). A journal that is
// printed in other ways, and syslog, put theirs before glog's, which is looked
// for behind them; syslog's own ("Nov 23 09:14:28") is the last resort.
var stamps = []struct {
	pattern *regexp.Regexp
	layouts []string
	yeared  bool
}{
	{regexp.MustCompile(`^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)`), []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05"}, true},
	{regexp.MustCompile(`^[IWEF](\d{8} \d\d:\d\d:\d\d(?:\.\d+)?)`), []string{"20060102 15:04:05"}, true},
	// java.util.logging's, which stands on a line of its own; Tomcat's; others.
	{regexp.MustCompile(`^(` + month + ` \d{1,2}, \d{4},? \d{1,2}:\d\d:\d\d(?: [AP]M)?)`), []string{"Jan 2, 2006 3:04:05 PM", "Jan 2, 2006, 3:04:05 PM", "Jan 2, 2006 15:04:05"}, true},
	{regexp.MustCompile(`^(\d{1,2}-` + month + `-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?)`), []string{"2-Jan-2006 15:04:05"}, true},
	{regexp.MustCompile(`^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?)`), []string{"2006/01/02 15:04:05"}, true},
	{regexp.MustCompile(`^(\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d ?[AP]M)`), []string{"1/2/2006 3:04:05 PM", "1/2/2006 3:04:05PM"}, true},
	{regexp.MustCompile(`^(\d{10}(?:\.\d+)?|\d{13})(?:[^0-9A-Za-z]|$)`), []string{epoch}, true},
	{regexp.MustCompile(`(?:^|[^0-9A-Za-z])[IWEF](\d{4} +\d\d:\d\d:\d\d(?:\.\d+)?)`), []string{"0102 15:04:05"}, false},
	{regexp.MustCompile(`^(` + month + ` [ \d]\d \d\d:\d\d:\d\d)`), []string{"Jan _2 15:04:05"}, false},
}

const month = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`

// dress is what is put around a line on its way: syslog's priority, a container's
// name, brackets.
var dress = regexp.MustCompile(`^(?:<\d{1,3}>(?:\d )?|[\w.-]{1,64} *\| *|\[)+`)

// aside is a time within a line of JSON.
var aside = regexp.MustCompile(`"(?:@?timestamp|time|ts)" ?: ?"?([0-9][0-9TZ:.,+ -]{8,40})`)

// colours are what a terminal is told in a line.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// stamp returns the time stamp of a line, "" if there is none.
func stamp(line []byte) string {
	line = bytes.TrimLeft(line, "\x00") // What a power failure left.
	s := string(line[:min(len(line), 200)])
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = colours.ReplaceAllString(s, "")
	}
	s = strings.TrimPrefix(s, "\ufeff")
	if found := stampOf(s); found != "" {
		return found
	}
	if found := stampOf(dress.ReplaceAllString(s, "")); found != "" {
		return found
	}
	if m := aside.FindSubmatch(line); m != nil && line[0] == '{' {
		return stampOf(string(m[1]))
	}
	return ""
}

func stampOf(s string) string {
	for i := range stamps {
		if m := stamps[i].pattern.FindStringSubmatch(s); m != nil {
			if found := strings.Join(strings.Fields(m[1]), " "); parses(found) {
				return found
			}
		}
	}
	return ""
}

// epoch stands for seconds since 1970, or milliseconds.
const epoch = "epoch"

func sinceEpoch(s string) (time.Time, bool) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || len(s) < 10 {
		return time.Time{}, false
	}
	if len(s) == 13 && !strings.Contains(s, ".") {
		n /= 1000
	}
	return time.UnixMilli(int64(n * 1000)).UTC(), true
}

func parses(s string) bool {
	_, ok := parseStamp(s)
	return ok
}

// parseStamp reads what stamp returned. Times without a zone are taken for UTC:
// one host's are compared with each other.
func parseStamp(s string) (moment, bool) {
	if i := strings.IndexByte(s, ','); i > 0 && i+1 < len(s) && '0' <= s[i+1] && s[i+1] <= '9' {
		s = s[:i] + "." + s[i+1:] // Of a second.
	}
	if len(s) > 10 && s[4] == '-' && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for i := range stamps {
		for _, layout := range stamps[i].layouts {
			if layout == epoch {
				if t, ok := sinceEpoch(s); ok {
					return moment{at: t, yeared: true}, true
				}
				continue
			}
			text := s
			if !stamps[i].yeared {
				// The year is a leap one, so that the 29th of February is a day.
				layout, text = "2006 "+layout, "2000 "+s
			}
			if t, err := time.Parse(layout, text); err == nil {
				return moment{at: t, yeared: stamps[i].yeared}, true
			}
		}
	}
	return moment{}, false
}

// moments is the time that a stamp means. One without a year is of the last
// twelve months before now, within a day: clocks differ. One without a zone is
// of now's.
func moments(s string, now time.Time) (time.Time, bool) {
	m, ok := parseStamp(s)
	if !ok {
		return time.Time{}, false
	}
	year := m.at.Year()
	if !m.yeared {
		year = now.Year()
	} else if _, absolute := sinceEpoch(s); absolute || len(s) > 10 && s[4] == '-' && strings.ContainsAny(s[min(len(s), 19):], "Z+-") {
		return m.at, true
	}
	in := func(year int) time.Time {
		return time.Date(year, m.at.Month(), m.at.Day(), m.at.Hour(), m.at.Minute(), m.at.Second(), m.at.Nanosecond(), now.Location())
	}
	if !m.yeared && in(year).After(now.Add(24*time.Hour)) {
		year--
	}
	return in(year), true
}

// earlier reports whether stamp a is before b. Without a year the shorter way
// round the year counts: 31 December is before 1 January.
func earlier(a, b string) bool {
	x, ok := parseStamp(a)
	y, also := parseStamp(b)
	if !ok || !also {
		return false
	}
	if x.yeared && y.yeared {
		return x.at.Before(y.at)
	}
	const half = 366 * 24 * time.Hour / 2
	d := y.at.UTC().AddDate(2000-y.at.UTC().Year(), 0, 0).Sub(x.at.UTC().AddDate(2000-x.at.UTC().Year(), 0, 0))
	return 0 < d && d < half || d < -half
}
