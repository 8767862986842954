package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/slack-go/slack"

	"aurorabot/bot/web"
	"aurorabot/handlers"
	"aurorabot/policy"
)

// directory knows people by asking Slack. It fails closed: whoever cannot be
// looked up now decides nothing, and who was never looked up is nobody.
type directory struct {
	*app

	mu    sync.Mutex
	known map[string]*known // By "user/ID", "group/ID".
}

// Person implements handlers.Directory.
func (d *directory) Person(ctx context.Context, teamID, userID string, p handlers.Purpose) (policy.Actor, error) {
	own := d.self()
	switch {
	case teamID == "" || userID == "":
		return policy.Actor{}, errors.New("slack: who asks is not named")
	case own.team == "":
		return policy.Actor{}, handlers.Unasked{Why: "Slack has not let the bot in yet", Away: d.unheard.Load()}
	case teamID != own.team:
		// Refused whoever it is; Slack may not even let us look.
		return policy.Actor{TeamID: teamID, UserID: userID, Name: userID, Foreign: true}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	asking := d.Now()
	// All at once: one that hangs takes no time from the others.
	groups := make([]answer, len(d.Groups))
	errs := make([]error, len(d.Groups))
	var asked sync.WaitGroup
	for i, g := range d.Groups {
		asked.Go(func() { groups[i], errs[i] = d.group(ctx, g, p) })
	}
	a, err := d.user(ctx, userID, p)
	asked.Wait()
	if err != nil {
		u, unasked := errors.AsType[handlers.Unasked](err)
		if unasked && u.Away && slices.ContainsFunc(groups, func(a answer) bool { return a.at.After(asking) }) {
			err = handlers.Unasked{Why: err.Error(), Barred: u.Barred} // Slack is there: another question was answered.
		}
		return policy.Actor{}, err
	}
	for i, g := range d.Groups {
		switch why := errors.Join(errs[i], groups[i].never); {
		case why != nil:
			if a.Unknown == nil {
				a.Unknown = map[string]string{}
			}
			a.Unknown[g] = why.Error()
		case slices.Contains(groups[i].members, userID):
			a.Groups = append(a.Groups, g)
		}
	}
	return a, nil
}

// user is what Slack says of a person's account.
func (d *directory) user(ctx context.Context, id string, p handlers.Purpose) (policy.Actor, error) {
	own := d.self().team
	a, err := d.ask(ctx, "user/"+id, p, func(ctx context.Context) (answer, error) {
		u, err := d.api.GetUserInfoContext(ctx, id)
		switch {
		case err != nil:
			return answer{}, err
		case u.ID != id:
			return answer{}, fmt.Errorf("the answer is about %q", u.ID)
		}
		return answer{who: describe(u, own)}, nil
	})
	return a.who, err
}

// group is who is in a user group. Slack's refusal to say so is an answer, too: it
// is the same a moment later.
func (d *directory) group(ctx context.Context, id string, p handlers.Purpose) (answer, error) {
	return d.ask(ctx, "group/"+id, p, func(ctx context.Context) (answer, error) {
		members, err := d.api.GetUserGroupMembersContext(ctx, id)
		if err != nil && !passes(err) {
			return answer{never: d.secrets.Err(errors.New(never(err)))}, nil
		}
		return answer{members: members}, err
	})
}

func describe(u *slack.User, own string) policy.Actor {
	a := policy.Actor{TeamID: own, UserID: u.ID, Name: u.ID}
	for _, name := range []string{u.Profile.DisplayName, u.RealName, u.Name} {
		if name != "" {
			a.Name = name
			break
		}
	}
	a.Bot = u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == "USLACKBOT"
	a.Guest = u.IsRestricted || u.IsUltraRestricted
	a.Foreign = u.IsStranger || u.TeamID != "" && u.TeamID != own && !slices.Contains(u.Enterprise.Teams, own)
	a.Deactivated = u.Deleted
	return a
}

// passes tells an error that may be gone at the next try. That the bot is not let
// in may be a mistake of Slack's, and is mended without a restart.
func passes(err error) bool {
	v := web.Judge(err)
	return v == web.Again || v == web.Later || v == web.Fatal
}

// never says why Slack does not answer whenever it is asked, and what to do.
func never(err error) string {
	switch code := web.Code(err); code {
	case "plan_upgrade_required":
		return "user groups need a paid plan: name people by ID in the policy instead"
	case "missing_scope":
		return "Slack wants a scope of the manifest that the app lacks (missing_scope): reinstall it, Install App and then Reinstall"
	case "no_such_subteam", "subteam_not_found", "subteam_disabled":
		return "Slack has no such group, or it is disabled (" + code + "): correct policy.groups, or enable it"
	case "user_not_found":
		return "Slack knows no such person (user_not_found)"
	case "":
		return "Slack refuses to say: " + err.Error()
	default:
		return "Slack refuses to say (" + code + ")"
	}
}

// forget drops answers that Slack says are out of date, by ID of a group or a
// person; of everybody and everything for "". What is on its way is not kept either.
func (d *directory) forget(ids []string) {
	if d.Changed != nil {
		d.Changed(ids)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		delete(d.known, "user/"+id)
		delete(d.known, "group/"+id)
		if id == "" {
			clear(d.known)
		}
	}
}
