package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// Left shows what a closed run left, and how its removal is approved: needed are the
// people that takes, and approve what they type.
func Left(run string, l health.Leftovers, needed []string, approve string) Message {
	m := Message{Tone: Plain, Head: "Nothing that this run left is there any more", Foot: "run " + run}
	if len(l.Left) > 0 {
		m = Message{Tone: Warn, Head: fmt.Sprintf("Remove what this run left: %s on %s?", size(l.Bytes()), list(l.Hosts(), 3))}
		m.Lines = append(m.Lines, "Cannot be undone: copies and originals of logs, originals of configuration files, and reports of that run are gone then. The journal stays.")
	}
	for _, host := range l.Hosts() {
		m.Lines = append(m.Lines, fmt.Sprintf("%s: %s", hostWord(host), Removed(l, host)))
	}
	m.Lines = append(m.Lines, silentWords(l)...)
	if len(l.Left) > 0 {
		m.Fields = append(m.Fields, Field{stillNeededName, strings.Join(needed, " and ")})
		var places []string
		for _, left := range l.Left {
			places = append(places, fmt.Sprintf("%s: %s %s (%s)", hostWord(left.Host), size(left.Bytes), left.Path, count(left.Files, "file")))
		}
		m.Output = []Output{{"What is removed", strings.Join(places, "\n")}}
		m.Foot = fmt.Sprintf("To approve, each of them types `%s` · run %s", approve, run)
	}
	return headed(m)
}

func silentWords(l health.Leftovers) (lines []string) {
	for _, host := range slices.Sorted(maps.Keys(l.Silent)) {
		lines = append(lines, fmt.Sprintf("%s could not be asked, so what lies there stays: %s", host, quote(cut(l.Silent[host], 300))))
	}
	return lines
}

// Removed says how much lies on one host.
func Removed(l health.Leftovers, host string) string {
	on := l.On(host)
	return fmt.Sprintf("%s in %s", size(on.Bytes()), count(len(on.Left), "place"))
}

// CleanWaits is what one person reads alone whose approval was counted, and was not the
// last one.
func CleanWaits(run string, v policy.Verdict) Message {
	return Message{Tone: Good, Head: "Your approval to remove what this run left is counted", Lines: []string{"Still needed: " + strings.Join(v.Missing, ", ") + "."}, Foot: "run " + run}
}

// Cleaned says what was removed, and what was not.
func Cleaned(run string, l health.Leftovers, failed map[string]string) Message {
	m := Message{Tone: Good, Head: "What this run left is removed", Foot: "run " + run}
	if len(failed) > 0 {
		m = Message{Tone: Bad, Head: "Not everything that this run left is removed", Foot: fmt.Sprintf("List what is left with `clean %s` · run %s", run, run)}
	}
	for _, host := range l.Hosts() {
		if why, bad := failed[host]; bad {
			m.Lines = append(m.Lines, fmt.Sprintf("%s: failed: %s", hostWord(host), quote(cut(why, 300))))
			continue
		}
		m.Lines = append(m.Lines, fmt.Sprintf("%s: removed %s", hostWord(host), Removed(l, host)))
	}
	m.Lines = append(m.Lines, silentWords(l)...)
	return headed(m)
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
