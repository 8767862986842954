package health

import (
	"bytes"
	"regexp"
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
	{regexp.MustCompile(`(?:^|[^0-9A-Za-z])[IWEF](\d{4} +\d\d:\d\d:\d\d(?:\.\d+)?)`), []string{"0102 15:04:05"}, false},
	{regexp.MustCompile(`^((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d)`), []string{"Jan _2 15:04:05"}, false},
}

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
	for i := range stamps {
		if m := stamps[i].pattern.FindStringSubmatch(s); m != nil {
			if found := strings.Join(strings.Fields(m[1]), " "); parses(found) {
				return found
			}
		}
	}
	return ""
}

func parses(s string) bool {
	_, ok := parseStamp(s)
	return ok
}

// parseStamp reads what stamp returned. Times without a zone are taken for UTC:
// one host's are compared with each other.
func parseStamp(s string) (moment, bool) {
	s = strings.Replace(s, ",", ".", 1)
	if len(s) > 10 && s[4] == '-' && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for i := range stamps {
		for _, layout := range stamps[i].layouts {
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
	} else if len(s) > 10 && s[4] == '-' && strings.ContainsAny(s[min(len(s), 19):], "Z+-") {
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
