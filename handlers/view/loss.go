package view

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// loss is what will be lost, in numbers; what is not known is never none.
func (o *opening) loss() string {
	l := o.binds.Loss
	if f, ok := fact[lossFact](o.state, stepLoss); l == nil && ok {
		l = &f
	} else if l != nil && !l.Known && l.Why == "" && ok {
		l.Why = f.Why
	}
	if c, ok := fact[lookFact](o.state, stepCluster); l == nil && ok && c.Loss != nil {
		total := c.Loss.total()
		return "by what is known before the schedulers stop: " + killed(&total)
	}
	return lossWords(l)
}

func lossWords(l *lossFact) string {
	if l == nil {
		return "not known yet: the log is read when the schedulers have stopped; the numbers stand at the gates that follow"
	}
	total := l.total()
	words := killed(&total)
	if !l.Known {
		why := cmp.Or(l.Why, "the comparison with it gave no answer")
		return words + "; what the log held is not known: " + quote(cut(why, 400))
	}
	return fmt.Sprintf("%s; %s resurrected, %s with a difference (the backup against %s)", words, digits(int64(l.Revived)), count(l.Jobs, "job"), quote(l.Against))
}

// killed says how many tasks a restore kills, of which jobs, and who knows that.
func killed(l *health.Loss) string {
	return killing(l, "will be killed")
}

// killing is killed, said with verb: of what is to come, or has been.
func killing(l *health.Loss, verb string) string {
	words := "how many tasks " + verb + " is unknown"
	if l.Killed != nil {
		words = count(*l.Killed, "task") + " " + verb
		if l.AtLeast {
			words = "at least " + words
		}
	}
	if jobs := byJob(l.Jobs, 6); jobs != "" {
		words += " (" + jobs + ")"
	}
	if len(l.Sources) > 1 || l.Killed == nil && len(l.Sources) > 0 {
		words += "; " + knows(l.Sources)
	}
	return words
}

// jobsByTasks are the jobs, those with most tasks first.
func jobsByTasks(tasks map[string]int) []string {
	return slices.SortedFunc(maps.Keys(tasks), func(a, b string) int {
		return cmp.Or(cmp.Compare(tasks[b], tasks[a]), cmp.Compare(a, b))
	})
}

// byJob names the jobs with most tasks, with their numbers.
func byJob(tasks map[string]int, most int) string {
	jobs := jobsByTasks(tasks)
	for i, job := range jobs {
		jobs[i] = quote(cut(job, 100)) + " " + digits(int64(tasks[job]))
	}
	return list(jobs, most)
}

// lostInTheEnd says what became of the tasks, by what was compared before the commit.
func lostInTheEnd(s *runner.State) []string {
	l, ok := fact[lossFact](s, stepLoss)
	if !ok {
		return nil
	}
	total := l.total()
	lines := []string{"Lost: " + sentence(killing(&total, "were to be killed"))}
	if again := l.Diff.Resurrected.ByJob; len(again) > 0 {
		lines = append(lines, "Start again, or are found lost: "+sentence(byJob(again, 6)))
	}
	if total.Killed == nil || *total.Killed > 0 {
		lines = append(lines, fmt.Sprintf("All jobs that lost tasks: `tasks %s --lost`.", s.Run))
	}
	if n := len(l.Create); n > 0 {
		lines = append(lines, fmt.Sprintf("Only the log knew %s of these; to create them again, `export %s` on the bot's machine has their configurations.", count(n, "job"), s.Run))
	}
	return lines
}

// knows says who knows of how many.
func knows(sources []health.LossSource) string {
	names := map[string]string{health.LossByMesos: "Mesos", health.LossByLog: "the log", health.LossByAPI: "the leader"}
	var parts []string
	for _, s := range sources {
		words := fmt.Sprintf("%s knows of %s", names[s.Source], digits(int64(s.Killed)))
		if !s.Complete {
			words += " (it may not know all)"
		}
		parts = append(parts, words)
	}
	return strings.Join(parts, ", ")
}

// Lost lists the jobs that a run's restore kills tasks of.
func Lost(s *runner.State, loss health.Loss, jobs []health.LostJob) Message {
	t := Table{Rows: [][]string{{"Job", "Tasks", "Who knows", "Only in the log; each instance takes"}}}
	each := map[string]health.Resources{}
	for _, j := range jobs {
		takes := ""
		if j.Each != nil {
			each[j.Job], takes = *j.Each, resources(*j.Each)
		}
		t.Rows = append(t.Rows, []string{quote(j.Job), digits(int64(j.Instances)), j.Source, takes})
	}
	m := Message{Head: s.Run + ": " + killed(&loss), Files: []File{{Name: s.Run + "-loss.txt", Text: lossFile(&loss, each)}}}
	if len(jobs) > 0 {
		m.Tables = []Table{bounded(t)}
	}
	if len(each) > 0 {
		m.Lines = []string{fmt.Sprintf("Jobs that only the log knows must be created again. `export %s`, on the bot's machine, has their configurations.", s.Run)}
	}
	return m
}

func resources(r health.Resources) string {
	return fmt.Sprintf("%g CPUs, %d MB RAM, %d MB disk", r.CPUs, r.RAMMB, r.DiskMB)
}

// lossFile is every job that loses tasks, the most first, and what each instance
// takes of those that only the log knows.
func lossFile(l *health.Loss, each map[string]health.Resources) string {
	var b strings.Builder
	b.WriteString("# tasks that will be killed, job, what each instance takes where only the log knows the job\n")
	for _, job := range jobsByTasks(l.Jobs) {
		fmt.Fprintf(&b, "%d\t%s", l.Jobs[job], quote(job))
		if r, ok := each[job]; ok {
			fmt.Fprintf(&b, "\t%s", resources(r))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// foreseen is what pre-flight could tell of the loss.
func foreseen(s *runner.State) health.Loss {
	if c, ok := fact[lookFact](s, stepCluster); ok && c.Loss != nil {
		return c.Loss.total()
	}
	return health.LossOf()
}
