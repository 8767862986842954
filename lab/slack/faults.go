package slack

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A Call is one Web API call as it came.
type Call struct {
	Method string
	Body   json.RawMessage // The arguments as one object, without the token.
}

// A Reply is what a hook answers in place of the server.
type Reply struct {
	Status     int            // HTTP status. Zero means 200.
	RetryAfter time.Duration  // For the header of that name, whole seconds. Zero means none.
	Body       map[string]any // Written as JSON.
	Cut        bool           // Close the connection without an answer.
	Hang       time.Duration  // Answer nothing for so long, or until the caller gives up; then as Cut.
}

// ReplyError is Slack's answer ok false with an error name.
func ReplyError(code string) *Reply {
	return &Reply{Body: map[string]any{"ok": false, "error": code}}
}

func (r *Reply) write(w http.ResponseWriter, req *http.Request) {
	if r.Hang > 0 {
		select {
		case <-time.After(r.Hang):
		case <-req.Context().Done():
		}
	}
	if r.Cut || r.Hang > 0 {
		panic(http.ErrAbortHandler)
	}
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.RetryAfter/time.Second)))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	w.Write(raw(r.Body))
}

type hook func(Call) *Reply

// faults are what a test asked to go wrong.
type faults struct {
	mu        sync.Mutex
	hooks     map[string][]hook
	always    map[string]hook
	opens     int    // How many more calls of apps.connections.open fail,
	openError string // with which error.
	openDelay time.Duration
}

func (f *faults) take(method string) hook {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.hooks[method]
	if len(list) == 0 {
		return f.always[method]
	}
	f.hooks[method] = list[1:]
	return list[0]
}

// Handle lets answer reply to the next call of a Web API method. It is used
// once; several wait in order. A nil reply leaves the call to the server.
func (s *Server) Handle(method string, answer func(Call) *Reply) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.hooks == nil {
		s.faults.hooks = map[string][]hook{}
	}
	s.faults.hooks[method] = append(s.faults.hooks[method], answer)
}

// Always lets answer reply to every call of a Web API method that [Server.Handle] does
// not; nil ends it. It is called by several at once.
func (s *Server) Always(method string, answer func(Call) *Reply) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.always == nil {
		s.faults.always = map[string]hook{}
	}
	s.faults.always[method] = answer
}

// FailOpens makes the next n calls of apps.connections.open fail with an error
// such as "internal_error" or "invalid_auth"; "ratelimited" comes as HTTP 429
// with Retry-After of one second. Zero ends it.
func (s *Server) FailOpens(n int, code string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.opens, s.faults.openError = n, code
}

// OpenDelay makes every call of apps.connections.open take that long: an hour, and it
// hangs. Calls that hang already go on hanging when it is changed.
func (s *Server) OpenDelay(d time.Duration) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.openDelay = d
}

// open says how long the next open takes and how it fails, if it does.
func (f *faults) open() (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.opens <= 0 {
		return f.openDelay, nil
	}
	f.opens--
	if f.openError == "ratelimited" {
		return f.openDelay, ratelimited(time.Second)
	}
	return f.openDelay, refuse(f.openError)
}
