package runner

import (
	"encoding/json"
	"slices"
	"time"
)

// A Status is where a run stands.
type Status string

// The statuses.
const (
	Open    Status = "open"    // Steps have their turn, now or as soon as the bot goes on.
	Gated   Status = "gated"   // People decide at Gate.
	Stopped Status = "stopped" // The engine stopped; a person chooses resume or undo.
	Undoing Status = "undoing" // The effects are taken back.

	// Owing: the work has ended, and a host that was left out of it owes
	// something. Settling: that is being done.
	Owing    Status = "owing"
	Settling Status = "settling"

	Closed Status = "closed" // Nothing will happen any more.
)

// A Progress is where one step stands on one host.
type Progress string

// The progresses. The zero value means that the step had no turn yet.
const (
	Started    Progress = "started"
	Done       Progress = "done"
	Skipped    Progress = "skipped" // It was so already; nothing was changed, nothing is undone.
	Failed     Progress = "failed"
	UndoBegun  Progress = "undoing"
	Undone     Progress = "undone"
	UndoBroken Progress = "undo-failed"
)

// StepState is what the journal says of one step on one host.
type StepState struct {
	Progress Progress
	At       time.Time
	Seq      int // Of the newest event of the step on the host: their order, whatever a clock says.
	Why      string
	Begun    bool // Do may have been called and was not undone since.
	Again    bool // Reopened: it has its turn anew, also if it is Once.
	Try      int  // How often Do or Undo was begun; going on after a crash is the same try.
	Receipt  Receipt
	Facts    json.RawMessage
}

// An Approval is one person's consent to one digest at one gate.
type Approval struct {
	Who    string // "TEAM/USER"
	Digest string
	At     time.Time
	Data   json.RawMessage // What the surface knew of the person then.
}

// GateState is what the journal says of one gate.
type GateState struct {
	Digest    string // What was opened last.
	OpenedAt  time.Time
	Opened    bool
	Passed    bool
	PassedAt  time.Time
	Denied    bool
	By        string     // Who asked for what is decided, where that is not the run: an undo.
	Why       string     // And why.
	Used      bool       // Something was done since it was passed: what people agreed to has begun.
	Approvals []Approval // Since it was last opened with another digest, or voided.
}

// CommitState is what is known of the commit.
type CommitState struct {
	Sent    bool
	SentAt  time.Time
	Host    string
	Outcome CommitOutcome
	Why     string
	Data    json.RawMessage // What was known right before it left.
}

// A CommitOutcome is what was found out about a commit that was sent.
type CommitOutcome string

// The outcomes. The zero value means that nobody looked yet.
const (
	Unknown   CommitOutcome = "unknown"
	Committed CommitOutcome = "committed"
	Absent    CommitOutcome = "not committed"
)

// An Effect is a step on a host that may have changed something.
type Effect struct{ Step, Host string }

// State is a run folded from its events: the only source of truth.
type State struct {
	Run     string
	Seq     int
	At      time.Time // Of the last event.
	Began   time.Time
	Who     string // The requester.
	Request Request

	Status  Status
	Phase   string // The one that has its turn.
	Step    string // The one that has its turn.
	Gate    string // While Gated.
	Stop    Stop   // While Stopped.
	Why     string // Why stopped or closed.
	Outcome string // While Closed.
	Reason  string // The reason given with the request, or later with a resume.
	Undo    bool   // Somebody asked for it: from then on only undo goes on.

	Without  []Leave // Hosts that somebody asked to go on without, in the order asked.
	Settling string  // The host whose debt is being settled.
	Ended    bool    // The work has ended, with Outcome; what is left is debts.

	Steps   map[string]map[string]StepState // By step, then host.
	Effects []Effect                        // In the order begun, without doubles.
	Gates   map[string]GateState
	Phases  map[string]Kind // PhaseStarted, PhaseSkipped, PhaseDone
	Commit  CommitState
	Dropped []string // Ids of the tasks that were dropped from what is staged.
	Source  *Source  // What is restored instead of the backup asked for. Nil: that backup.
	Changed []string // Who changed what is restored, "TEAM/USER".

	// Withdrawn are the consents that people took back: by an abort or a deny.
	Withdrawn []Withdrawn
	Plan      json.RawMessage
	Digest    string // Of the plan.
}

// Fold makes a State of events. It never fails: an event that makes no sense
// where it stands changes nothing but Seq and At. Folding in two parts gives
// the same as folding at once.
func Fold(events []Event) *State {
	s := &State{}
	for _, e := range events {
		s.Apply(e)
	}
	return s
}

