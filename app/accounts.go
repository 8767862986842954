package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/policy"
)

// osUser maps an account of the operating system to the person that policy names.
// Another person who logged in and became this one (su, sudo) may look, and no more.
func (a *app) osUser(ctx context.Context, who cli.Account, p handlers.Purpose) (policy.Actor, *policy.Refusal, error) {
	team, user, err := a.cfg.Policy.OSAccount(who.UID, who.Name)
	if err != nil {
		return policy.Actor{}, nil, err
	}
	if forged, err := a.entered(who, team, user, p); forged != nil || err != nil {
		return policy.Actor{TeamID: team, UserID: user}, forged, err
	}
	if p == handlers.Deciding {
		p = handlers.Vouched
	}
	actor, err := a.people.Person(ctx, team, user, p)
	if unasked(err) && p == handlers.Retreating {
		actor, err = a.people.Person(ctx, team, user, handlers.Looking) // What was known will do.
	}
	if unasked(err) && p != handlers.Vouched {
		return a.mapped(team, user, err), nil, nil
	}
	if err != nil {
		return policy.Actor{}, nil, fmt.Errorf("who %s/%s is can't be told: %w", team, user, err)
	}
	return actor, nil, nil
}

// entered reports how somebody else came to act as an account: the login is not that
// person's. Where the login can't be told, the way out stays open and no other.
func (a *app) entered(who cli.Account, team, user string, p handlers.Purpose) (*policy.Refusal, error) {
	switch {
	case p == handlers.Looking || who.Doubt != nil && p == handlers.Retreating:
		return nil, nil
	case who.Doubt != nil:
		return nil, fmt.Errorf("who logged in as %s can't be told: %w", who, who.Doubt)
	case who.Login == cli.Nobody || who.Login == who.UID:
		return nil, nil
	}
	if t, u, err := a.cfg.Policy.OSAccount(who.Login, who.LoginName); err == nil && t == team && u == user {
		return nil, nil
	}
	return &policy.Refusal{Rule: handlers.SudoAsOther, Why: fmt.Sprintf("%s logged in to this machine and acts as %s: that is another person's account", who.LoginText(), who)}, nil
}

func unasked(err error) bool {
	_, ok := unaskedBy(err)
	return ok
}

// unaskedBy says why somebody could not be looked up; false where err is nil or an
// answer about that person.
func unaskedBy(err error) (handlers.Unasked, bool) { return errors.AsType[handlers.Unasked](err) }

// mapped is a person as policy maps an account to them, while Slack can't be asked:
// enough to look, and to stop what is going on or take it back. Whether they are in a
// user group is not known, and that they may be will do.
func (a *app) mapped(team, user string, why error) policy.Actor {
	actor := policy.Actor{TeamID: team, UserID: user, Unknown: map[string]string{}, Lenient: true}
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
