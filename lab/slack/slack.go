// Package slack is a Slack to rehearse on: a Web API and Socket Mode on
// loopback, with people, channels and user groups, and a web page on which one
// types, reads and presses buttons as any of these people.
//
// It behaves as Slack does where a bot can notice it: acknowledgements within
// three seconds, trigger ids and response URLs that expire, events that come
// again, links that are closed and refused, limits of Block Kit, limits of
// rate. Its faults can be asked for (see [Server.Kill], [Server.Mute],
// [Server.FailOpens], [Server.Handle]). It keeps everything in memory.
package slack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// What the workspace is made of when Options leaves it out.
const (
	AppID   = "A0AURORA01" // The app that the bot belongs to.
	BotUser = "U0BOT00001" // The user that the bot speaks as.
	BotID   = "B0BOT00001" // The bot's id in messages.

	slackbot = "USLACKBOT" // Who tells a person that a command failed.
)

// Options say what workspace to serve and how strictly.
type Options struct {
	Addr string           // Loopback address to listen on. Empty means 127.0.0.1:0.
	Now  func() time.Time // The clock. Nil means time.Now. Waiting itself is done in real time.

	Team      Team
	Users     []User
	Groups    []UserGroup
	Channels  []Channel
	Shortcuts []Shortcut
	Command   string // The app's slash command. Empty means /aurora.
	Escape    bool   // Write @name and #name in a slash command as <@U…|name>, as should_escape of a manifest asks.
	FreePlan  bool   // No user groups: usergroups.* answers plan_upgrade_required.

	Record io.Writer // Gets every Web API call of the bot as one line of JSON. Nil means none.

	Strict        bool     // Refuse what Slack's limits refuse, with the place.
	PostPerSecond int      // chat.postMessage calls per channel and second. Zero means no limit.
	Tiers         bool     // Hold every method to the calls per minute of its tier.
	Scopes        []string // The bot token's scopes; a method that needs another answers missing_scope. Nil means all.
	Events        []string // Events the app subscribed to. Nil means all.

	AckWithin      time.Duration   // How long an envelope waits for its acknowledgement. Zero means 3 s.
	RedeliverAfter []time.Duration // Waits before each redelivery of an event. Nil means at once, 1 min, 5 min.
	PingEvery      time.Duration   // How often the server pings each link. Zero means 5 s.
	TicketLife     time.Duration   // How long the address of a link can be used. Zero means 30 s.
	StrictAckConn  bool            // Take an acknowledgement only on the link that had the envelope.
}

// A Server is one running workspace.
type Server struct {
	opt      Options
	base     string // http://127.0.0.1:port, without a slash at its end.
	botToken string
	appToken string

	ctx      context.Context
	stop     context.CancelFunc
	http     *http.Server
	work     sync.WaitGroup
	starting sync.Mutex // Held while work begins, so that none begins behind Close's back.
	closing  sync.Once

	recording sync.Mutex

	mu sync.Mutex // Guards space and watchers.
	space
	watchers map[chan struct{}]bool

	socket socket
	faults faults
	pace   pace
}

// Start serves a workspace until ctx ends or [Server.Close] is called.
// It refuses an address that is not loopback.
func Start(ctx context.Context, opt Options) (*Server, error) {
	if opt.Addr == "" {
		opt.Addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("slack sandbox, address %q: %w", opt.Addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("slack sandbox, address %q: not loopback", opt.Addr)
	}
	defaults(&opt)
	s := &Server{opt: opt, watchers: map[chan struct{}]bool{}}
	s.botToken, s.appToken = "xoxb-"+randomHex(16), "xapp-1-"+AppID+"-"+randomHex(16)
	s.socket.max = maxLinks
	if s.space, err = newSpace(opt); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("slack sandbox: %w", err)
	}
	s.base = "http://" + ln.Addr().String()
	s.ctx, s.stop = context.WithCancel(ctx)
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
	s.work.Go(func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.stop()
		}
	})
	s.work.Go(func() {
		<-s.ctx.Done()
		s.shut()
	})
	return s, nil
}

// Close ends every link and request, and waits until nothing runs any more.
func (s *Server) Close() {
	s.stop()
	s.shut()
	s.starting.Lock()   // Who began work before the stop has been counted now.
	s.starting.Unlock() //nolint:staticcheck // To wait for them is all that the lock is for.
	s.work.Wait()
}

// begin counts a piece of work in, which ends with s.work.Done. It says false
// when the server is closing.
func (s *Server) begin() bool {
	s.starting.Lock()
	defer s.starting.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.work.Add(1)
	return true
}

// spawn runs f until it returns or, when the server is closing, not at all.
func (s *Server) spawn(f func()) {
	if s.begin() {
		go func() {
			defer s.work.Done()
			f()
		}()
	}
}

func (s *Server) shut() {
	s.closing.Do(func() {
		s.socket.killAll()
		s.http.Close()
	})
}

// URL is the address of the web page.
func (s *Server) URL() string { return s.base + "/" }

// APIURL is the address of the Web API, for slack.OptionAPIURL.
func (s *Server) APIURL() string { return s.base + "/api/" }

// BotToken is the token for the Web API.
func (s *Server) BotToken() string { return s.botToken }

// AppToken is the token for apps.connections.open.
func (s *Server) AppToken() string { return s.appToken }

func (s *Server) now() time.Time { return s.opt.Now() }

func defaults(o *Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Team.ID == "" {
		o.Team = Team{ID: "T0TEAM0001", Domain: "aurora-ops", Name: "Aurora operations"}
	}
	if o.Command == "" {
		o.Command = "/aurora"
	}
	if o.AckWithin == 0 {
		o.AckWithin = 3 * time.Second
	}
	if o.RedeliverAfter == nil {
		o.RedeliverAfter = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.PingEvery == 0 {
		o.PingEvery = 5 * time.Second
	}
	if o.TicketLife == 0 {
		o.TicketLife = 30 * time.Second
	}
}

// routes lists all that the server answers. Nothing but loopback names are
// taken as Host, so that no page of the world can reach it by a name that it
// points at 127.0.0.1.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.serveMethod)
	mux.HandleFunc("GET /link/", s.serveLink)
	mux.HandleFunc("POST /commands/{team}/{n}/{secret}", s.serveResponseURL)
	mux.HandleFunc("POST /actions/{team}/{n}/{secret}", s.serveResponseURL)
	mux.HandleFunc("POST /upload/v1/{id}", s.serveUpload)
	mux.HandleFunc("GET /files/{id}/{name}", s.serveFile)
	s.pageRoutes(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this sandbox is reached by a loopback address only", http.StatusMisdirectedRequest)
			return
		}
		if !s.begin() {
			http.Error(w, "closing", http.StatusServiceUnavailable)
			return
		}
		defer s.work.Done()
		mux.ServeHTTP(w, r)
	})
}