// Apply adds one event to s.
func (s *State) Apply(e Event) {
	if s.Steps == nil {
		s.Steps = map[string]map[string]StepState{}
		s.Gates = map[string]GateState{}
		s.Phases = map[string]Kind{}
	}
	s.Seq = e.Seq
	switch e.Kind {
	case CleanRequested, CleanApproved, CleanStarted, CleanDone, CleanFailed:
		return // The run was over before.
	case Refused:
		if s.Status == Closed {
			return
		}
	}
	s.At = e.At
	if s.Run == "" {
		s.Run = e.Run
	}
	switch e.Kind {
	case StepStarted, StepDone, StepSkipped, StepFailed, UndoStarted, UndoDone, UndoFailed, StepsReopened:
		s.applyStep(e)
	case GateOpened, GateApproved, GateDenied, GatePassed, GateVoided:
		s.applyGate(e)
	case PhaseStarted, PhaseSkipped, PhaseDone:
		s.Phases[e.Phase] = e.Kind
		if e.Kind == PhaseStarted && e.Phase != PhaseWithout && e.Phase != PhaseSettle {
			s.Phase = e.Phase
		}
	case HostAsked, HostKept, HostLeft, RunOwes, SettleRequested, HostContained, HostSettled:
		s.applyWithout(e)
	case CommitSent, CommitProved, CommitUnknown, CommitAbsent:
		s.applyCommit(e)
	case TasksDropped, SourceChosen:
		s.applyChange(e)
	case PlanProposed:
		s.Plan, s.Digest = e.Data, e.Digest
	default:
		s.applyRun(e)
	}
}

// applyChange is somebody's change of what is restored.
func (s *State) applyChange(e Event) {
	if e.Who != "" && !slices.Contains(s.Changed, e.Who) {
		s.Changed = append(s.Changed, e.Who)
	}
	switch e.Kind {
	case SourceChosen:
		s.Source = nil
		var chosen Source
		if json.Unmarshal(e.Data, &chosen) == nil && chosen.SHA256 != "" {
			s.Source = &chosen
		}
	case TasksDropped:
		var ids []string
		if json.Unmarshal(e.Data, &ids) == nil {
			for _, id := range ids {
				if !slices.Contains(s.Dropped, id) {
					s.Dropped = append(s.Dropped, id)
				}
			}
		}
	}
}

func (s *State) applyRun(e Event) {
	switch e.Kind {
	case RunRequested:
		if s.Status == "" {
			s.Status, s.Began, s.Who = Open, e.At, e.Who
			// A request that does not decode leaves the zero Request: no host,
			// no recipe, so nothing can be done in its name.
			_ = json.Unmarshal(e.Data, &s.Request)
			s.Reason = s.Request.Reason
		}
	case RunResumed:
		if s.Status != Closed {
			s.Status, s.Stop, s.Why = s.goesOn(), Stop{}, ""
			if e.Why != "" {
				s.Reason = e.Why
			}
		}
	case RunAborted:
		if s.Status != Closed {
			s.Status, s.Why, s.Stop = Stopped, e.Why, Stop{Reason: StopAborted}
			s.withdrawConsents(e.Who)
		}
	case RunStopped:
		if s.Status != Closed {
			s.Status, s.Why, s.Stop = Stopped, e.Why, Stop{}
			_ = json.Unmarshal(e.Data, &s.Stop)
		}
	case UndoRequested:
		if s.Status != Closed && !s.Ended {
			s.Status, s.Stop, s.Why, s.Undo = Undoing, Stop{}, "", true
		}
	case RunClosed:
		s.Status, s.Outcome, s.Why = Closed, e.Why, e.Why
	}
}

