package simulation

import (
	"context"
	"errors"
	"maps"
	"time"

	"aurorabot/handlers"
	"aurorabot/policy"
)

// people are who is in Slack, as Slack knows them now.
type people struct {
	w    *world
	all  map[string]policy.Actor
	was  map[string]policy.Actor
	said map[string]asked // The newest answer about each person.
}

// asked is an answer of the directory.
type asked struct {
	at    int // Number of events in the journal then.
	actor policy.Actor
}

func newPeople(w *world) *people {
	p := &people{w: w, all: map[string]policy.Actor{}, said: map[string]asked{}}
	for _, a := range []policy.Actor{
		{UserID: "UANN", Groups: []string{"S1"}}, {UserID: "UBOB", Groups: []string{"S1"}}, {UserID: "UCAT", Groups: []string{"S1", "S2"}},
		{UserID: "UDAN", Groups: []string{"S2"}}, {UserID: "UEVE"}, {UserID: "UGUS", Groups: []string{"S1", "S2"}, Guest: true},
		{UserID: "UBOT", Groups: []string{"S1", "S2"}, Bot: true}, {UserID: "UFOR", Groups: []string{"S1", "S2"}, Foreign: true},
		{UserID: "UOLD", Groups: []string{"S1", "S2"}, Deactivated: true},
	} {
		a.TeamID = "T1"
		if a.Foreign {
			a.TeamID = "T9"
		}
		p.all[a.UserID] = a
	}
	p.was = maps.Clone(p.all)
	return p
}

func (p *people) remove(id string) {
	a := p.all[id]
	a.Groups = nil
	p.all[id] = a
}

func (p *people) restore() { p.all = maps.Clone(p.was) }

// rules are the policy in force: one to begin and to confirm, two of different
// groups to commit.
func rules() policy.Rules {
	return policy.Rules{
		Teams: []string{"T1"}, Groups: map[string]string{"sre": "S1", "leads": "S2"},
		Access: []policy.Rule{
			{Name: "ops", Who: []string{"sre", "leads"}, Channels: []string{"C1"}, Clusters: []string{"*"}, May: []string{"operate", "approve"}},
			{Name: "all read", Who: []string{"*"}, Channels: []string{"C1"}, Clusters: []string{"*"}, May: []string{"read"}},
		},
		Gates: map[string]policy.GateRule{
			"start":  {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}}},
			"assess": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre", "leads"}}}},
			"commit": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"leads"}}}},
		},
	}
}

// directory is Slack as one process of the bot asks it.
type directory struct {
	p   *people
	bot *incarnation
}

func (d *directory) Person(ctx context.Context, _, user string, _ handlers.Purpose) (a policy.Actor, err error) {
	if err := wait(ctx, 30*time.Millisecond); err != nil {
		return a, err
	}
	w := d.p.w
	w.turns.take("slack person "+user, func() {
		if d.bot.dead {
			err = errDead
			return
		}
		w.mishap()
		known := false
		if a, known = d.p.all[user]; !known || d.bot.dead {
			err = errors.New("not known")
			return
		}
		d.p.said[a.Key()] = asked{len(w.journ.kept), a}
	})
	return a, err
}
