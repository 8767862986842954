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

// lossKnown is what is known of the loss when o opened. estimate: it was worked out
// before the schedulers stopped.
func (o *opening) lossKnown() (l *lossFact, estimate bool) {
	l = o.binds.Loss
	f, ok := fact[lossFact](o.state, stepLoss)
	if l == nil && ok {
		return &f, false
	}
	if l != nil && !l.Known && l.Why == "" && ok {
		l.Why = f.Why
	}
	if c, ok := fact[lookFact](o.state, stepCluster); l == nil && ok && c.Loss != nil {
		return c.Loss, true
	}
	return l, false
}

// lossLines are what will be lost, in numbers; what is not known is never none.
func (o *opening) lossLines() []string {
	l, estimate := o.lossKnown()
	if l == nil {
		if o.gate == "start" {
			return []string{"What will be lost is not known yet: the log is read when the schedulers have stopped. The gates after this one show it before anything is overwritten."}
		}
		return []string{"What will be lost is not known: nothing was compared with the backup."}
	}
	total := l.total()
	if estimate {
		return []string{"Estimated loss, before the schedulers stop: " + killed(&total, shownJobs) + "."}
	}
	return lossLines(l)
}

// shownJobs is how many jobs a message names of those that lose tasks; the rest is in
// a file.
const shownJobs = 10

// lossName is that file.
const lossName = "loss.txt"

func lossLines(l *lossFact) []string {
	total := l.total()
	lines := []string{sentence(killed(&total, shownJobs))}
	if l.Revived > 0 {
		lines = append(lines, comeBack(l.Revived)+".")
	}
	return lines
}

// comeBack says what becomes of tasks that are active in the backup and ended since.
func comeBack(n int) string {
	if n == 1 {
		return "1 task that has ended since the backup starts again, or is found lost and replaced"
	}
	return count(n, "task") + " that have ended since the backup start again, or are found lost and replaced"
}

// sureness says who counted the loss, and what they cannot know. "": nobody counted.
func (o *opening) sureness() string {
	l, estimate := o.lossKnown()
	if l == nil {
		return ""
	}
	return sureness(l, estimate)
}

func sureness(l *lossFact, estimate bool) string {
	total := l.total()
	var parts []string
	if words := knows(total.Sources); words != "" {
		parts = append(parts, words)
	}
	switch {
	case l.Known && l.Jobs > 0:
		parts = append(parts, fmt.Sprintf("%s between the backup and %s", differs(l.Jobs), quote(l.Against)))
	case l.Known && l.Against != "":
		parts = append(parts, "no job differs between the backup and "+quote(l.Against))
	case estimate:
		parts = append(parts, "the logs are read when the schedulers have stopped")
	case !l.Known:
		parts = append(parts, "what the log held is not known: "+quote(cut(cmp.Or(l.Why, "the comparison with it gave no answer"), 400)))
	}
	return strings.Join(parts, "; ")
}

func differs(jobs int) string {
	if jobs == 1 {
		return "1 job differs"
	}
	return count(jobs, "job") + " differ"
}

// killed says how many tasks a restore kills, and of which jobs.
func killed(l *health.Loss, most int) string { return killing(l, "will be killed", most) }

// killing is killed, said with verb: of what is to come, or has been.
func killing(l *health.Loss, verb string, most int) string {
	words := deaths(l, verb)
	if jobs := byJob(l.Jobs, most); jobs != "" {
		words += ": " + jobs
	}
	return words
}

// deaths is the number alone.
func deaths(l *health.Loss, verb string) string {
	switch {
	case l.Killed == nil:
		return "how many tasks " + verb + " is unknown"
	case *l.Killed == 0 && !l.AtLeast:
		return "no task " + verb
	case l.AtLeast:
		return "at least " + count(*l.Killed, "task") + " " + verb
	}
	return count(*l.Killed, "task") + " " + verb
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
	if left := len(jobs) - most; left > 0 {
		return fmt.Sprintf("%s and %s in `%s`", strings.Join(jobs[:most], ", "), count(left, "more job"), lossName)
	}
	return strings.Join(jobs, ", ")
}

// lossFiles is the file with all jobs that lose tasks, where the gate's message names
// some of them. At the assess gate the assessment has it.
func (s gateWords) lossFiles(o *opening) []File {
	l, _ := o.lossKnown()
	if l == nil || o.gate == "assess" || o.gate == runner.GateUndo || o.gate == runner.GateWithout {
		return nil
	}
	total := l.total()
	if len(total.Jobs) <= shownJobs {
		return nil
	}
	made, _ := fact[lossFact](o.state, stepLoss)
	return []File{{Name: lossName, Text: lossFile(&total, made.each())}}
}

// lostInTheEnd says what became of the tasks, and what people start again, by what was
// compared before the commit.
func lostInTheEnd(s *runner.State) []string {
	l, ok := fact[lossFact](s, stepLoss)
	if !ok {
		return nil
	}
	total := l.total()
	verb := "were to be killed"
	if total.Killed != nil && *total.Killed < 2 {
		verb = "was to be killed"
	}
	lines := []string{sentence("as counted before the commit, " + killing(&total, verb, shownJobs))}
	create, again := map[string]int{}, maps.Clone(total.Jobs)
	for _, c := range l.Create {
		create[c.Job] = max(total.Jobs[c.Job], 1)
		delete(again, c.Job)
	}
	if len(again) > 0 {
		lines = append(lines, "Start again what is still wanted: "+byJob(again, shownJobs)+".")
	}
	if len(create) > 0 {
		lines = append(lines, "Create again what is still wanted, for only the log knew it: "+byJob(create, shownJobs)+". The run's export, on the bot's machine, has the configurations.")
	}
	switch back := l.Diff.Resurrected.ByJob; {
	case len(back) > 0:
		lines = append(lines, "Start by themselves, or are found lost and replaced: "+byJob(back, shownJobs)+".")
	case l.Revived > 0:
		lines = append(lines, comeBack(l.Revived)+".")
	}
	return lines
}

// knows says who counted how many, and who may not know all.
func knows(sources []health.LossSource) string {
	names := map[string]string{health.LossByMesos: "Mesos", health.LossByLog: "the log", health.LossByAPI: "the leader"}
	var parts []string
	for _, s := range sources {
		words := names[s.Source] + " counts none"
		if s.Killed > 0 {
			words = fmt.Sprintf("%s counts %s", names[s.Source], digits(int64(s.Killed)))
		}
		if s.Complete {
			words += " and knows all that can be lost"
		} else {
			words += " and may not know all"
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
	m := Message{Head: (&story{State: s}).name() + ": " + deaths(&loss, "will be killed"), Foot: "run " + s.Run, Files: []File{{Name: s.Run + "-loss.txt", Text: lossFile(&loss, each)}}}
	if words := knows(loss.Sources); words != "" {
		m.Lines = []string{sentence(words)}
	}
	if len(jobs) > 0 {
		m.Tables = []Table{bounded(t)}
	}
	if len(each) > 0 {
		m.Lines = append(m.Lines, "Jobs that only the log knows must be created again. The run's export, on the bot's machine, has their configurations.")
		m.Foot = "Type on the bot's machine `aurorabot export " + s.Run + "` · " + m.Foot
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
