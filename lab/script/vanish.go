package script

import (
	"context"
	"fmt"
	"strings"
)

// powered is a machine that can lose its power and get it back.
type powered interface {
	PowerOff()
	PowerOn() error
}

// vanish cuts the power of the host that VanishAt names when e is its event:
// KIND[@STEP]%HOST. People then go on without it, and settle it at the end.
func (p *Play) vanish(e Event) error {
	when, name, ok := strings.Cut(p.VanishAt, "%")
	if !ok || p.gone != "" || p.run == "" || e.Run != p.run {
		return nil
	}
	kind, step, _ := strings.Cut(when, "@")
	if e.Kind != kind || step != "" && step != e.Step && step != e.Phase && step != e.Gate {
		return nil
	}
	h, ok := p.Cluster.Host(name).(powered)
	if !ok {
		return fmt.Errorf("vanish %s: there is no such host, or its power cannot be cut", name)
	}
	p.Tell("the power of %s fails at event %d, %s %s", name, e.Seq, e.Kind, e.Step)
	p.gone = name
	h.PowerOff()
	return nil
}

// without is what people do where the run stops because a host is gone: they ask
// to go on without it, once.
func (p *Play) without(reason string) bool {
	if p.gone == "" || p.asked > 3 {
		return false
	}
	words := "resume " + p.run
	if p.asked == 0 {
		words += " --without " + p.gone + ` --reason "its board burnt"`
	} else if reason != "expired" && reason != "hold" {
		return false
	}
	p.asked++
	p.acts <- func(context.Context) error { return p.hand.say(Ann, p.hand.channel, words) }
	return true
}

// settle brings the host back when nothing else keeps the run open.
func (p *Play) settle() {
	p.acts <- func(context.Context) error {
		p.Tell("%s has power again", p.gone)
		if err := p.Cluster.Host(p.gone).(powered).PowerOn(); err != nil {
			return err
		}
		return p.hand.say(Bob, p.hand.channel, "settle "+p.gone)
	}
}
