package script

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aurorabot/lab/slack"
)

// killsAt tells whether the bot is to be killed at e: by its number in the
// journal, or by kind, step and host: KIND[@STEP[/…]][%HOST].
func (p *Play) killsAt(e Event) bool {
	if p.KillAt == "" || p.run == "" || e.Run != p.run {
		return false
	}
	if n, err := strconv.Atoi(p.KillAt); err == nil {
		return e.Seq == n
	}
	kind, at, _ := strings.Cut(p.KillAt, "@")
	step, host, _ := strings.Cut(at, "%")
	return e.Kind == kind && (step == "" || step == e.Step || step == e.Phase || step == e.Gate) && (host == "" || host == e.Host)
}

// kill ends the bot and starts it again. A run that was at work then says that
// it was cut short; one that waits at a gate goes on waiting.
func (p *Play) kill(ctx context.Context, e Event) error {
	p.killed = true
	p.Tell("kill -9 of the bot at event %d, %s %s %s", e.Seq, e.Kind, e.Step, e.Host)
	if err := p.Bot.Kill(); err != nil {
		return err
	}
	up, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	// Slack notices a moment later that the links are gone.
	if err := p.Slack.Wait(up, func(st slack.State) bool { return st.Links == 0 }); err != nil {
		return fmt.Errorf("the links of the killed bot: %w", err)
	}
	if err := p.Bot.Start(ctx); err != nil {
		return fmt.Errorf("start the bot again: %w", err)
	}
	if err := p.Slack.Wait(up, func(st slack.State) bool { return st.Links > 0 }); err != nil {
		return fmt.Errorf("the bot started again: %w", err)
	}
	if p.gated(e) {
		p.goOn()
	}
	return nil
}

// gated tells whether the run waits for people right after e.
func (p *Play) gated(e Event) bool {
	switch e.Kind {
	case "gate.opened":
		return true
	case "gate.approved":
		return p.given < len(p.moves[e.Gate])
	}
	return false
}

// goOn is what a person does after the crash.
func (p *Play) goOn() {
	if p.After == "undo" {
		p.undo()
		return
	}
	if p.gate.Kind != "" && p.given < len(p.moves[p.gate.Gate]) {
		p.approve()
		return
	}
	p.acts <- func(context.Context) error { return p.hand.say(Bob, p.hand.channel, "resume "+p.run) }
}
