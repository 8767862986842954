package slack

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Team is a workspace.
type Team struct{ ID, Domain, Name string }

// A User is a person or a bot, of this team or (Slack Connect) of another.
type User struct {
	ID       string
	TeamID   string // Empty means this workspace.
	Name     string // Handle, as in @name.
	RealName string // Empty means Name.
	Email    string
	TZ       string // Empty means Etc/UTC.

	IsBot             bool
	IsAdmin           bool
	IsOwner           bool
	IsRestricted      bool // A guest in several channels.
	IsUltraRestricted bool // A guest in one channel.
	Deleted           bool
}

// A UserGroup is what one mentions as @handle.
type UserGroup struct {
	ID, Handle, Name string
	Members          []string // User ids.
}

// A Channel is a public or private channel, or a direct message.
type Channel struct {
	ID, Name  string
	Topic     string
	IsPrivate bool
	Archived  bool
	Shared    bool     // Shared with another workspace.
	Members   []string // User ids. Empty means everybody of this workspace.
	NoBot     bool     // The bot was not invited.
	With      string   // For a direct message with the bot: the person. Set by the server.
}

// A Shortcut is an entry of Slack's menus that the app added.
type Shortcut struct {
	Name, CallbackID string
	Global           bool // In the global menu; else in the menu of each message.
}

// space is the state of the workspace. Server.mu guards it.
type space struct {
	version  int // Grows with every change.
	lastTS   int64
	serial   int
	users    []*User
	groups   []*UserGroup
	channels []*Channel
	messages map[string][]*Message // By channel, oldest first; ephemeral ones too.
	views    map[string][]*View    // Open modals by user, the topmost last.
	homes    map[string]*View      // Published App Homes by user.
	files    map[string]*File
	triggers map[string]*trigger
	replies  map[string]*responseURL // By path.
	marks    []Bookmark
}

func newSpace(opt Options) (space, error) {
	sp := space{
		messages: map[string][]*Message{}, views: map[string][]*View{}, homes: map[string]*View{},
		files: map[string]*File{}, triggers: map[string]*trigger{}, replies: map[string]*responseURL{},
	}
	ids := map[string]bool{}
	claim := func(kind, id string) error {
		if id == "" || ids[id] {
			return fmt.Errorf("slack sandbox: %s id %q: empty or used twice", kind, id)
		}
		ids[id] = true
		return nil
	}
	for _, u := range opt.Users {
		if err := claim("user", u.ID); err != nil {
			return sp, err
		}
		if u.TeamID == "" {
			u.TeamID = opt.Team.ID
		}
		sp.users = append(sp.users, &u)
	}
	if !ids[BotUser] {
		sp.users = append(sp.users, &User{ID: BotUser, TeamID: opt.Team.ID, Name: strings.TrimPrefix(opt.Command, "/"), IsBot: true})
	}
	for _, g := range opt.Groups {
		if err := claim("user group", g.ID); err != nil {
			return sp, err
		}
		g.Members = slices.Clone(g.Members)
		sp.groups = append(sp.groups, &g)
	}
	for _, c := range opt.Channels {
		if err := claim("channel", c.ID); err != nil {
			return sp, err
		}
		if len(c.Members) == 0 {
			for _, u := range sp.users {
				if u.TeamID == opt.Team.ID && !u.Deleted {
					c.Members = append(c.Members, u.ID)
				}
			}
		}
		c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(id string) bool { return id == BotUser })
		if !c.NoBot {
			c.Members = append(c.Members, BotUser)
		}
		sp.channels = append(sp.channels, &c)
	}
	return sp, nil
}

func (sp *space) user(id string) *User {
	for _, u := range sp.users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

func (sp *space) group(id string) *UserGroup {
	for _, g := range sp.groups {
		if g.ID == id {
			return g
		}
	}
	return nil
}

// channel finds a channel by id, or by "#name".
func (sp *space) channel(id string) *Channel {
	for _, c := range sp.channels {
		if c.ID == id || (strings.HasPrefix(id, "#") && c.Name == id[1:]) {
			return c
		}
	}
	return nil
}

// direct gives the bot's conversation with a person, opened at first use.
func (sp *space) direct(user string) *Channel {
	for _, c := range sp.channels {
		if c.With == user {
			return c
		}
	}
	c := &Channel{ID: fmt.Sprintf("D0DM%06d", len(sp.channels)+1), With: user, IsPrivate: true, Members: []string{user, BotUser}}
	sp.channels = append(sp.channels, c)
	return c
}

func (c *Channel) has(user string) bool { return slices.Contains(c.Members, user) }

// stamp gives the next message id: the time in seconds, a point and six
// digits, later than every one before.
func (sp *space) stamp(now time.Time) string {
	sp.lastTS = max(now.UnixMicro(), sp.lastTS+1)
	return fmt.Sprintf("%d.%06d", sp.lastTS/1e6, sp.lastTS%1e6)
}

// id gives the next id with a prefix, of eleven characters as Slack's are.
func (sp *space) id(prefix string) string {
	sp.serial++
	return fmt.Sprintf("%s%0*X", prefix, 11-len(prefix), 0xA0000+sp.serial)
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func uuid() string {
	h := randomHex(16)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("slack sandbox: JSON of %T: %v", v, err)) // Only our own values come here.
	}
	return b
}
