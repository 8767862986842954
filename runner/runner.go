// Package runner is the centre of the bot: the nouns that a recovery is made
// of, and the engine that walks a recipe over them.
//
// A [Recipe] is a list of phases, a [Phase] a list of steps, a [Step] four
// questions put to one host: Check, Do, Verify, Undo. The [Engine] writes each
// fact to a [Journal] before it acts on it. Everything that anybody sees is a
// pure function of the journal's events: see [Fold].
//
// This package imports the standard library only. Transports, file formats and
// the runbook itself live in the folders below it.
package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// A Host is a machine to run commands on. All methods are safe for concurrent
// use and end when ctx ends.
type Host interface {
	// Name is the host's configured name: what people read, and the key of
	// everything that the journal says of the host.
	Name() string

	// Run runs cmd and waits for it to exit.
	//
	// A command that ran and exited non-zero is not an error: it is an Output
	// with Exit != 0. An error means that what the command did, if anything,
	// is unknown. Errors that are certain not to have started the command wrap
	// [ErrNotStarted].
	Run(ctx context.Context, cmd Command) (Output, error)

	// Put writes a file so that it is there whole or not at all: a temporary
	// name in the target's folder, fsync, SHA-256 compared on the host, rename.
	Put(ctx context.Context, f File) error

	// Get copies the file at path to w and returns how many bytes it copied. What
	// the login account may not read is read as user: whose it is, for whoever owns
	// a folder above can put a link in its place. Empty: then it is not read.
	Get(ctx context.Context, path, user string, w io.Writer) (int64, error)

	// Dial opens a TCP connection from the host to address ("host:port"), as
	// seen by the host.
	Dial(ctx context.Context, address string) (net.Conn, error)

	// Close ends the connection to the host. A later call opens a new one.
	Close() error
}

// A Keeper is a program on a host that keeps a session; see package kept.
type Keeper struct {
	Program string   // Where it lies. Empty: none.
	Words   []string // What it is called with.
	User    string   // Account that it runs as. Empty: the login account.
}

// A Command is an argument list and how to run it. It is never a line for a
// shell: quoting happens once, in the transport.
type Command struct {
	Argv   []string
	User   string        // Account to run as. Empty: the login account; else through `sudo -n -u`.
	Group  string        // Group to run with besides, which User need not be in. Empty: User's own.
	Gentle bool          // It lets everything else on the host go first: nice(1).
	Stdin  []byte        // Nil: an empty standard input.
	Limit  time.Duration // Longest time to wait. Zero: 1 minute.
	Output int           // Most bytes kept of each of stdout and stderr. Zero: 1 MiB.

	// Through is what keeps a session on the host for commands like this one: one
	// that only looks, and may be run twice. Zero: it has a session of its own.
	Through Keeper

	// Job names a run directory on the host (letters, digits, '.', '-').
	// Non-empty: the command runs detached from the connection in a session of
	// its own and leaves its verdict (rc, stdout, stderr) there. A Run with the
	// same Job again does not start it again: it reads the verdict, or waits
	// for it. For whatever must not run twice because a connection broke.
	// Without Argv it is only looked for, and never started.
	//
	// When ctx ends the job goes on, for the bot may only be stopping; it is
	// killed if the cause is [ErrAborted], and at its Limit.
	Job string
}

// Output is what a command that ran left behind.
type Output struct {
	Stdout, Stderr []byte
	Exit           int           // Exit status, 0–255. 128+n if signal n ended the command.
	Cut            bool          // Stdout or Stderr was longer than Command.Output.
	Took           time.Duration // On the bot's clock.
}

// A File is what [Host.Put] writes.
type File struct {
	Path    string
	Content []byte
	Source  func() (io.ReadCloser, error) // Instead of Content, for what does not belong into memory.
	Mode    uint32                        // Permission bits, for example 0o600.
	User    string                        // Owner, and whom to write as. Empty: the login account.
	Group   string                        // Empty: the owner's.
	SHA256  string                        // Hex. What the file must hash to; empty: computed from Content or Source.

	// Program says that it is to be run, with Mode: its content arrives in another
	// file, so that nobody who may write that one can have the program itself open.
	Program bool
}

// ErrNotStarted is wrapped by errors of [Host] that are certain not to have
// changed anything: the command never started.
var ErrNotStarted = errors.New("not started")

// ErrOver is wrapped by errors about a [Command.Job] of which nothing is at work
// any more, though what it did is not known.
var ErrOver = errors.New("at work no more")

// ErrAborted is the cause with which a context ends when a person stops a run.
var ErrAborted = errors.New("aborted")

// An Answer is yes or no, with the evidence for it: it goes to the journal and
// to the thread.
type Answer struct {
	Yes      bool   `json:"yes"`
	Evidence string `json:"evidence,omitempty"` // One or several lines, without secrets.
	Facts    any    `json:"facts,omitempty"`    // What later steps need of it; kept in the journal as JSON.
}

// Yes and No make an [Answer] with its evidence.
func Yes(format string, args ...any) Answer { return Answer{true, fmt.Sprintf(format, args...), nil} }

