package blocks

import (
	"fmt"
	"strconv"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// statuses are what Slack has for our states; what it lacks a word for stands
// in the task's title.
var statuses = map[string]struct {
	status slack.TaskCardStatus
	word   string
	mark   string
}{
	"pending": {slack.TaskCardStatusPending, "", "·"},
	"running": {slack.TaskCardStatusInProgress, "", "▸"},
	"done":    {slack.TaskCardStatusComplete, "", "✓"},
	"skipped": {slack.TaskCardStatusComplete, "skipped", "–"},
	"failed":  {slack.TaskCardStatusError, "failed", "✗"},
	"undone":  {slack.TaskCardStatusComplete, "undone", "↶"},
	"waiting": {slack.TaskCardStatusInProgress, "waiting", "…"},
}

// settled reports whether nothing more is expected of a task.
func settled(t view.Task) bool {
	return t.State == "done" || t.State == "skipped" || t.State == "undone"
}

// taskLine is a task as plain text.
func taskLine(t view.Task) string {
	s, ok := statuses[t.State]
	if !ok {
		s.mark, s.word = "?", t.State
	}
	out := s.mark + " " + t.Title
	if s.word != "" {
		out += " · " + s.word
	}
	if t.Detail != "" {
		out += ": " + t.Detail
	}
	return out
}

// tasks are one plan block. Of a longer list it shows the part around the
// first task that is not settled, and counts the rest.
func (b *builder) tasks(m view.Message) {
	if len(m.Tasks) == 0 {
		return
	}
	done, next := 0, -1
	for i, t := range m.Tasks {
		if settled(t) {
			done++
		} else if next < 0 {
			next = i
		}
	}
	if next < 0 {
		next = len(m.Tasks)
	}
	shown := min(maxTasks-2, max(b.room/140, 3))
	from, to := 0, len(m.Tasks)
	if to > shown {
		from = min(max(next-shown/3, 0), to-shown)
		to = from + shown
	}
	var cards []*slack.TaskCardBlock
	if from > 0 {
		cards = append(cards, slack.NewTaskCardBlock("before", fmt.Sprintf("… %d before", from)).
			WithStatus(slack.TaskCardStatusComplete))
	}
	for i := from; i < to; i++ {
		cards = append(cards, b.card(i, m.Tasks[i]))
	}
	if to < len(m.Tasks) {
		cards = append(cards, slack.NewTaskCardBlock("after", fmt.Sprintf("… %d more", len(m.Tasks)-to)).
			WithStatus(slack.TaskCardStatusPending))
	}
	b.add(slack.NewPlanBlock(planTitle(m.Tasks, done)).WithTasks(cards...))
}

// planTitle is all that is left of a plan that is folded in: what is at work
// now, the most general, or how much is done.
func planTitle(tasks []view.Task, done int) string {
	for _, t := range tasks {
		if t.State == "running" || t.State == "waiting" || t.State == "failed" {
			title := cut(t.Title, shownTask)
			if t.Detail != "" {
				title += ": " + cut(t.Detail, shownTask)
			}
			return title
		}
	}
	return fmt.Sprintf("%d of %d done", done, len(tasks))
}

func (b *builder) card(i int, t view.Task) *slack.TaskCardBlock {
	s, ok := statuses[t.State]
	if !ok {
		s.status, s.word = slack.TaskCardStatusPending, cut(t.State, 20)
	}
	title := cut(t.Title, shownTask)
	if s.word != "" {
		title += " · " + s.word
	}
	// The index makes IDs unique whatever the caller gives.
	c := slack.NewTaskCardBlock(strconv.Itoa(i+1), title).WithStatus(s.status)
	if t.Detail != "" && b.room >= 2000 {
		c.WithDetails(slack.NewRichTextBlock("", section(prose(cut(t.Detail, shownDetail))...)))
	}
	return c
}
