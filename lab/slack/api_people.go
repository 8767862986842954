package slack

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) apiTest(a args) (reply, error) {
	if e := a.str("error"); e != "" {
		return reply{"args": a.plain()}, refuse(e)
	}
	return reply{"args": a.plain()}, nil
}

func (s *Server) authTest(args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return reply{"url": s.URL(), "team": s.opt.Team.Name, "user": s.user(BotUser).Name, "team_id": s.opt.Team.ID,
		"user_id": BotUser, "bot_id": BotID, "is_enterprise_install": false}, nil
}

func (s *Server) teamInfo(args) (reply, error) {
	t := s.opt.Team
	return reply{"team": map[string]any{"id": t.ID, "name": t.Name, "domain": t.Domain}}, nil
}

// page cuts one page out of a list by the arguments limit and cursor.
func page[T any](list []T, a args, otherwise int) ([]T, map[string]any, error) {
	start := 0
	if c := a.str("cursor"); c != "" {
		b, err := base64.StdEncoding.DecodeString(c)
		n, err2 := strconv.Atoi(strings.TrimPrefix(string(b), "next:"))
		if err != nil || err2 != nil || n < 0 || n > len(list) {
			return nil, nil, refuse("invalid_cursor")
		}
		start = n
	}
	limit := a.number("limit", otherwise)
	if limit <= 0 {
		limit = otherwise
	}
	end := min(start+limit, len(list))
	next := ""
	if end < len(list) {
		next = base64.StdEncoding.EncodeToString([]byte("next:" + strconv.Itoa(end)))
	}
	return list[start:end], map[string]any{"next_cursor": next}, nil
}

func (s *Server) wireUser(u *User) map[string]any {
	real := u.RealName
	if real == "" {
		real = u.Name
	}
	tz := u.TZ
	if tz == "" {
		tz = "Etc/UTC"
	}
	profile := map[string]any{"real_name": real, "display_name": u.Name, "team": u.TeamID}
	if u.Email != "" {
		profile["email"] = u.Email
	}
	if u.ID == BotUser {
		profile["bot_id"], profile["api_app_id"] = BotID, AppID
	}
	w := map[string]any{"id": u.ID, "team_id": u.TeamID, "name": u.Name, "real_name": real, "deleted": u.Deleted,
		"tz": tz, "profile": profile, "is_bot": u.IsBot, "is_app_user": false, "is_admin": u.IsAdmin, "is_owner": u.IsOwner,
		"is_primary_owner": false, "is_restricted": u.IsRestricted, "is_ultra_restricted": u.IsUltraRestricted}
	if u.TeamID != s.opt.Team.ID {
		w["is_stranger"] = true
	}
	return w
}

func (s *Server) userInfo(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(a.str("user"))
	if u == nil {
		return nil, refuse("user_not_found")
	}
	return reply{"user": s.wireUser(u)}, nil
}

func (s *Server) userList(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	part, meta, err := page(s.users, a, 1000)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, u := range part {
		list = append(list, s.wireUser(u))
	}
	return reply{"members": list, "cache_ts": s.now().Unix(), "response_metadata": meta}, nil
}

func (s *Server) userByEmail(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Email != "" && strings.EqualFold(u.Email, a.str("email")) && u.TeamID == s.opt.Team.ID && !u.Deleted {
			return reply{"user": s.wireUser(u)}, nil
		}
	}
	return nil, refuse("users_not_found")
}

func (s *Server) wireGroup(g *UserGroup, members bool) map[string]any {
	w := map[string]any{"id": g.ID, "team_id": s.opt.Team.ID, "is_usergroup": true, "name": g.Name, "handle": g.Handle,
		"description": "", "is_external": false, "date_delete": 0, "user_count": len(g.Members)}
	if members {
		w["users"] = slices.Clone(g.Members)
	}
	return w
}

func (s *Server) groupList(a args) (reply, error) {
	if s.opt.FreePlan {
		return nil, refuse("plan_upgrade_required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, g := range s.groups {
		list = append(list, s.wireGroup(g, a.flag("include_users")))
	}
	return reply{"usergroups": list}, nil
}

func (s *Server) groupMembers(a args) (reply, error) {
	if s.opt.FreePlan {
		return nil, refuse("plan_upgrade_required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.group(a.str("usergroup"))
	if g == nil {
		return nil, refuse("no_such_subteam")
	}
	return reply{"users": append([]string{}, g.Members...)}, nil
}

// SetGroupMembers makes these users the members of a group, and tells the app
// by the events that Slack sends. It says whether the group is there.
func (s *Server) SetGroupMembers(group string, users ...string) bool {
	s.mu.Lock()
	g := s.group(group)
	if g == nil {
		s.mu.Unlock()
		return false
	}
	added, removed := without(users, g.Members), without(g.Members, users)
	g.Members = slices.Clone(users)
	wire := s.wireGroup(g, true)
	s.changed()
	s.mu.Unlock()
	s.Event(map[string]any{"type": "subteam_updated", "subteam": wire})
	s.Event(map[string]any{"type": "subteam_members_changed", "subteam_id": group, "team_id": s.opt.Team.ID,
		"added_users": added, "added_users_count": len(added), "removed_users": removed, "removed_users_count": len(removed)})
	return true
}

// SetUser changes a person, for instance to make them a guest, and tells the
// app by user_change. It says whether the person is there.
func (s *Server) SetUser(id string, change func(*User)) bool {
	s.mu.Lock()
	u := s.user(id)
	if u == nil {
		s.mu.Unlock()
		return false
	}
	change(u)
	u.ID = id
	wire := s.wireUser(u)
	s.changed()
	s.mu.Unlock()
	s.Event(map[string]any{"type": "user_change", "user": wire})
	return true
}

func without(list, other []string) []string {
	left := []string{}
	for _, v := range list {
		if !slices.Contains(other, v) {
			left = append(left, v)
		}
	}
	return left
}