func (s *State) applyStep(e Event) {
	if e.Kind == StepsReopened {
		var ids []string
		if json.Unmarshal(e.Data, &ids) == nil {
			for _, id := range ids {
				for host, st := range s.Steps[id] {
					st.Progress, st.Again = "", true
					s.Steps[id][host] = st
				}
			}
		}
		return
	}
	hosts := s.Steps[e.Step]
	if hosts == nil {
		hosts = map[string]StepState{}
		s.Steps[e.Step] = hosts
	}
	st := hosts[e.Host]
	st.At, st.Seq, st.Why = e.At, e.Seq, e.Why
	switch e.Kind {
	case StepStarted:
		s.Step = e.Step
		if st.Progress != Started {
			st.Try++
		}
		st.Progress, st.Begun, st.Again = Started, true, false
		s.useConsents()
		if !slices.Contains(s.Effects, Effect{e.Step, e.Host}) {
			s.Effects = append(s.Effects, Effect{e.Step, e.Host})
		}
	case StepDone:
		s.Step = e.Step
		st.Progress = Done
		if e.Receipt != nil {
			st.Receipt = e.Receipt
		}
		st.Facts = e.Facts
	case StepSkipped:
		s.Step = e.Step
		st.Progress, st.Facts = Skipped, e.Facts
	case StepFailed:
		s.Step = e.Step
		st.Progress = Failed
		if e.Receipt != nil {
			st.Receipt = e.Receipt
		}
	case UndoStarted:
		s.Step = e.Step
		s.useConsents()
		if st.Progress != UndoBegun {
			st.Try++
		}
		st.Progress = UndoBegun
	case UndoDone:
		s.Step = e.Step
		st.Progress, st.Begun = Undone, false
	case UndoFailed:
		s.Step = e.Step
		st.Progress = UndoBroken
	}
	hosts[e.Host] = st
}

func (s *State) applyGate(e Event) {
	g := s.Gates[e.Gate]
	switch e.Kind {
	case GateOpened:
		if g.Digest != e.Digest || !g.Opened {
			g = GateState{}
		}
		g.Digest, g.OpenedAt, g.Opened, g.By, g.Why = e.Digest, e.At, true, e.Who, e.Why
		s.Status, s.Gate = Gated, e.Gate
	case GateApproved:
		if g.Opened && e.Digest == g.Digest {
			// One person counts once: by the newest of their approvals.
			g.Approvals = slices.DeleteFunc(slices.Clone(g.Approvals), func(a Approval) bool { return a.Who == e.Who })
			g.Approvals = append(g.Approvals, Approval{e.Who, e.Digest, e.At, e.Data})
		}
	case GateDenied:
		if g.Opened {
			g.Denied = true
		}
		s.withdrawConsents(e.Who)
		g.Approvals = s.Gates[e.Gate].Approvals
		if e.Gate == GateWithout {
			s.withdraw(func(Leave) bool { return true })
		}
	case GatePassed:
		if g.Opened && e.Digest == g.Digest {
			g.Passed, g.PassedAt = true, e.At
			if s.Status == Gated && s.Gate == e.Gate {
				s.Status, s.Gate = s.goesOn(), ""
			}
		}
	case GateVoided:
		g = GateState{}
		if s.Status == Gated && s.Gate == e.Gate {
			s.Status, s.Gate = s.goesOn(), ""
		}
	}
	s.Gates[e.Gate] = g
}

func (s *State) applyCommit(e Event) {
	switch e.Kind {
	case CommitSent:
		s.Commit = CommitState{Sent: true, SentAt: e.At, Host: e.Host, Data: e.Data}
	case CommitProved:
		s.Commit.Outcome, s.Commit.Why = Committed, e.Why
	case CommitUnknown:
		s.Commit.Outcome, s.Commit.Why = Unknown, e.Why
	case CommitAbsent:
		s.Commit.Outcome, s.Commit.Why = Absent, e.Why
	}
}

// Requesters are all who asked for what is decided at a gate: for the run itself,
// for a change of what is restored, for going on without a host; or for the undo.
func (s *State) Requesters(gate string) []string {
	if by := s.Gates[gate].By; by != "" || gate == GateUndo {
		return []string{by}
	}
	all := append([]string{s.Who}, s.Changed...)
	for _, l := range s.Without {
		if l.Who != "" && !slices.Contains(all, l.Who) {
			all = append(all, l.Who)
		}
	}
	return all
}

// Of returns what the journal says of a step on a host.
func (s *State) Of(step, host string) StepState { return s.Steps[step][host] }

// Passed reports whether the step is behind us on the host: done or skipped.
func (s *State) Passed(step, host string) bool {
	p := s.Of(step, host).Progress
	return p == Done || p == Skipped
}

// Receipt decodes what a step's Do left into v, and reports whether there was something.
func (s *State) Receipt(step, host string, v any) bool {
	r := s.Of(step, host).Receipt
	return r != nil && json.Unmarshal(r, v) == nil
}

// Irreversible reports whether a commit was sent of which it is not proved that
// it changed nothing: from there on there is no undo.
func (s *State) Irreversible() bool { return s.Commit.Sent && s.Commit.Outcome != Absent }
