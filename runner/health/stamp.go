package health

import (
	"strings"
	"time"
)

// A moment is a time stamp as a line has it. glog writes no year.
type moment struct {
	at     time.Time
	yeared bool
}

// stamp returns the time stamp at the start of a line of glog ("I1123
// 09:14:28.817") or of a journal ("2026-11-23T09:14:28+00:00"), "" if there is none.
func stamp(line []byte) string {
	s := string(line[:min(len(line), 40)])
	if len(s) > 20 && strings.IndexByte("IWEF", s[0]) >= 0 {
		day, rest, _ := strings.Cut(s[1:], " ")
		clock, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		if found := day + " " + clock; len(day) == 4 && parses(found) {
			return found
		}
		return ""
	}
	if f, _, ok := strings.Cut(s, " "); ok && len(f) >= 19 && f[4] == '-' && f[10] == 'T' {
		return f
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
	// The year is a leap one, so that the 29th of February is a day.
	if t, err := time.Parse("2006 0102 15:04:05", "2000 "+s); err == nil {
		return moment{at: t}, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return moment{at: t, yeared: true}, true
		}
	}
	return moment{}, false
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
