package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/slack"
	"aurorabot/runner/backup"
)

// Exit statuses, as those of `aurorabot recover`.
const (
	Done    = 0
	Failed  = 1
	Stopped = 3
	Waiting = 4
	Refused = 5
)

// A Bot is the process under rehearsal.
type Bot interface {
	Freeze() error // Stops its process in the middle of whatever it does.
	Thaw() error   // Lets it go on.
	Kill() error   // Ends it as kill -9 does, and waits until it is gone.
	Start(ctx context.Context) error
}

// A Terminal of the bot's machine is where people type commands of the program, with
// an account: mostly the one that they logged in with. Type returns what was said and
// the exit status; an error means that it could not be typed.
type Terminal interface {
	Type(ctx context.Context, login, as string, words ...string) (said string, exit int, err error)
}

// A Play is one rehearsal with all people played.
type Play struct {
	Cluster  *cluster.Cluster
	Slack    *slack.Server
	Bot      Bot
	Terminal Terminal
	Journal  string // Folder of the bot's journals.

	Reason       string // Of the request. Empty: none is given.
	Reinitialize string // Of the request. Empty: not said.
	Offline      bool   // The recipe is offline.
	CatchUp      bool   // With Offline: one host is loaded, the others learn from it.
	Salvage      bool   // Bob chooses the log that reaches furthest instead of the backup.
	Cheat        string
	Honest       bool // With Cheat: the same order of acts, but the ordinary act in place of the changed one.

	KillAt   string // KIND[@STEP] or a number, or several with commas: when that event is in the journal, the bot is killed and started again.
	VanishAt string // KIND[@STEP]%HOST: when that event is in the journal, the host's power fails.

	After string // "resume" or "undo": what follows the kill.

	Keep string                           // Folder that the logs as they were before Cleanup are left in. Must be given.
	Each func(Event)                      // Gets every event of the journal.
	Tell func(format string, args ...any) // Gets what people do.

	Lost map[string]int // After Run: the tasks that Mesos killed for the restore, by job; nil where that was not looked at.

	hand    hand
	moves   map[string][]move
	run     string
	events  int
	gate    Event // The open one; its Kind is "" if none is.
	former  Event // The gate before.
	given   int   // Approvals at the open gate.
	changed bool  // Somebody dropped a task, aborted, or chose the log.
	aborted bool
	acts    chan func(context.Context) error
	seen    seen
	ending  string // What run.stopped said, if a person then chose undo.
	killed  bool
	kills   int          // How many events of KillAt came.
	gone    string       // The host whose power failed.
	asked   int          // How often people went on since.
	struck  host.Machine // The leader that a damage in the middle of the run was done to; nil before.
	resumes int          // After it.
	outcome *outcome
}

// seen is what the journal and the outside showed on the way.
type seen struct {
	closed     string // How the run was closed.
	commitSent bool
	refused    []Event
	before     string         // What was wrong with the state before Cleanup; "" if nothing.
	loss       loss           // That the commit gate showed.
	killed     map[string]int // By Mesos before the commit, by job.
	disabled   string         // What was wrong with the hosts while the commit was decided; "" if nothing.
	copied     bool           // The logs as they were before Cleanup lie in Keep.

	gated   bool     // People were asked.
	found   []string // Ids of the findings that were told.
	commits []string // What became of the commit: voided, sent, unknown, absent, proved.
	denied  []string // What people tried in vain while the commit was unknown.
}

// An outcome is how the play ends.
type outcome struct {
	exit int
	why  string
}

