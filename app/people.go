package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/policy"
)

// people asks Slack where it is connected. Without Slack there are only the
// lists of the policy: nobody is in a user group then.
type people struct {
	mu    sync.Mutex
	slack handlers.Directory
}

func (p *people) use(d handlers.Directory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slack = d
}

// Person implements handlers.Directory.
func (p *people) Person(ctx context.Context, team, user string, purpose handlers.Purpose) (policy.Actor, error) {
	p.mu.Lock()
	d := p.slack
	p.mu.Unlock()
	if d == nil {
		return policy.Actor{TeamID: team, UserID: user}, nil
	}
	return d.Person(ctx, team, user, purpose)
}

// osUser maps an account of the operating system to the person that policy names.
func (a *app) osUser(ctx context.Context, who cli.Account, p handlers.Purpose) (policy.Actor, error) {
	team, user, err := a.cfg.Policy.OSAccount(who.UID, who.Name)
	if err != nil {
		return policy.Actor{}, err
	}
	actor, err := a.people.Person(ctx, team, user, p)
	if unasked(err) && p == handlers.Retreating {
		actor, err = a.people.Person(ctx, team, user, handlers.Looking) // What was known will do.
	}
	if unasked(err) && p != handlers.Deciding {
		return a.mapped(team, user, err), nil
	}
	if err != nil {
		return policy.Actor{}, fmt.Errorf("who %s/%s is can't be told: %w", team, user, err)
	}
	return actor, nil
}

func unasked(err error) bool {
	_, ok := errors.AsType[handlers.Unasked](err)
	return ok
}

// mapped is a person as policy maps an account to them, while Slack can't be asked:
// enough to look, and to stop what is going on or take it back. Whether they are in a
// user group is not known.
func (a *app) mapped(team, user string, why error) policy.Actor {
	actor := policy.Actor{TeamID: team, UserID: user, Unknown: map[string]string{}}
	for _, g := range a.groupIDs() {
		actor.Unknown[g] = why.Error()
	}
	return actor
}

// groupIDs are the user groups that policy names.
func (a *app) groupIDs() []string {
	var ids []string
	for _, id := range a.cfg.Policy.Groups {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
