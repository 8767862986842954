package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"golang.org/x/sync/singleflight"

	"aurorabot/bot/web"
	"aurorabot/policy"
)

const (
	// freshFor is how old an answer may be that something is decided by:
	// enough for two people who approve in the same second.
	freshFor = 5 * time.Second

	// askWithin is the longest time to wait for Slack's answer.
	askWithin = 10 * time.Second
)

// directory knows people by asking Slack. It fails closed: whoever cannot be
// looked up now is nobody.
type directory struct {
	*app

	asking singleflight.Group
	mu     sync.Mutex
	known  map[string]answer // By "user/ID", "group/ID".
	told   int               // How often Slack said that something known is out of date.
}

type answer struct {
	at      time.Time
	user    *slack.User
	members []string
}

// Person implements handlers.Directory.
func (d *directory) Person(ctx context.Context, teamID, userID string) (policy.Actor, error) {
	a := policy.Actor{TeamID: teamID, UserID: userID, Name: userID}
	own := d.self()
	switch {
	case teamID == "" || userID == "":
		return policy.Actor{}, errors.New("slack: who asks is not named")
	case own.team == "":
		return policy.Actor{}, errors.New("slack: the bot's own workspace is not known yet")
	case teamID != own.team:
		// Refused whoever it is; Slack may not even let us look.
		a.Foreign = true
		return a, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	u, err := d.ask(ctx, "user/"+userID, func(ctx context.Context) (answer, error) {
		u, err := d.api.GetUserInfoContext(ctx, userID)
		return answer{user: u}, err
	})
	if err != nil {
		return policy.Actor{}, fmt.Errorf("slack: users.info %s: %w", userID, err)
	}
	if u.user.ID != userID {
		return policy.Actor{}, fmt.Errorf("slack: users.info %s: the answer is about %q", userID, u.user.ID)
	}
	describe(&a, u.user, own.team)
	for _, g := range d.Groups {
		m, err := d.ask(ctx, "group/"+g, func(ctx context.Context) (answer, error) {
			members, err := d.api.GetUserGroupMembersContext(ctx, g)
			return answer{members: members}, err
		})
		switch {
		case err != nil && web.Code(err) == "plan_upgrade_required":
			return policy.Actor{}, errors.New("slack: user groups need a paid plan: name people by ID in the policy instead")
		case err != nil:
			return policy.Actor{}, fmt.Errorf("slack: usergroups.users.list %s: %w", g, err)
		case slices.Contains(m.members, userID):
			a.Groups = append(a.Groups, g)
		}
	}
	return a, nil
}

func describe(a *policy.Actor, u *slack.User, own string) {
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
}

// ask returns a fresh answer; of several who ask for the same, one asks Slack,
// again until ctx ends while trying again may help.
func (d *directory) ask(ctx context.Context, key string, look func(context.Context) (answer, error)) (answer, error) {
	d.mu.Lock()
	a, ok := d.known[key]
	told := d.told
	d.mu.Unlock()
	if ok && d.Now().Sub(a.at) < freshFor {
		return a, nil
	}
	// The answer is as old as the question.
	at := d.Now()
	v, err, _ := d.asking.Do(fmt.Sprint(key, "#", told), func() (any, error) {
		var a answer
		// A limit of rate, or a moment's trouble, is no reason to refuse somebody.
		err := web.Retry(ctx, func() error {
			var err error
			a, err = look(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		a.at = at
		d.mu.Lock()
		defer d.mu.Unlock()
		if told == d.told {
			d.known[key] = a // Else it may be what Slack has just taken back.
		}
		return a, nil
	})
	if err != nil {
		return answer{}, d.secrets.Err(err)
	}
	return v.(answer), nil
}

// forget drops answers that Slack says are out of date: of these groups, of
// all people for "".
func (d *directory) forget(groups []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told++
	for _, g := range groups {
		delete(d.known, "group/"+g)
		if g == "" {
			clear(d.known)
		}
	}
}
