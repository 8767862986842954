package runner

import (
	"encoding/json"
	"time"
)

// A Kind says what an [Event] is about. The strings are part of the contract:
// scripts and journals of older versions rely on them.
type Kind string

// The kinds of events. Comments name the fields that each carries besides
// Seq, At, Run and Kind.
const (
	RunRequested Kind = "run.requested" // Who, Data: Request
	RunResumed   Kind = "run.resumed"   // Who, Why
	RunAborted   Kind = "run.aborted"   // Who, Why: a person stopped it; undo or resume is next
	RunStopped   Kind = "run.stopped"   // Why, Data: Stop. The engine stopped; a person decides
	RunClosed    Kind = "run.closed"    // Why: "recovered", "undone", "not-needed", "refused", "denied", "nothing-done"

	PlanProposed Kind = "plan.proposed" // Digest, Data: Plan
	GateOpened   Kind = "gate.opened"   // Gate, Digest, Data: GateView
	GateApproved Kind = "gate.approved" // Gate, Digest, Who, Why: what it counts for, Data: the groups that they were in, or {"groups", "slack_answered"} by an earlier answer of Slack's
	GateDenied   Kind = "gate.denied"   // Gate, Digest, Who, Why
	GatePassed   Kind = "gate.passed"   // Gate, Digest, Why: by whom
	GateVoided   Kind = "gate.voided"   // Gate, Digest, Why: what changed, expired

	PhaseStarted Kind = "phase.started" // Phase
	PhaseSkipped Kind = "phase.skipped" // Phase, Why
	PhaseDone    Kind = "phase.done"    // Phase

	StepStarted Kind = "step.started" // Phase, Step, Host
	StepDone    Kind = "step.done"    // Phase, Step, Host, Why: evidence; Receipt, Facts
	StepSkipped Kind = "step.skipped" // Phase, Step, Host, Why: evidence; Facts
	StepFailed  Kind = "step.failed"  // Phase, Step, Host, Why; Changed
	HoldBroken  Kind = "hold.broken"  // Phase, Step, Host, Why

	// StepsReopened takes the done-mark from steps, so that they have their
	// turn again: after a drop, a changed leader, a lapsed block. What they did
	// stays on the list of effects to undo. Data: []string of step IDs; Why.
	StepsReopened Kind = "steps.reopened"

	UndoRequested Kind = "undo.requested" // Who, Why
	UndoStarted   Kind = "undo.started"   // Phase, Step, Host
	UndoDone      Kind = "undo.done"      // Phase, Step, Host, Why: evidence
	UndoFailed    Kind = "undo.failed"    // Phase, Step, Host, Why

	Note    Kind = "note"    // Phase, Step, Host, Why: what was seen; Data
	Waiting Kind = "waiting" // Phase, Step, Host, Why: what for, until when
	Found   Kind = "finding" // Phase, Step, Host, Data: a finding

	TasksDropped Kind = "tasks.dropped" // Who, Data: task ids
	SourceChosen Kind = "source.chosen" // Who, Why, Data: Source; none: the backup that was asked for

	CommitSent    Kind = "commit.sent"    // Step, Host, Digest; journaled before the commit leaves
	CommitProved  Kind = "commit.proved"  // Why: the proof
	CommitUnknown Kind = "commit.unknown" // Why: what is known and what is not
	CommitAbsent  Kind = "commit.absent"  // Why: proved that nothing was committed

	HostAsked Kind = "host.asked" // Who, Host, Why: somebody asks to go on without the host
	HostKept  Kind = "host.kept"  // Who, Host, Why: that is taken back before it was decided
	HostLeft  Kind = "host.left"  // Host, Why: what is known of it; Data: []string, what it owes

	// RunOwes ends the work of a run that hosts were left out of: it stays open
	// until they are settled. Why: how it will be closed. Data: []Debt.
	RunOwes         Kind = "run.owes"
	SettleRequested Kind = "settle.requested" // Who, Host
	HostContained   Kind = "host.contained"   // Host, Why: it came back in the middle and cannot take part
	HostSettled     Kind = "host.settled"     // Host, Why

	// What a closed run left is removed. They change nothing of how it stands.
	CleanRequested Kind = "clean.requested" // Who, Digest; Data: what lies where
	CleanApproved  Kind = "clean.approved"  // Who, Digest; Data as of GateApproved
	CleanStarted   Kind = "clean.started"   // Host
	CleanDone      Kind = "clean.done"      // Host, Why: how much it was
	CleanFailed    Kind = "clean.failed"    // Host, Why

	Refused Kind = "refused" // Who, Why: what was asked and why not
)