// No is the other one; see [Yes].
func No(format string, args ...any) Answer { return Answer{false, fmt.Sprintf(format, args...), nil} }

// With returns a with facts for later steps.
func (a Answer) With(facts any) Answer { a.Facts = facts; return a }

// A Receipt is what a Do leaves for its Undo and for later steps: JSON.
type Receipt = json.RawMessage

// Bot is the name of the pseudo host for steps that look at the cluster as a
// whole from where the bot runs. [Task.Host] is nil there.
const Bot = "bot"

// A Task is one step on one host, as the engine hands it to the step's functions.
type Task struct {
	Host  Host   // Nil if On is [Bot].
	On    string // Host.Name(), or [Bot].
	Step  string // ID of the step.
	State *State // Folded from the journal up to now; read-only.

	// Left is what Do left, in the Verify right after it: State does not have it
	// yet. Nil in every other call.
	Left Receipt

	// Say journals something about this task before Say returns: a note, a
	// finding, what is waited for. An error means that the journal is down:
	// the step must stop without doing anything more.
	Say func(Event) error
}

// A Step is one line of the runbook. Its functions take one host and never
// loop over hosts: the engine owns order, fan-out, limits and the journal.
//
// A Check or Verify that cannot tell returns an error, never "no".
type Step struct {
	ID     string // "phase/step", for example "prepare/stop-schedulers".
	Title  string // The runbook's line, as an order: "Stop all scheduler instances".
	Source string // Where in the runbook, for example "Preparation ¶1".

	On func(*State) []string // Hosts, or [Bot]. Called when the step's turn comes.

	// Needed says whether the step has its turn in this run at all; the words
	// say why not. Nil: always.
	Needed func(*State) (bool, string)

	Check  func(context.Context, *Task) (Answer, error) // May it be done? For a read-only step: the look itself.
	Do     func(context.Context, *Task) (any, error)    // Nil for read-only steps. The value becomes the Receipt.
	Verify func(context.Context, *Task) (Answer, error) // Is it done? Asked before Do as well as after.
	Undo   func(context.Context, *Task, Receipt) (Answer, error)

	// Shows lists the commands and file changes that Do will make, for the
	// plan, from what the journal knows. It asks no host. Nil for read-only steps.
	Shows func(*Task) []string

	OneWay string // The sentence shown to approvers when there is no Undo.
	Keeps  string // Why Cleanup leaves this effect in place, though Undo takes it back. Empty: Cleanup undoes it.
	Last   bool   // In Cleanup and undo: after all others (opening traffic).
	Tool   bool   // The effect is a tool of ours only: it goes when a run ends before anything else was done.

	// Holds asks whether the effect is still true. Asked on resume, before
	// each phase and right before a step that is Dangerous, from when the step
	// is done until it is undone or a step of Until is begun.
	Holds func(context.Context, *Task) (Answer, error)
	Until []string
	Voids []string // Steps that have their turn again after a resume, when Holds was broken: what rested on it.

	Dangerous bool          // The engine asks all Holds right before it.
	Once      bool          // Do journals CommitSent before its effect, and is not called again after that: see [Engine].
	Limit     time.Duration // Longest time for the step on one host. Zero: 5 minutes.
}

// ReadOnly reports whether the step only looks.
func (s *Step) ReadOnly() bool { return s.Do == nil }

// A Phase is a section of the runbook.
type Phase struct {
	ID     string // One word of the contract: "prepare", "assess", "reinitialize", "restore", "cleanup".
	Title  string
	Source string
	Steps  []Step

	// Undoes names the phase whose effects this one takes back: after its own
	// Steps, the Undo of what that phase did in this run, newest first, those
	// marked Last at the end.
	Undoes string

	// Needed says whether the phase has its turn in this run; see [Step].
	Needed func(*State) (bool, string)
}

// A Gate is a place where people decide. It stands before a step.
type Gate struct {
	ID     string // "start", "assess", "commit".
	Before string // ID of the step that it guards.
	Title  string // What is decided, as a question.

	// Binds returns what the digest covers besides the plan: at the commit
	// gate the fence, the staged tasks, the numbers shown as loss.
	Binds func(*State) any

	// Needed says whether people must decide here in this run; see [Step].
	Needed func(*State) (bool, string)

	// Expires returns when approvals end for reasons outside policy (the
	// disabled state running out). Zero time: policy alone.
	Expires func(*State) time.Time

	// Renew are the steps that have their turn again after a resume when Expires
	// has passed: nothing that is approved now could be used before.
	Renew func(*State) []string
}

