package script

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/slack"
)

// fault does the damage that happens in the middle of a run, once: while the
// bot waits for people at the commit gate, so that it is surely in between.
func (p *Play) fault(ctx context.Context, e Event) error {
	kind := p.Cluster.Damage().Kind
	if e.Kind == "gate.passed" && e.Gate == "start" {
		// Who wants the restore all the same has mended the cause, too.
		if err := p.Cluster.Mend(); err != nil {
			return fmt.Errorf("mend the cause: %w", err)
		}
	}
	// Between approval and commit: the first of two people has approved.
	now := e.Kind == "gate.opened" && e.Gate == "commit"
	if kind == cluster.SwappedStaging {
		now = e.Kind == "gate.approved" && e.Gate == "commit"
	}
	if p.struck != nil || !now || !cluster.InRun(kind) {
		return nil
	}
	leader := p.Cluster.Disabled()
	if leader == nil {
		return errors.New("no disabled leader at the commit gate")
	}
	p.struck = leader
	p.Tell("damage %s strikes %s", kind, leader.Name())
	if err := p.strike(ctx, kind, leader); err != nil {
		return fmt.Errorf("damage %s: %w", kind, err)
	}
	return nil
}

func (p *Play) strike(ctx context.Context, kind string, leader host.Machine) error {
	switch kind {
	case cluster.LeaderChange:
		ok, err := p.Cluster.LoseSessions(ctx, leader)
		if err == nil && !ok {
			_, err = p.Cluster.Systemctl(leader, "kill", "-s", "KILL", host.Unit)
		}
		if err != nil {
			return err
		}
		_, err = p.Cluster.WaitDisabled(ctx, leader)
		return err
	case cluster.WriteTimeout:
		return p.alone(leader, "yes")
	case cluster.LostReply:
		return p.Cluster.Knob(leader, "COMMIT_FAULT", "drop-reply")
	case cluster.ProofLineBefore:
		return p.Cluster.Knob(leader, "COMMIT_FAULT", "crash-unheard")
	case cluster.CommitNonLeader:
		if _, err := p.Cluster.Systemctl(leader, "restart", host.Unit); err != nil {
			return err
		}
		if _, err := p.Cluster.WaitDisabled(ctx, leader); err != nil {
			return err
		}
		return p.again(ctx, func() error {
			return p.Cluster.Operator(leader, "scheduler_stage_recovery", p.Cluster.Truth.Backup)
		})
	case cluster.SwappedStaging:
		return p.swap(leader)
	}
	return nil
}

// alone cuts the log replicas of all but one host off from everybody.
func (p *Play) alone(but host.Machine, value string) error {
	for _, h := range p.Cluster.Hosts {
		if h == but {
			continue
		}
		if err := p.Cluster.Knob(h, "LOG_ALONE", value); err != nil {
			return err
		}
	}
	return nil
}

// swap unloads what is staged and stages another backup, as many tasks of the
// same jobs.
func (p *Play) swap(leader host.Machine) error {
	const name = "scheduler-backup-2026-11-22-07-00"
	from := p.Cluster.Host(p.Cluster.Truth.BackupHost)
	data, err := os.ReadFile(filepath.Join(p.Cluster.BackupDir(from), p.Cluster.Truth.Backup))
	if err != nil {
		return err
	}
	if data, err = another(data, p.Cluster.Truth.Tasks[0]); err != nil {
		return err
	}
	if err := p.Cluster.PutBackup(leader, name, data); err != nil {
		return err
	}
	if err := p.Cluster.Operator(leader, "scheduler_unload_recovery"); err != nil {
		return err
	}
	return p.Cluster.Operator(leader, "scheduler_stage_recovery", name)
}

// again tries for as long as a scheduler may take to answer after its start.
func (p *Play) again(ctx context.Context, do func() error) error {
	end := time.Now().Add(20 * time.Second)
	for {
		err := do()
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// An attempt is what somebody tries while the commit is unknown, and what the
// bot must answer.
type attempt struct{ words, answer string }

func (p *Play) attempts() []attempt {
	return []attempt{
		{"recover " + cluster.Name + " " + p.Cluster.Truth.Backup + " --reason again", "has an open run"},
		{"undo " + p.run + " --confirm", "a commit was sent"},
	}
}

// carryOn is what people do where a damage stopped the run: they look, mend and
// resume. It reports whether the stop was one that the damage explains.
func (p *Play) carryOn(reason string) bool {
	kind := p.Cluster.Damage().Kind
	if p.struck == nil || p.resumes >= maxResumes {
		return false
	}
	switch {
	case reason == "unknown" && kind == cluster.WriteTimeout && p.resumes == 0:
		p.acts <- p.tryAgain
	case reason == "unknown" && kind == cluster.ProofLineBefore:
	case reason == "expired" || reason == "hold":
	default:
		return false
	}
	p.resumes++
	p.acts <- func(context.Context) error { return p.hand.say(Bob, p.hand.channel, "resume "+p.run) }
	return true
}

// maxResumes bounds how often people go on.
const maxResumes = 4

// tryAgain: while the commit is unknown nobody gets a second one through. Then
// the quorum comes back: first the replica of the next leader, so that it finds
// what the former one had written.
func (p *Play) tryAgain(ctx context.Context) error {
	for _, a := range p.attempts() {
		if err := p.hand.say(Ann, p.hand.channel, a.words); err != nil {
			return err
		}
		heard, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := p.Slack.Wait(heard, func(slack.State) bool { return strings.Contains(p.hand.note(Ann), a.answer) })
		cancel()
		if err != nil {
			return fmt.Errorf("ann types %q while the commit is unknown: she hears %q, want %q", a.words, p.hand.note(Ann), a.answer)
		}
		p.seen.denied = append(p.seen.denied, a.words)
	}
	next, err := p.Cluster.WaitDisabled(ctx, p.struck)
	if err != nil {
		return err
	}
	p.Tell("the quorum comes back: first %s, which is elected", next.Name())
	if err := p.Cluster.Knob(next, "LOG_ALONE", ""); err != nil {
		return err
	}
	if err := p.Cluster.WaitReady(ctx, next); err != nil {
		return err
	}
	return p.alone(p.struck, "")
}
