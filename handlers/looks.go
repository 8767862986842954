package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"aurorabot/handlers/view"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// doPlan runs pre-flight in a journal that is gone afterwards, and shows what
// would be done, whatever speaks against it. The reader that it puts on the hosts is
// taken away again.
func (s *Service) doPlan(ctx context.Context, c call) Response {
	k, req, bad := s.request(c)
	if bad != nil {
		return *bad
	}
	against, standing := []runner.Obstacle{}, ""
	open, err := s.open(k.Name)
	switch {
	case err != nil:
		against = append(against, runner.Obstacle{Host: runner.Bot, Why: "whether there is an open run cannot be told: " + err.Error()})
	case open != nil:
		standing = fmt.Sprintf("%s has an open run, %s, begun by %s: %s.", k.Name, open.Run, view.Who(open.Who), wayOn(k, open))
	}
	got, err := s.rehearse(ctx, c, req)
	if err != nil {
		return failure(err)
	}
	against = append(against, got.against...)
	loss := s.loss(got.state)
	m := view.Against(view.Plan(got.plan, loss), standing, against)
	if standing != "" {
		against = append([]runner.Obstacle{{Host: runner.Bot, Why: standing}}, against...)
	}
	return Response{Message: m, Data: struct {
		runner.Plan
		Loss     health.Loss       `json:"loss"`
		Warnings []runner.Obstacle `json:"warnings"`
	}{got.plan, loss, against}}
}

func (s *Service) doStatus(ctx context.Context, c call) Response {
	if len(c.args) == 1 && s.named(c) == nil {
		return runStatus(s, c)
	}
	states, err := s.Unclosed()
	if err != nil {
		return failure(err)
	}
	states = slices.DeleteFunc(states, func(st *runner.State) bool { return !s.asked(c, st) })
	m := view.Status(states, s.Now())
	data := map[string]any{"open_runs": s.openRuns(states)}
	exit := ExitDone
	if s.named(c) != nil {
		d, severity, bad := s.diagnose(ctx, c, false)
		if bad != nil {
			return *bad
		}
		page := d.page(severity)
		m.Head = fmt.Sprintf("%s: %s. %s", d.Cluster, d.worst(), m.Head)
		if len(states) == 0 || page.Tone == view.Bad {
			m.Tone = page.Tone
		}
		m.Lines, m.Fields, m.Tables = append(m.Lines, d.brief(severity)...), append(m.Fields, page.Fields...), append(m.Tables, page.Tables...)
		data["cluster"], exit = d, d.exit(severity)
	}
	return Response{Message: m, Data: data, Exit: exit}
}

// runStatus is where one run stands: its open gate, whole, and what to type to pass
// it, else the run's one message. All of it is of one moment.
func runStatus(s *Service, c call) Response {
	st, err := s.find(c.args[0])
	if err != nil {
		return failure(err)
	}
	events, err := s.Engine.Journal.Events(st.Run)
	if err != nil {
		return failure(fmt.Errorf("journal of %s: %w", st.Run, err))
	}
	st = runner.Fold(events)
	screens := view.ScreensOf(events, s.people(st))
	m, gated := gateOn(screens)
	switch {
	case !gated:
		m = screens.Status
		m.Actions = nil
	case !c.JSON: // A program asks its person itself.
		m.Foot += fmt.Sprintf("\nTo decide: type `%s`, or `deny %s --reason TEXT`.", approval(st), st.Run)
	}
	open := s.openRuns([]*runner.State{st})
	data := map[string]any{"run": open[0], "open_runs": open}
	if st.Status == runner.Closed {
		data["open_runs"] = open[:0]
	}
	return Response{Message: m, Data: data, Private: true}
}

// asked reports whether a look is about a run: it is of the cluster that was
// named, or none was and who asks may see that cluster.
func (s *Service) asked(c call, st *runner.State) bool {
	if len(c.args) > 0 {
		return st.Request.Cluster == c.args[0]
	}
	return s.maySee(c, st.Request.Cluster) == nil
}

func (s *runs) openRuns(states []*runner.State) []map[string]any {
	list := []map[string]any{}
	for _, st := range states {
		list = append(list, map[string]any{
			"run": st.Run, "cluster": st.Request.Cluster, "backup": st.Request.Backup, "status": st.Status, "phase": st.Phase,
			"step": st.Step, "gate": st.Gate, "digest": st.Gates[st.Gate].Digest, "why": st.Why, "who": st.Who, "commit": st.Commit.Outcome, "loss": s.loss(st), "source": st.Source,
		})
	}
	return list
}

// loss is what a run's restore kills, as far as is known by now.
func (s *runs) loss(st *runner.State) health.Loss {
	if k := s.cluster(st.Request.Cluster); k != nil && k.Loss != nil {
		l, _ := k.Loss(st)
		return l
	}
	return health.LossOf()
}