// Run plays until the run stands where nobody goes on, and returns the exit
// status that `recover` would have ended with. An error means that the rehearsal
// itself failed, or that what the journal says is not so.
func (p *Play) Run(ctx context.Context) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.moves = moves(p.Cheat, p.Honest)
	if p.Salvage {
		salvaging(p.moves)
	}
	p.hand = hand{space: p.Slack, cluster: cluster.Name, channel: Incidents, tell: p.Tell}
	if p.Cheat == WrongChannel && !p.Honest {
		p.hand.channel = Random
	}
	if err := p.Cluster.RememberFiles(); err != nil {
		return Failed, err
	}
	p.acts = make(chan func(context.Context) error, 16)
	acting := make(chan struct{})
	go func() {
		defer close(acting)
		for {
			select {
			case act := <-p.acts:
				if err := act(ctx); err != nil && ctx.Err() == nil {
					cancel(err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	p.acts <- func(context.Context) error { return p.request() }
	err := p.watch(ctx)
	cancel(nil)
	<-acting
	if err != nil {
		return Failed, err
	}
	if p.outcome.why != "" {
		p.Tell("%s", p.outcome.why)
	}
	settled, done := context.WithTimeout(context.WithoutCancel(ctx), 45*time.Second)
	defer done()
	if err := p.check(settled); err != nil {
		return Failed, err
	}
	return p.outcome.exit, nil
}

// request asks for the recovery.
func (p *Play) request() error {
	text := "recover " + cluster.Name + " " + p.Cluster.Truth.Backup
	if p.Reason != "" {
		text += " --reason " + `"` + strings.ReplaceAll(p.Reason, `"`, "'") + `"`
	}
	if p.CatchUp {
		text += " --catch-up"
	}
	if p.Reinitialize != "" {
		text += " --reinitialize " + p.Reinitialize
	}
	return p.hand.say(Ann, p.hand.channel, text)
}

// watch follows the journal until there is an outcome.
func (p *Play) watch(ctx context.Context) error {
	t := &tail{dir: p.Journal, at: map[string]int64{}}
	err := t.follow(ctx, func(e Event) (bool, error) {
		p.Each(e)
		if err := p.event(ctx, e); err != nil {
			return true, err
		}
		return p.outcome != nil, nil
	})
	if err != nil {
		if note := p.hand.note(Ann); note != "" {
			err = fmt.Errorf("%w; what the bot last said to ann alone: %q", err, note)
		}
		return err
	}
	if p.seen.closed != "" {
		return nil
	}
	// What comes right behind the end shows whether it was one.
	late, done := context.WithTimeout(ctx, time.Second)
	defer done()
	err = t.follow(late, func(e Event) (bool, error) {
		p.Each(e)
		p.note(e)
		return false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// end says how the play ends; the first end counts.
func (p *Play) end(exit int, format string, args ...any) {
	if p.outcome == nil {
		p.outcome = &outcome{exit, fmt.Sprintf(format, args...)}
	}
}

// note remembers what is checked at the end.
func (p *Play) note(e Event) {
	switch e.Kind {
	case "commit.sent":
		p.seen.commitSent = true
	case "refused":
		p.seen.refused = append(p.seen.refused, e)
	case "run.closed":
		p.seen.closed = e.Why
	case "gate.opened":
		p.seen.gated = true
	case "finding":
		var f struct {
			ID string `json:"finding"`
		}
		if json.Unmarshal(e.Data, &f) == nil {
			p.seen.found = append(p.seen.found, f.ID)
		}
	}
	if word, of := strings.CutPrefix(e.Kind, "commit."); of {
		p.seen.commits = append(p.seen.commits, word)
	}
	if e.Kind == "gate.voided" && e.Gate == "commit" {
		p.seen.commits = append(p.seen.commits, "voided")
	}
}

// A loss is what a gate shows of what a restore kills.
type loss struct {
	Killed  *int           `json:"killed"`
	AtLeast bool           `json:"at_least"`
	Jobs    map[string]int `json:"jobs"`
}

// foresee notes the loss that the commit gate shows, and what Mesos killed before.
func (p *Play) foresee(ctx context.Context, e Event) (err error) {
	var shown struct {
		Binds struct {
			Loss struct {
				Total loss `json:"total"`
			} `json:"loss"`
		} `json:"binds"`
	}
	if err := json.Unmarshal(e.Data, &shown); err != nil {
		return err
	}
	p.seen.loss = shown.Binds.Loss.Total
	p.seen.killed, err = p.Cluster.Killed(ctx)
	return err
}

// event is what people, and the lab, do about an event.
func (p *Play) event(ctx context.Context, e Event) error {
	p.note(e)
	p.events++
	switch e.Kind {
	case "run.requested":
		p.run = e.Run
	case "gate.opened":
		if p.gate.Kind != "" {
			p.former = p.gate
		}
		p.gate, p.given = e, 0
		if e.Gate == "commit" {
			p.seen.disabled = p.notDisabled()
			if err := p.foresee(ctx, e); err != nil {
				return err
			}
		}
	case "gate.voided":
		if e.Gate == p.gate.Gate {
			p.former, p.gate = p.gate, Event{}
		}
	case "gate.approved":
		p.given++
	case "refused":
		p.refused(e)
	case "run.stopped":
		p.stopped(e)
	case "run.closed":
		p.closed(e)
	case "run.owes":
		p.settle()
	case "phase.started":
		if e.Phase == "cleanup" {
			if err := p.copyLogs(ctx); err != nil {
				return err
			}
		}
	}
	if err := p.fault(ctx, e); err != nil {
		return err
	}
	if err := p.vanish(e); err != nil {
		return err
	}
	if p.killsAt(e) {
		return p.kill(ctx, e)
	}
	if e.Kind == "gate.opened" || e.Kind == "gate.approved" {
		p.approve()
	}
	return nil
}

// approve lets the next person act at the open gate.
func (p *Play) approve() {
	moves := p.moves[p.gate.Gate]
	if p.given >= len(moves) || p.killed && p.After == "undo" {
		return
	}
	m, gate, former := moves[p.given], p.gate, p.former
	if p.aborted && gate.Gate == "commit" {
		if p.given > 0 {
			return
		}
		m = moves[len(moves)-1] // Who approved before does not do so again.
	}
	if m.salvage && p.changed {
		m = move{user: Cat}
	}
	first := !p.changed
	p.changed = p.changed || m.drop || m.abort || m.salvage
	p.aborted = p.aborted || m.abort
	p.acts <- func(ctx context.Context) error {
		switch {
		case m.drop && first:
			return p.hand.say(m.user, p.hand.channel, "drop "+gate.Run+" "+p.Cluster.Truth.Tasks[0])
		case m.abort && first:
			if err := p.hand.say(moves[0].user, p.hand.channel, "abort "+gate.Run); err != nil {
				return err
			}
			return p.hand.say(Ann, p.hand.channel, "resume "+gate.Run)
		case m.salvage && first:
			return p.hand.use(ctx, m.user, "salvage", gate.Run+"|"+gate.Gate+"|"+gate.Digest)
		case m.undo:
			return p.hand.say(m.user, p.hand.channel, "undo "+gate.Run+" --confirm")
		case m.typed:
			return p.hand.say(m.user, p.hand.channel, "approve "+gate.Run+" --typed "+cluster.Name)
		}
		if m.login != "" {
			return p.typeAs(ctx, m, gate)
		}
		if m.leave {
			p.Tell("dan is taken out of the group leads")
			p.Slack.SetGroupMembers(Leads, Cat)
		}
		of := gate.Run + "|" + gate.Gate + "|"
		if m.forge {
			return p.hand.confirmForged(ctx, m.user, of+gate.Digest)
		}
		if m.stale {
			return p.hand.pressStale(ctx, m.user, of+gate.Digest, of+former.Digest)
		}
		return p.hand.use(ctx, m.user, "approve", of+gate.Digest)
	}
}

// typeAs has the person who logged in approve with the account of another one.
func (p *Play) typeAs(ctx context.Context, m move, gate Event) error {
	words := []string{"approve", gate.Run, "--gate", gate.Gate, "--typed", cluster.Name, "--digest", gate.Digest}
	p.Tell("%s logs in and types, with the account of %s: aurorabot %s", Name(m.login), Name(m.user), strings.Join(words, " "))
	said, exit, err := p.Terminal.Type(ctx, m.login, m.user, words...)
	if err == nil && exit != Refused {
		err = fmt.Errorf("%s approved with the account of %s: exit status %d: %s", Name(m.login), Name(m.user), exit, said)
	}
	return err
}

func (p *Play) refused(e Event) {
	switch {
	case e.Why == "not-needed":
		// The run says how it stands: closed, or waiting for a choice.
	case p.struck != nil && e.Why == "irreversible":
		// While the commit is unknown: that is what was tried for.
	case p.Cheat == Forged && e.Why == p.Cheat && len(p.seen.refused) < forgeries:
		// The next one is tried.
	case p.Cheat != "" && !p.Honest && e.Why == p.Cheat:
		p.end(Refused, "refused: %s (%s)", e.Why, who(e))
	default:
		p.end(Refused, "refused: %s (%s): %s", e.Why, who(e), e.Data)
	}
}

// who is the person of an event.
func who(e Event) string {
	_, user, _ := strings.Cut(e.Who, "/")
	return Name(user)
}

func (p *Play) stopped(e Event) {
	var stop struct {
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(e.Data, &stop) // Without a reason it is a failure.
	switch {
	case stop.Reason == "not-needed":
		p.ending = stop.Reason
		p.undo()
	case p.carryOn(stop.Reason), p.without(stop.Reason):
	case p.killed && slices.Contains([]string{"crash", "unknown", "expired"}, stop.Reason):
		p.goOn()
	default:
		p.end(Stopped, "stopped (%s): %s", stop.Reason, e.Why)
	}
}

func (p *Play) undo() {
	p.acts <- func(context.Context) error { return p.hand.say(Ann, p.hand.channel, "undo "+p.run+" --confirm") }
}

func (p *Play) closed(e Event) {
	switch {
	case e.Why == "recovered":
		p.end(Done, "")
	case p.ending == "not-needed", e.Why == "not-needed", e.Why == "refused", e.Why == "denied":
		p.end(Refused, "closed: %s", e.Why)
	case e.Why == "undone", e.Why == "nothing-done" && p.After == "undo":
		p.end(Done, "closed: undone")
	default:
		p.end(Stopped, "closed: %s", e.Why)
	}
}

// copied copies the logs, and reads the state that they hold together.
func (p *Play) copied(ctx context.Context) (*backup.Snapshot, error) {
	if err := p.Cluster.CopyLogs(p.Keep); err != nil {
		return nil, err
	}
	if p.gone != "" { // Its replica has no say any more.
		if err := os.RemoveAll(filepath.Join(p.Keep, p.gone)); err != nil {
			return nil, fmt.Errorf("logs before Cleanup: %w", err)
		}
	}
	return p.Cluster.StateOf(ctx, p.Keep)
}

// copyLogs copies the logs while the bot stands still.
func (p *Play) copyLogs(ctx context.Context) error {
	if p.seen.copied {
		return nil
	}
	if err := p.Bot.Freeze(); err != nil {
		return err
	}
	defer func() { _ = p.Bot.Thaw() }() // Only a process that is gone cannot be thawed.
	why := ""
	// Replicas still learn for a moment what the commit appended, and put files
	// in the place of others: a copy that was made in the middle is made again.
	for range 20 {
		state, err := p.copied(ctx)
		if err == nil {
			if why = p.Cluster.Difference(state); p.Salvage {
				why = p.otherTasks(state)
			}
			break
		}
		why = err.Error()
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.seen.copied, p.seen.before = true, why
	return nil
}
