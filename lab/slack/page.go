package slack

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"strings"
	"time"
)

//go:embed page
var assets embed.FS

// pagePolicy keeps the page to itself: it needs nothing from anywhere else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) pageRoutes(mux *http.ServeMux) {
	files, err := fs.Sub(assets, "page")
	if err != nil {
		panic(err) // The folder is part of the program.
	}
	static := http.FileServerFS(files)
	headers := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", pagePolicy)
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-store")
			h.ServeHTTP(w, r)
		})
	}
	mux.Handle("GET /{$}", headers(static))
	mux.Handle("GET /page/", headers(http.StripPrefix("/page/", static)))
	mux.HandleFunc("GET /archives/{channel}/{ts}", s.serveArchive)
	mux.HandleFunc("GET /ui/state", s.serveState)
	mux.HandleFunc("GET /ui/changes", s.serveChanges)
	mux.HandleFunc("POST /ui/act", s.serveAct)
}

// serveArchive leads a permalink to its place on the page.
func (s *Server) serveArchive(w http.ResponseWriter, r *http.Request) {
	ts := strings.TrimPrefix(r.PathValue("ts"), "p")
	if len(ts) > 6 {
		ts = ts[:len(ts)-6] + "." + ts[len(ts)-6:]
	}
	to := "/?channel=" + r.PathValue("channel") + "&ts=" + ts
	if thread := r.URL.Query().Get("thread_ts"); thread != "" {
		to += "&thread=" + thread
	}
	http.Redirect(w, r, to, http.StatusFound)
}

// seen is what the page shows to one person.
type seen struct {
	Version   int                  `json:"version"`
	Team      Team                 `json:"team"`
	Me        string               `json:"me"`
	Bot       string               `json:"bot"`
	Command   string               `json:"command"`
	Links     int                  `json:"links"`
	Users     []map[string]any     `json:"users"`
	Groups    []map[string]any     `json:"groups"`
	Channels  []map[string]any     `json:"channels"`
	Messages  map[string][]Message `json:"messages"`
	Modals    []View               `json:"modals"`
	Home      *View                `json:"home"`
	Shortcuts []map[string]any     `json:"shortcuts"`
	Bookmarks []Bookmark           `json:"bookmarks"`
	Files     map[string]File      `json:"files"`
}

func (s *Server) serveState(w http.ResponseWriter, r *http.Request) {
	links, _ := s.socket.count()
	s.mu.Lock()
	v := s.seenBy(r.URL.Query().Get("as"))
	s.mu.Unlock()
	v.Links = links
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(raw(v))
}

// seenBy gathers what a person may see; an unknown one is taken for the first
// person that there is. The caller holds s.mu.
func (s *Server) seenBy(me string) seen {
	if u := s.user(me); u == nil || u.IsBot {
		me = ""
	}
	v := seen{Version: s.version, Team: s.opt.Team, Bot: BotUser, Command: s.opt.Command, Messages: map[string][]Message{}, Files: map[string]File{}}
	for _, u := range s.users {
		if me == "" && !u.IsBot && !u.Deleted {
			me = u.ID
		}
		w := s.wireUser(u)
		delete(w, "profile")
		v.Users = append(v.Users, w)
	}
	v.Me = me
	for _, g := range s.groups {
		v.Groups = append(v.Groups, s.wireGroup(g, true))
	}
	for _, c := range s.channels {
		if !c.has(me) {
			continue
		}
		w := s.wireChannel(c)
		w["members"] = c.Members
		v.Channels = append(v.Channels, w)
		list := []Message{}
		for _, m := range s.messages[c.ID] {
			if m.For == "" || m.For == me {
				list = append(list, *m)
			}
		}
		v.Messages[c.ID] = list
	}
	for _, m := range s.views[me] {
		v.Modals = append(v.Modals, *m)
	}
	v.Home = s.homes[me]
	if v.Home != nil {
		home := *v.Home
		v.Home = &home
	}
	for _, c := range s.opt.Shortcuts {
		v.Shortcuts = append(v.Shortcuts, map[string]any{"name": c.Name, "callback_id": c.CallbackID, "global": c.Global})
	}
	v.Bookmarks = append(v.Bookmarks, s.marks...)
	for id, f := range s.files {
		if f.done {
			v.Files[id] = *f
		}
	}
	return v
}