// A Recipe is a whole procedure: the table of contents of a runbook.
type Recipe struct {
	ID      string // "staged", "offline".
	Version int    // Part of the digest. Raised when the meaning of a step changes.
	Title   string
	Phases  []Phase
	Gates   []Gate
	Hosts   map[string]Host // By name, every host of the cluster.

	// Drop are the steps that have their turn again when tasks are dropped from
	// what is staged. Empty: this recipe cannot drop tasks.
	Drop []string

	// Salvage is restoring what a replica's log still holds instead of the backup.
	// Nil: this recipe has no such choice.
	Salvage *Choice

	// UndoWarning says what undo brings back that people should know of first
	// (a damaged log on the real master). Nil or "": nothing.
	UndoWarning func(*State) string

	// UndoStarts reports whether undo would start schedulers: then people may have
	// to consent, if policy says so. Nil: it never does.
	UndoStarts func(*State) bool

	// Without is walked when somebody asked to go on without a host, with the
	// hosts asked for as State.Asked: steps that only look, one of them behind a
	// gate [GateWithout]. Empty: this recipe goes on with all its hosts only.
	Without Phase

	// Settle is what is done on a host that was left out and is back, with it as
	// State.Settling. Steps that must wait for the end of the run's work say so
	// in Needed. Its effects are not undone.
	Settle Phase

	// Gone asks whether a host that was left out still is gone, or kept from
	// taking part. Asked with the Holds.
	Gone func(context.Context, *Task) (Answer, error)

	// Owes says in words what a host owes that was left out. Nil or none: nothing.
	Owes func(s *State, host string) []string

	// Rests are the steps that have their turn again when the host is left out,
	// because what they found rests on it.
	Rests func(s *State, host string) []string

	// Covers returns what the digest covers besides the steps: cluster, hosts,
	// policy, backup hash. Canonical JSON is made of it.
	Covers func(*State) any
}

// A Choice is another source than the backup, which people may choose at a gate.
type Choice struct {
	Gate   string                       // Where it is chosen.
	Steps  []string                     // Those that have their turn again: what they found rests on the source.
	Offers func(*State) (Source, error) // What is offered, or why nothing is.
}

// Step returns the step with the given ID, its phase, or nil.
func (r *Recipe) Step(id string) (*Step, *Phase) {
	for _, p := range r.all() {
		for s := range p.Steps {
			if p.Steps[s].ID == id {
				return &p.Steps[s], p
			}
		}
	}
	return nil, nil
}

// all are the phases of the runbook and those beside it.
func (r *Recipe) all() []*Phase {
	var list []*Phase
	for p := range r.Phases {
		list = append(list, &r.Phases[p])
	}
	return append(list, &r.Without, &r.Settle)
}

// afterCommit are those of steps that may have their turn again once a commit
// was sent: those behind the step that sent it, and those whose effect must hold.
// Nothing else is done anew until it is known what became of the commit.
func (r *Recipe) afterCommit(steps []string) []string {
	var kept []string
	sent := false
	for p := range r.Phases {
		for i := range r.Phases[p].Steps {
			st := &r.Phases[p].Steps[i]
			if slices.Contains(steps, st.ID) && (sent || st.Holds != nil && !st.Once) {
				kept = append(kept, st.ID)
			}
			sent = sent || st.Once
		}
	}
	return kept
}

// Validate checks the rules that every recipe keeps: unique IDs, On and Title
// present, read-only steps without Undo or OneWay, all others with exactly one
// of the two, gates before steps that exist.
func (r *Recipe) Validate() error {
	seen := map[string]bool{}
	for _, p := range r.all() {
		for i := range p.Steps {
			s := &p.Steps[i]
			switch {
			case s.ID == "" || seen[s.ID]:
				return fmt.Errorf("recipe %s: step ID %q is empty or there twice", r.ID, s.ID)
			case s.Title == "" || s.Source == "" || s.On == nil:
				return fmt.Errorf("recipe %s: step %s lacks Title, Source or On", r.ID, s.ID)
			case s.ReadOnly() && (s.Check == nil || s.Undo != nil || s.OneWay != ""):
				return fmt.Errorf("recipe %s: read-only step %s needs Check, and neither Undo nor OneWay", r.ID, s.ID)
			case !s.ReadOnly() && (s.Undo == nil) == (s.OneWay == ""):
				return fmt.Errorf("recipe %s: step %s needs exactly one of Undo and OneWay", r.ID, s.ID)
			case p.ID == PhaseWithout && !s.ReadOnly():
				return fmt.Errorf("recipe %s: step %s changes something before it is decided to go on without a host", r.ID, s.ID)
			case !s.ReadOnly() && s.Verify == nil && !s.Once:
				return fmt.Errorf("recipe %s: step %s needs Verify", r.ID, s.ID)
			}
			seen[s.ID] = true
		}
	}
	for _, g := range r.Gates {
		if !seen[g.Before] {
			return fmt.Errorf("recipe %s: gate %s stands before unknown step %q", r.ID, g.ID, g.Before)
		}
	}
	return nil
}

// An Ending is returned by a Check, or by a Verify before Do, that ends the run
// in an orderly way, or stops it for another reason than a failure.
type Ending struct {
	Reason StopReason
	Why    string
	Close  bool     // Nothing but tools was done yet: the run is closed with the reason as outcome.
	Reopen []string // Steps that have their turn again after a resume; approvals of their gates are void.
}

func (e *Ending) Error() string { return e.Why }

// A StepError is a step that could not be done on a host.
type StepError struct {
	Step, Host string
	Err        error
	Changed    bool // Something may have been changed: Do was called.
}

func (e *StepError) Error() string { return fmt.Sprintf("%s on %s: %v", e.Step, e.Host, e.Err) }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }
