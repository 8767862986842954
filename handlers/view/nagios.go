package view

import (
	"fmt"
	"strings"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// NagiosUnknown is the exit status of a plug-in that cannot tell.
const NagiosUnknown = 3

// nagiosStatus is a plug-in's exit status for each word.
var nagiosStatus = map[string]int{"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": NagiosUnknown}

// NagiosError is the line of a plug-in that could not look at all.
func NagiosError(why string) string { return "BACKUP UNKNOWN - " + plugLine(why) }

// Nagios is a report as one line of a monitoring plug-in, and its exit status:
// the state's word, what is wrong, and performance data, as the Monitoring
// Plugins' guidelines have it
// (https://www.monitoring-plugins.org/doc/guidelines.html, read 2026-11-23):
// 'label'=value[unit];warn;crit;min;max. What is not known is U.
func Nagios(results []check.Result) (line string, status int) {
	word, says := "OK", []string{}
	worse := map[string]int{"OK": 0, "WARNING": 1, "UNKNOWN": 2, "CRITICAL": 3}
	var data []string
	for i := range results {
		r := &results[i]
		w := nagiosWord(r)
		if worse[w] > worse[word] {
			word = w
		}
		says = append(says, plugLine(r.Says))
		age, tasks, bytes := "U", "U", "U"
		if b := r.Newest; b != nil {
			age, tasks, bytes = fmt.Sprintf("%ds", int64(time.Duration(b.Age).Seconds())), fmt.Sprint(b.Tasks), fmt.Sprintf("%dB", b.Bytes)
		}
		data = append(data,
			fmt.Sprintf("'%s age'=%s;%s;%s;0;", r.Cluster, age, threshold(r.Overdue), threshold(r.Limit)),
			fmt.Sprintf("'%s tasks'=%s;;;0;", r.Cluster, tasks), fmt.Sprintf("'%s size'=%s;;;0;", r.Cluster, bytes),
			fmt.Sprintf("'%s check'=%.1fs;;;0;", r.Cluster, time.Duration(r.Took).Seconds()))
	}
	switch {
	case len(results) == 0:
		return NagiosError("no cluster was looked at"), NagiosUnknown
	case len(results) > 1:
		says = append([]string{reportHead(results)}, says[:min(3, len(says))]...)
	}
	return cut("BACKUP "+word+" - "+strings.Join(says, " / "), 3000) + " | " + strings.Join(data, " "), nagiosStatus[word]
}

// threshold is an age of performance data; none where it is not known.
func threshold(s check.Span) string {
	if s <= 0 {
		return ""
	}
	return fmt.Sprint(int64(time.Duration(s).Seconds()))
}

func nagiosWord(r *check.Result) string {
	switch {
	case r.Restorable == check.CannotTell:
		return "UNKNOWN"
	case r.Restorable == check.No || r.Severity == health.Critical:
		return "CRITICAL"
	case r.State != check.Fresh:
		return "WARNING"
	}
	return "OK"
}

// plugLine is a line without what ends it, or begins the data.
func plugLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '|' || r < ' ' {
			return ' '
		}
		return r
	}, cut(unnamed(s), 600))
}