// serveChanges tells the page of changes by server-sent events: the version
// each time, at most ten times a second.
func (s *Server) serveChanges(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	changes, cancel := s.Subscribe()
	defer cancel()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		s.mu.Lock()
		version := s.version
		s.mu.Unlock()
		if _, err := fmt.Fprintf(w, "data: %d\n\n", version); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return
		}
		select {
		case <-changes:
		case <-r.Context().Done():
			return
		}
	}
}

// act is something that a person does on the page.
type act struct {
	Do       string            `json:"do"`
	As       string            `json:"as"`
	Channel  string            `json:"channel"`
	Thread   string            `json:"thread"`
	TS       string            `json:"ts"`
	Text     string            `json:"text"`
	View     string            `json:"view"`
	Action   string            `json:"action"`
	Value    string            `json:"value"`
	Chosen   []string          `json:"chosen"`
	Values   map[string]string `json:"values"`
	All      bool              `json:"all"`
	Callback string            `json:"callback"`
}

// serveAct takes an act as JSON only, which no foreign page can send without
// asking first.
func (s *Server) serveAct(w http.ResponseWriter, r *http.Request) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		http.Error(w, "JSON only", http.StatusUnsupportedMediaType)
		return
	}
	var a act
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write(raw(s.perform(a)))
}

func (s *Server) perform(a act) Outcome {
	done := func(ok bool, why string) Outcome {
		if !ok {
			return refused(why)
		}
		return Outcome{Result: Acked}
	}
	switch a.Do {
	case "say":
		if strings.HasPrefix(a.Text, "/") {
			return s.command(a)
		}
		return done(s.Say(a.As, a.Channel, a.Thread, a.Text) != "", "cannot post here")
	case "press":
		if a.View != "" {
			return s.pressView(a.As, a.View, a.Action, a.Value, a.Chosen)
		}
		return s.press(a.As, a.Channel, a.TS, a.Action, a.Value, a.Chosen, false)
	case "submit":
		return s.Submit(a.As, a.View, a.Values)
	case "close":
		return s.CloseView(a.As, a.View, a.All)
	case "suggest":
		return s.Suggest(a.As, a.View, a.Action, a.Value)
	case "home":
		return done(s.OpenHome(a.As) != "", "not subscribed to app_home_opened")
	case "dismiss":
		return done(s.Dismiss(a.As, a.Channel, a.TS), "message_not_found")
	case "direct":
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.user(a.As) == nil {
			return refused("user_not_found")
		}
		s.direct(a.As)
		s.changed()
		return Outcome{Result: Acked}
	case "shortcut":
		if a.TS != "" {
			return s.MessageShortcut(a.As, a.Channel, a.TS, a.Callback)
		}
		return s.GlobalShortcut(a.As, a.Callback)
	}
	return refused("unknown act " + a.Do)
}

// command runs what begins with a slash. Commands cannot be used in threads.
func (s *Server) command(a act) Outcome {
	name, rest, _ := strings.Cut(a.Text, " ")
	why := ""
	switch {
	case name != s.opt.Command:
		why = fmt.Sprintf("%s is not a valid command. Try %s.", name, s.opt.Command)
	case a.Thread != "":
		why = fmt.Sprintf("%s is not supported in threads. Sorry! Mention the app instead.", name)
	}
	if why == "" {
		return s.Slash(a.As, a.Channel, rest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channel(a.Channel); c != nil {
		s.tell(a.As, c.ID, why)
	}
	return refused(why)
}
