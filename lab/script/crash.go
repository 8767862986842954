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
// journal, or by kind, step and host: KIND[@STEP[/…]][%HOST]. Of several, with
// commas between them, the next one counts.
func (p *Play) killsAt(e Event) bool {
	if p.KillAt == "" || p.run == "" || e.Run != p.run {
		return false
	}
	points := strings.Split(p.KillAt, ",")
	if p.kills >= len(points) || !killedBy(points[p.kills], e) {
		return false
	}
	p.kills++
	return true
}

func killedBy(point string, e Event) bool {
	if n, err := strconv.Atoi(point); err == nil {
		return e.Seq == n
	}
	kind, at, _ := strings.Cut(point, "@")
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
	stands, err := p.waits(e)
	if err != nil {
		return err
	}
	if stands {
		p.goOn()
	}
	return nil
}

// waits tells whether people must say how it goes on: where the run stands at a
// gate nothing in the journal tells them to. Whether it does stands in the
// journal alone: the bot may have got further than e before it died.
func (p *Play) waits(e Event) (bool, error) {
	all := &tail{dir: p.Journal, at: map[string]int64{}}
	events, err := all.next()
	gated := false
	for _, later := range events {
		switch {
		case later.Run != e.Run:
		case later.Kind == "gate.opened":
			gated = true
		case later.Kind == "gate.passed", later.Kind == "gate.voided", later.Kind == "run.stopped":
			gated = false
		}
	}
	switch {
	case err != nil || !gated:
		return false, err
	case p.After == "undo":
		return true, nil
	}
	// A gate that is still to come here is approved when it comes.
	return e.Kind == "gate.opened" || e.Kind == "gate.approved", nil
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
