package health

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Java's own words for a time: "Mon Nov 23 08:36:24 UTC 2026".
var appliedLine = regexp.MustCompile(`Applying snapshot taken on \w{3} (\w{3} +\d{1,2} \d\d:\d\d:\d\d) (\S+) (\d{4})`)

// quarter is what zones differ from UTC by multiples of, and farthest by how much.
const (
	quarter  = 15 * time.Minute
	farthest = 14 * time.Hour
)

// AppliedAt reports whether a scheduler says that it loaded the snapshot of
// that time. It writes whole seconds, in the zone of its host, under an
// abbreviation that only the host knows.
func AppliedAt(line string, at time.Time) bool {
	m := appliedLine.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	said, err := time.Parse("Jan 2 15:04:05 2006", strings.Join(strings.Fields(m[1]), " ")+" "+m[3])
	if err != nil {
		return false
	}
	off := said.Sub(at.UTC().Truncate(time.Second))
	if zone := m[2]; zone == "UTC" || zone == "GMT" || zone == "Z" {
		return off == 0
	} else if h, ok := strings.CutPrefix(zone, "GMT"); ok && len(h) == 6 && h[3] == ':' {
		hours, err := strconv.Atoi(h[:3])
		minutes, err2 := strconv.Atoi(h[:1] + h[4:])
		return err == nil && err2 == nil && off == time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute
	}
	return off%quarter == 0 && off.Abs() <= farthest
}
