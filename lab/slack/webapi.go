package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// method is one Web API method.
type method struct {
	scope string // The scope it needs. Empty means none.
	tier  int    // Calls per minute that Slack grants at least. Zero means no tier.
	app   bool   // Wants the app-level token.
	do    func(*Server, args) (reply, error)
}

// reply is what a method answers beside ok.
type reply map[string]any

// Tiers of Slack's rate limits, in calls per minute.
const (
	tier1 = 1
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

// methods is the table of all that the Web API offers here.
var methods = map[string]method{
	"api.test":              {do: (*Server).apiTest},
	"auth.test":             {do: (*Server).authTest},
	"team.info":             {"team:read", tier3, false, (*Server).teamInfo},
	"apps.connections.open": {"", tier3, true, (*Server).openConnection},

	"chat.postMessage":   {"chat:write", 0, false, (*Server).postMessage}, // Its own limit: PostPerSecond.
	"chat.postEphemeral": {"chat:write", tier4, false, (*Server).postEphemeral},
	"chat.update":        {"chat:write", tier3, false, (*Server).updateMessage},
	"chat.delete":        {"chat:write", tier3, false, (*Server).deleteMessage},
	"chat.getPermalink":  {"", 0, false, (*Server).permalink},

	"conversations.info":    {"channels:read", tier3, false, (*Server).conversationInfo},
	"conversations.list":    {"channels:read", tier2, false, (*Server).conversationList},
	"conversations.members": {"channels:read", tier4, false, (*Server).conversationMembers},
	"conversations.history": {"channels:history", tier3, false, (*Server).conversationHistory},
	"conversations.replies": {"channels:history", tier3, false, (*Server).conversationReplies},
	"conversations.open":    {"im:write", tier3, false, (*Server).conversationOpen},
	"conversations.join":    {"channels:join", tier3, false, (*Server).conversationJoin},

	"users.info":            {"users:read", tier4, false, (*Server).userInfo},
	"users.list":            {"users:read", tier2, false, (*Server).userList},
	"users.lookupByEmail":   {"users:read.email", tier3, false, (*Server).userByEmail},
	"usergroups.list":       {"usergroups:read", tier2, false, (*Server).groupList},
	"usergroups.users.list": {"usergroups:read", tier2, false, (*Server).groupMembers},

	"views.open":    {"", tier4, false, (*Server).viewOpen},
	"views.push":    {"", tier4, false, (*Server).viewPush},
	"views.update":  {"", tier4, false, (*Server).viewUpdate},
	"views.publish": {"", tier4, false, (*Server).viewPublish},

	"files.getUploadURLExternal":   {"files:write", tier4, false, (*Server).uploadURL},
	"files.completeUploadExternal": {"files:write", tier4, false, (*Server).uploadComplete},
	"files.info":                   {"files:read", tier4, false, (*Server).fileInfo},

	"reactions.add":    {"reactions:write", tier3, false, (*Server).reactionAdd},
	"reactions.remove": {"reactions:write", tier2, false, (*Server).reactionRemove},
	"pins.add":         {"pins:write", tier2, false, (*Server).pinAdd},
	"pins.remove":      {"pins:write", tier2, false, (*Server).pinRemove},
	"bookmarks.add":    {"bookmarks:write", tier2, false, (*Server).bookmarkAdd},
	"bookmarks.list":   {"bookmarks:read", tier3, false, (*Server).bookmarkList},
}

// apiError is an answer with ok false.
type apiError struct {
	code     string
	messages []string      // For response_metadata.messages.
	extra    reply         // More properties of the answer.
	retry    time.Duration // Not zero: HTTP 429 and Retry-After.
}

func (e *apiError) Error() string { return e.code }

func refuse(code string) error { return &apiError{code: code} }

// badArgument is Slack's answer to an argument that is missing or malformed.
func badArgument(format string, a ...any) error {
	return &apiError{code: "invalid_arguments", messages: []string{"[ERROR] " + fmt.Sprintf(format, a...)}}
}

func ratelimited(after time.Duration) error {
	return &apiError{code: "ratelimited", retry: max(after, time.Second)}
}

func (s *Server) serveMethod(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	a, err := readArgs(r)
	if err != nil {
		answer(w, nil, badArgument("%v", err))
		return
	}
	m, known := methods[name]
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token := bearer
	if token == "" && !m.app {
		token = a.str("token")
	}
	if err := s.admit(name, m, token); err != nil {
		answer(w, nil, err)
		return
	}
	if s.opt.Scopes != nil && !m.app {
		w.Header().Set("X-OAuth-Scopes", strings.Join(s.opt.Scopes, ",")) // Slack says so with every answer.
	}
	s.record(name, a.plain())
	if hook := s.faults.take(name); hook != nil {
		if rep := hook(Call{Method: name, Body: raw(a.plain())}); rep != nil {
			rep.write(w, r)
			return
		}
	}
	if !known {
		answer(w, reply{"req_method": name}, refuse("unknown_method"))
		return
	}
	if s.opt.Tiers && m.tier > 0 {
		if wait := s.pace.ask(name, s.now(), m.tier, time.Minute); wait > 0 {
			answer(w, nil, ratelimited(wait))
			return
		}
	}
	rep, err := m.do(s, a)
	answer(w, rep, err)
}

// admit checks the token and what it may do.
func (s *Server) admit(name string, m method, token string) error {
	if name == "api.test" {
		return nil
	}
	switch {
	case token == "":
		return refuse("not_authed")
	case token != s.botToken && token != s.appToken:
		return refuse("invalid_auth")
	case m.app != (token == s.appToken):
		return refuse("not_allowed_token_type")
	}
	if m.scope == "" || s.opt.Scopes == nil {
		return nil
	}
	for _, have := range s.opt.Scopes {
		if have == m.scope {
			return nil
		}
	}
	return &apiError{code: "missing_scope", extra: reply{"needed": m.scope, "provided": strings.Join(s.opt.Scopes, ",")}}
}

// record writes one call of the bot to Options.Record.
func (s *Server) record(name string, body any) {
	if s.opt.Record == nil {
		return
	}
	line, err := json.Marshal(struct {
		Method string `json:"method"`
		Body   any    `json:"body"`
	}{name, body})
	if err != nil {
		return // Not possible: body was JSON before.
	}
	s.recording.Lock()
	defer s.recording.Unlock()
	s.opt.Record.Write(append(line, '\n'))
}

func answer(w http.ResponseWriter, rep reply, err error) {
	out := reply{"ok": err == nil}
	for k, v := range rep {
		out[k] = v
	}
	status := http.StatusOK
	var e *apiError
	switch {
	case errors.As(err, &e):
		out["error"] = e.code
		for k, v := range e.extra {
			out[k] = v
		}
		if len(e.messages) > 0 {
			out["response_metadata"] = map[string]any{"messages": e.messages}
		}
		if e.retry > 0 {
			status = http.StatusTooManyRequests
			w.Header().Set("Retry-After", strconv.Itoa(int((e.retry+time.Second-1)/time.Second)))
		}
	case err != nil:
		out["error"] = "internal_error"
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(raw(out))
}