// An Event is one fact about one run, never edited.
type Event struct {
	Seq     int             `json:"seq"` // 1, 2, 3 … without gaps, by run
	At      time.Time       `json:"at"`  // UTC
	Run     string          `json:"run"`
	Kind    Kind            `json:"kind"`
	Phase   string          `json:"phase,omitempty"`
	Step    string          `json:"step,omitempty"`
	Host    string          `json:"host,omitempty"`
	Who     string          `json:"who,omitempty"` // "TEAM/USER" as Slack signed it
	Gate    string          `json:"gate,omitempty"`
	Digest  string          `json:"digest,omitempty"`
	Why     string          `json:"why,omitempty"` // Words and evidence, in plain text
	Changed bool            `json:"changed,omitempty"`
	Receipt json.RawMessage `json:"receipt,omitempty"`
	Facts   json.RawMessage `json:"facts,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// A Request is what a person asked for: the data of [RunRequested].
type Request struct {
	Recipe       string   `json:"recipe"`
	Cluster      string   `json:"cluster"`
	Backup       string   `json:"backup"`                 // Name, "scheduler-backup-yyyy-MM-dd-HH-mm"
	Hosts        []string `json:"hosts"`                  // As configured when it was asked
	Reinitialize string   `json:"reinitialize,omitempty"` // "auto", "always", "never"
	CatchUp      bool     `json:"catch_up,omitempty"`     // Offline: one host is loaded, the others learn from it
	Reason       string   `json:"reason,omitempty"`       // Why the state itself is wanted back
	Channel      string   `json:"channel,omitempty"`      // Where it was asked
	Policy       string   `json:"policy,omitempty"`       // Digest of the policy in force
	Version      string   `json:"version,omitempty"`      // Of this program
}

// A Source is what is restored in the place of the backup that was asked for: a
// backup that this run made of a replica's log. The data of [SourceChosen].
type Source struct {
	Name     string    `json:"name"`              // As what the scheduler stages it.
	File     string    `json:"file"`              // Among the run's files on the bot.
	SHA256   string    `json:"sha256"`            // Of its content.
	Host     string    `json:"host"`              // Whose log it was made of.
	Position uint64    `json:"position"`          // Of the last entry that is in it.
	Time     time.Time `json:"time"`              // Its inner time.
	Dropped  []string  `json:"dropped,omitempty"` // What the log has and it has not, in words.
}

// A Stop is why the engine stopped: the data of [RunStopped].
type Stop struct {
	Reason StopReason `json:"reason"`
	Step   string     `json:"step,omitempty"`
	Hosts  []string   `json:"hosts,omitempty"`
}

// A StopReason says which choices a person has.
type StopReason string

// The reasons.
const (
	StopFailed    StopReason = "failed"     // A step failed: resume or undo.
	StopNotNeeded StopReason = "not-needed" // No restore is needed: undo, or resume with a reason.
	StopHold      StopReason = "hold"       // The world changed under an open run: resume or undo.
	StopUnknown   StopReason = "unknown"    // The commit's outcome is unknown: resume looks again.
	StopExpired   StopReason = "expired"    // What was approved ran out: resume proves and asks anew.
	StopAborted   StopReason = "aborted"    // A person stopped it: resume or undo.
	StopCrash     StopReason = "crash"      // The bot itself went away in the middle.
)

// A Chain is the hash chain of one run's events, as it was found whole.
type Chain struct {
	Run    string `json:"run"`
	Events int    `json:"events"`
	Head   string `json:"head"` // Hash of the last event: it stands for all of them.
}

// A Journal keeps the events of runs. Append is durable when it returns.
type Journal interface {
	// Append gives e its Seq and keeps it. After an error nothing may be done
	// any more: what is not in the journal did not happen.
	Append(e Event) (Event, error)
	// Events returns all events of a run, oldest first.
	Events(run string) ([]Event, error)
	// Runs returns the IDs of all runs, oldest first.
	Runs() ([]string, error)
}
