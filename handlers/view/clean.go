package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// Age is a time that has passed, as people read it.
func Age(d time.Duration) string { return took(d) }

// Left shows what a closed run left, and how its removal is approved: needed are the
// people that takes, and approve what they type.
func Left(run string, l health.Leftovers, needed []string, approve string) Message {
	m := Message{Tone: Plain, Head: fmt.Sprintf("Nothing that run %s left is there any more", run)}
	if len(l.Left) > 0 {
		m = Message{Tone: Warn, Head: fmt.Sprintf("Remove what run %s left: %s on %s?", run, size(l.Bytes()), strings.Join(hostsOf(l), ", "))}
		m.Lines = append(m.Lines, "Cannot be undone: copies and originals of logs, originals of configuration files, and reports of that run are gone then. The journal stays.")
	}
	for _, host := range hostsOf(l) {
		m.Lines = append(m.Lines, fmt.Sprintf("%s: %s", hostWord(host), Removed(l, host)))
	}
	m.Lines = append(m.Lines, silentWords(l)...)
	if len(l.Left) > 0 {
		m.Fields = append(m.Fields, Field{"Still needed", strings.Join(needed, " and ")})
		m.Lines = append(m.Lines, fmt.Sprintf("To approve, each of them types `%s`.", approve))
		for _, left := range l.Left {
			m.Fields = append(m.Fields, Field{hostWord(left.Host), fmt.Sprintf("%s %s (%s)", size(left.Bytes), left.Path, count(left.Files, "file"))})
		}
	}
	return m
}

func silentWords(l health.Leftovers) (lines []string) {
	for _, host := range slices.Sorted(maps.Keys(l.Silent)) {
		lines = append(lines, fmt.Sprintf("%s could not be asked, so what lies there stays: %s", host, quote(cut(l.Silent[host], 300))))
	}
	return lines
}

func hostsOf(l health.Leftovers) (hosts []string) {
	for _, left := range l.Left {
		if !slices.Contains(hosts, left.Host) {
			hosts = append(hosts, left.Host)
		}
	}
	return hosts
}

// Removed says how much lies on one host.
func Removed(l health.Leftovers, host string) string {
	var bytes int64
	places := 0
	for _, left := range l.Left {
		if left.Host == host {
			bytes += left.Bytes
			places++
		}
	}
	return fmt.Sprintf("%s in %s", size(bytes), count(places, "place"))
}

// CleanWaits is what somebody is told alone whose approval was counted, and was not the
// last one.
func CleanWaits(run string, v policy.Verdict) Message {
	return Message{Tone: Good, Head: fmt.Sprintf("Your approval to remove what run %s left is counted", run), Lines: []string{"Still needed: " + strings.Join(v.Missing, ", ") + "."}}
}

// Cleaned says what was removed, and what was not.
func Cleaned(run string, l health.Leftovers, failed map[string]string) Message {
	m := Message{Tone: Good, Head: fmt.Sprintf("What run %s left is removed", run)}
	if len(failed) > 0 {
		m = Message{Tone: Bad, Head: fmt.Sprintf("Not everything that run %s left is removed", run)}
	}
	for _, host := range hostsOf(l) {
		if why, bad := failed[host]; bad {
			m.Lines = append(m.Lines, fmt.Sprintf("%s: failed: %s", hostWord(host), quote(cut(why, 300))))
			continue
		}
		m.Lines = append(m.Lines, fmt.Sprintf("%s: removed %s", hostWord(host), Removed(l, host)))
	}
	if m.Lines = append(m.Lines, silentWords(l)...); len(failed) > 0 {
		m.Lines = append(m.Lines, fmt.Sprintf("List what is left with `clean %s`.", run))
	}
	return m
}

// cleanEvent is one event of the removal.
func cleanEvent(e runner.Event) Message {
	switch e.Kind {
	case runner.CleanRequested:
		l, _ := decode[health.Leftovers](e.Data)
		return Message{Tone: Warn, Head: "Asked to remove what this run left: " + size(l.Bytes()), Lines: []string{by(e)}}
	case runner.CleanApproved:
		return Message{Tone: Plain, Head: "Approved to remove what this run left", Lines: []string{by(e)}}
	case runner.CleanStarted:
		return Message{Tone: Plain, Head: "Removing what this run left on " + hostWord(e.Host)}
	case runner.CleanFailed:
		return Message{Tone: Bad, Head: "Not removed from " + hostWord(e.Host), Lines: why(e)}
	}
	return Message{Tone: Good, Head: "Removed from " + hostWord(e.Host), Lines: why(e)}
}

// hostWord names a host, or the bot's own machine.
func hostWord(host string) string {
	if host == runner.Bot {
		return "the bot"
	}
	return host
}