func (s *Service) doTasks(ctx context.Context, c call) Response {
	st, err := s.find(c.args[0])
	if err != nil {
		return failure(err)
	}
	k := s.cluster(st.Request.Cluster)
	if k == nil || k.Tasks == nil || k.Loss == nil {
		return failure(fmt.Errorf("tasks of %s: the cluster %s is not configured", st.Run, st.Request.Cluster))
	}
	if c.flags["lost"] != "" {
		loss, jobs := k.Loss(st)
		if jobs == nil {
			jobs = []health.LostJob{}
		}
		return Response{Message: view.Lost(st, loss, jobs), Data: jobs, Run: st.Run}
	}
	lines, err := k.Tasks(ctx, st)
	if err != nil {
		return failure(err)
	}
	m := view.Message{Head: fmt.Sprintf("%d tasks in the backup of %s", len(lines), st.Run), Files: []view.File{{Name: st.Run + "-tasks.txt", Text: strings.Join(lines, "\n") + "\n"}}}
	return Response{Message: m, Data: lines, Run: st.Run}
}

func (s *Service) doHistory(_ context.Context, c call) Response {
	runs, err := s.Engine.Journal.Runs()
	if err != nil {
		return failure(err)
	}
	var states []*runner.State
	for _, run := range runs {
		if run == auditRun {
			continue
		}
		st, err := s.state(run)
		if err != nil {
			return failure(err)
		}
		if s.asked(c, st) {
			states = append(states, st)
		}
	}
	return Response{Message: view.History(states), Data: s.openRuns(states)}
}

// doExport gathers the incident pack; the command line writes it to a folder.
func (s *Service) doExport(ctx context.Context, c call) Response {
	st, err := s.find(c.args[0])
	if err != nil {
		return failure(err)
	}
	events, err := s.Engine.Journal.Events(st.Run)
	if err != nil {
		return failure(err)
	}
	text, err := s.raw(st.Run, events)
	if err != nil {
		return failure(err)
	}
	files := []view.File{{Name: "timeline.md", Text: view.Timeline(events)}, {Name: "journal.jsonl", Text: text}}
	if st.Plan != nil {
		files = append(files, view.File{Name: "plan.json", Text: string(st.Plan) + "\n"})
	}
	m := view.Message{Tone: view.Good, Head: "incident pack of " + st.Run}
	if k := s.cluster(st.Request.Cluster); k != nil && k.LostJobs != nil {
		configs, err := k.LostJobs(st)
		switch {
		case err != nil: // The rest of the pack is as good without.
			m.Lines = append(m.Lines, "The configurations of the jobs that only the log knew are left out: "+view.Foreign(err.Error())+".")
		case configs == nil:
		case c.Channel != "cli" || !s.operates(ctx, c, st.Request.Cluster):
			// Nobody reads passwords in Slack, nor who may not act by them.
			m.Lines = append(m.Lines, "The configurations of the jobs that only the log knew are left out, since they may hold passwords. People who may operate the cluster export them on the bot's machine.")
		default:
			files = append(files, view.File{Name: "lost-jobs.json", Text: string(configs)})
		}
	}
	m.Files = files
	return Response{Message: m, Data: files, Run: st.Run}
}

func (s *Service) doAudit(_ context.Context, c call) Response {
	if c.args[0] != "verify" {
		return Response{Message: view.Error(fmt.Sprintf("audit: there is no %.20q", c.args[0]), c.usage()), Exit: ExitUsage, Private: true}
	}
	runs, err := s.Engine.Journal.Runs()
	if err != nil {
		return failure(fmt.Errorf("audit: %w", err))
	}
	if len(c.args) == 2 {
		runs = []string{c.args[1]}
	}
	hidden := map[string]bool{}
	for _, run := range runs {
		st, err := s.state(run)
		if err != nil {
			return failure(fmt.Errorf("audit: %w", err))
		}
		hidden[run] = run != auditRun && s.maySee(c, st.Request.Cluster) != nil
	}
	if len(c.args) == 2 && hidden[c.args[1]] {
		return failure(fmt.Errorf("audit: there is no run %.80q", c.args[1]))
	}
	if v, ok := s.Engine.Journal.(verifier); ok {
		return verified(v, c.args[1:], hidden)
	}
	n := 0
	for _, run := range runs {
		events, err := s.Engine.Journal.Events(run)
		if err != nil {
			return failure(fmt.Errorf("audit: %w", err))
		}
		if len(events) == 0 {
			return failure(fmt.Errorf("audit: there is no run %.80q", run))
		}
		n += len(events)
	}
	return Response{
		Message: view.Message{Tone: view.Good, Head: fmt.Sprintf("%d events of %d runs: every hash chain is whole", n, len(runs))},
		Data:    map[string]any{"runs": len(runs), "events": n, "whole": true},
	}
}

func (s *Service) doVersion(context.Context, call) Response {
	return Response{Message: view.Message{Head: "aurorabot " + s.Version}, Data: map[string]string{"version": s.Version}, Private: true}
}
