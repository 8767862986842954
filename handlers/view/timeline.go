package view

import (
	"fmt"
	"strings"

	"aurorabot/runner"
)

// Timeline is a run's events for the incident pack, as Markdown: one line per
// event, times in UTC.
func Timeline(events []runner.Event) string {
	state := &runner.State{}
	var b strings.Builder
	body := &strings.Builder{}
	for _, e := range events {
		state.Apply(e)
		m := Event(e, state)
		words := m.Head
		if len(m.Lines) > 0 && m.Lines[0] != "" {
			if !strings.HasSuffix(words, ".") && !strings.HasSuffix(words, "?") {
				words += ":"
			}
			words += " " + cut(strings.Join(strings.Fields(m.Lines[0]), " "), 400)
		}
		fmt.Fprintf(body, "- %s `%s` %s\n", when(e.At), e.Kind, markdown(words))
	}
	name := state.Run
	if name == "" {
		name = "without events"
	}
	fmt.Fprintf(&b, "# Run %s\n\n", markdown(name))
	if state.Run != "" {
		fmt.Fprintf(&b, "Cluster %s, backup %s, asked for by %s, reason: %s. Begun %s, last event %s, %s.\n\nAll times are UTC.\n\n",
			markdown(state.Request.Cluster), markdown(state.Request.Backup), markdown(Who(state.Who)), markdown(reason(state)), when(state.Began), when(state.At), ended(state))
	}
	return b.String() + body.String()
}

func ended(s *runner.State) string {
	if s.Status == runner.Closed {
		return fmt.Sprintf("closed as %q after %s", s.Outcome, took(s.At.Sub(s.Began)))
	}
	return "not closed: " + string(s.Status)
}

var escaper = strings.NewReplacer("\\", "\\\\", "<", "\\<", ">", "\\>", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "#", "\\#", "|", "\\|")

// markdown is s as text that Markdown takes for nothing else.
func markdown(s string) string { return escaper.Replace(safe(s)) }
