package view

import (
	"fmt"
	"slices"

	"aurorabot/runner"
)

// taskWords are a run's steps as a list of tasks.
type taskWords struct{ *story }

// tasks are the run's progress: the phases, and the steps of the one that has
// its turn; or, once somebody asked for undo, what is undone.
func (s taskWords) tasks() []Task {
	if s.State.Undo {
		return s.undoTasks()
	}
	var tasks []Task
	for n, id := range s.phases() {
		t := s.phaseTask(id)
		t.Title = fmt.Sprintf("%d. %s", n+1, t.Title)
		if id == s.Phase && !settled(t) {
			steps := s.stepTasks(id)
			if at := slices.IndexFunc(steps, func(t Task) bool { return !settled(t) }); at >= 0 {
				t.Detail = fmt.Sprintf("step %d of %d, %s", at+1, len(steps), t.Detail)
			}
			tasks = append(append(tasks, t), near(steps)...)
			continue
		}
		tasks = append(tasks, t)
	}
	return tasks
}

func settled(t Task) bool { return t.State == "done" || t.State == "skipped" }

// near are the steps of a phase that somebody looks for now: what has its turn,
// and what comes next. The thread and the plan have them all.
func near(all []Task) []Task {
	var out []Task
	for n, t := range all {
		if settled(t) {
			continue
		}
		t.Title = fmt.Sprintf("Step %d: %s", n+1, t.Title)
		out = append(out, t)
		if t.State == "pending" {
			break
		}
	}
	return out
}

func (s taskWords) phaseTask(id string) Task {
	t := Task{ID: id, Title: heading(s.plan, id), State: "pending"}
	var v *visit
	for _, x := range s.visits {
		if x.phase == id {
			v = x
		}
	}
	if v == nil {
		return t
	}
	switch {
	case v.kind == runner.PhaseSkipped:
		t.State, t.Detail = "skipped", quote(v.why)
	case v.kind == runner.PhaseDone:
		t.State, t.Detail = "done", fmt.Sprintf("%s in %s", count(len(v.steps), "step"), took(v.end.Sub(v.at)))
	case id != s.Phase || s.State.Status == runner.Closed:
		t.State = "pending" // Begun, and left again for a phase before it, or for good.
	case s.State.Status == runner.Stopped:
		t.State, t.Detail = "failed", "stopped"
	case s.State.Status == runner.Gated:
		t.State, t.Detail = "waiting", "at the "+s.Gate+" gate"
	default:
		t.State, t.Detail = "running", "since "+when(v.at)
	}
	return t
}

func (s taskWords) stepTasks(phase string) []Task {
	var steps []runner.PlanStep
	for _, ph := range s.plan.Phases {
		if ph.ID == phase {
			steps = ph.Steps
		}
	}
	if len(steps) == 0 { // Before there is a plan.
		for _, v := range s.visits {
			for _, t := range v.steps {
				if v.phase == phase && !t.undo {
					steps = append(steps, runner.PlanStep{ID: t.step, Title: title(s.plan, t.step)})
				}
			}
		}
	}
	now, _ := s.current()
	var tasks []Task
	for _, st := range steps {
		if !s.leftOut(st) {
			tasks = append(tasks, s.stepTask(st, now))
		}
	}
	for _, v := range s.visits {
		for _, t := range v.steps {
			if v.phase == phase && t.undo {
				tasks = append(tasks, s.undoTask(t.step))
			}
		}
	}
	return tasks
}

func (s taskWords) stepTask(st runner.PlanStep, now string) Task {
	t := Task{ID: st.ID, Title: st.Title, State: "pending"}
	passed, known := s.hosts(st)
	failed, skipped, any := 0, 0, false
	for _, host := range s.Steps[st.ID] {
		switch host.Progress {
		case runner.Failed:
			failed++
		case runner.Skipped:
			skipped++
		}
		any = any || host.Progress != ""
	}
	switch {
	case known > 0 && skipped == known:
		t.State, t.Detail = "skipped", "it was done already"
	case known > 0 && passed == known:
		t.State = "done"
	case st.Gate != "" && s.State.Status == runner.Gated && s.Gate == st.Gate:
		t.State, t.Detail = "waiting", "the "+st.Gate+" gate"
	case failed > 0 && s.State.Status == runner.Stopped:
		if t.State = "failed"; known > 1 {
			t.Detail = fmt.Sprintf("on %d of %s", failed, count(known, "host"))
		}
	case s.State.Status == runner.Open && (st.ID == now || any):
		t.State = "running"
		if known > 1 {
			t.Detail = fmt.Sprintf("%d of %s", passed, count(known, "host"))
		}
	case any:
		t.Detail = fmt.Sprintf("%d of %s", passed, count(known, "host"))
	}
	return t
}

// undoTasks are the effects, newest first. What has no way back is left out.
func (s taskWords) undoTasks() []Task {
	var tasks []Task
	var seen []string
	add := func(id string) {
		if slices.Contains(seen, id) {
			return
		}
		seen = append(seen, id)
		tasks = append(tasks, s.undoTask(id))
	}
	if s.undo != nil {
		for _, t := range s.undo.steps {
			if t.undo {
				add(t.step)
			}
		}
	}
	if s.State.Status == runner.Closed {
		return tasks
	}
	for _, e := range slices.Backward(s.Effects) {
		if st := s.step(e.Step); s.Of(e.Step, e.Host).Begun && (st == nil || st.OneWay == "") {
			add(e.Step)
		}
	}
	return tasks
}

func (s taskWords) undoTask(id string) Task {
	t := Task{ID: "undo/" + id, Title: "Undo: " + title(s.plan, id), State: "pending"}
	undone, begun, broken, all := 0, 0, 0, 0
	for _, host := range s.Steps[id] {
		switch host.Progress {
		case runner.Undone:
			undone++
		case runner.UndoBegun:
			begun++
		case runner.UndoBroken:
			broken++
		default:
			if !host.Begun {
				continue // Nothing was done there.
			}
		}
		all++
	}
	switch {
	case all > 0 && undone == all:
		t.State = "undone"
	case broken > 0:
		t.State, t.Detail = "failed", fmt.Sprintf("on %d of %s", broken, count(all, "host"))
	case begun+undone > 0:
		t.State, t.Detail = "running", fmt.Sprintf("%d of %s", undone, count(all, "host"))
	}
	return t
}
