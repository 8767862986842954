package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// A service answers with what it is given, and lets the test tell events.
type service struct {
	handle func(handlers.Request) handlers.Response

	mu     sync.Mutex
	tell   func(runner.Event)
	busy   bool
	events []runner.Event
}

func (s *service) Handle(_ context.Context, r handlers.Request) handlers.Response { return s.handle(r) }

func (s *service) Subscribe(f func(runner.Event)) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = f
	return func() {}
}

func (s *service) Events(string) ([]runner.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events, nil
}

func (s *service) Names(_ policy.Actor, channel, kind, cluster string) []string {
	return []string{channel, kind, cluster}
}

func (s *service) Summary(st *runner.State) map[string]any { return map[string]any{"run": st.Run} }

func (s *service) Busy(string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// say tells an event, as the journal has it.
func (s *service) say(e runner.Event) {
	s.mu.Lock()
	e.Run = "dev-1"
	if e.Kind != handlers.Settled {
		e.Seq = len(s.events) + 1
		s.events = append(s.events, e)
	}
	tell := s.tell
	s.mu.Unlock()
	tell(e)
}

func (s *service) work(busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = busy
}

// serve serves s at a socket until the test ends; the function that it returns
// ends it before, and reports whether it came to an end.
func serve(t *testing.T, s *service) (socket string, stop func() bool) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	server := &Server{
		Service: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Who: func(_ context.Context, who Account, _ handlers.Purpose) (policy.Actor, *policy.Refusal, error) {
			user := who.Name
			if user == "" {
				return policy.Actor{}, nil, errors.New("nobody")
			}
			return policy.Actor{TeamID: "T1", UserID: "UANN"}, nil, nil
		},
	}
	go func() { done <- server.Serve(ctx, l) }()
	stop = func() bool {
		cancel()
		select {
		case err := <-done:
			done <- err
			return err == nil
		case <-time.After(20 * time.Second):
			return false
		}
	}
	t.Cleanup(func() { stop() })
	return socket, stop
}

func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// typed types a command and returns its output, errors and exit status.
func typed(t *testing.T, socket string, words ...string) (out, errs string, exit int) {
	t.Helper()
	var o, e bytes.Buffer
	q := Question{Words: words}
	if n := len(words) - 1; words[n] == "--json" {
		q.Words, q.JSON = words[:n], true
	} else if n > 1 && words[n-1] == "-o" {
		q.Dir = words[n]
	}
	exit = Ask(dial(t, socket), q, Std{Out: &o, Err: &e})
	return o.String(), e.String(), exit
}

// What the bot answers stands where scripts look for it.
func TestAnswers(t *testing.T) {
	s := &service{handle: func(r handlers.Request) handlers.Response {
		if r.Channel != "cli" || r.Actor.UserID != "UANN" {
			t.Errorf("asked %+v", r)
		}
		switch r.Words[0] {
		case "wrong":
			return handlers.Response{Message: view.Error("wrong: there is no such thing", "look elsewhere"), Exit: handlers.ExitUsage}
		case "export":
			return handlers.Response{Message: view.Message{Head: "the pack", Files: []view.File{{Name: "../timeline.md", Text: "at last"}}}}
		}
		return handlers.Response{Message: view.Message{Head: "all is well"}, Data: map[string]int{"n": 1}}
	}}
	socket, _ := serve(t, s)
	if out, errs, exit := typed(t, socket, "status"); !strings.Contains(out, "all is well") || errs != "" || exit != 0 {
		t.Errorf("status: %q, %q, %d", out, errs, exit)
	}
	if out, _, _ := typed(t, socket, "status", "--json"); out != "{\"n\":1}\n" {
		t.Errorf("status --json: %q, want one document", out)
	}
	if out, errs, exit := typed(t, socket, "wrong"); out != "" || !strings.Contains(errs, "aurorabot: wrong: there is no such thing") || exit != handlers.ExitUsage {
		t.Errorf("wrong: %q, %q, %d", out, errs, exit)
	}
	dir := filepath.Join(t.TempDir(), "pack")
	if _, errs, exit := typed(t, socket, "export", "dev-1", "-o", dir); exit != 0 {
		t.Fatalf("export: %d, %s", exit, errs)
	}
	// Names come from the bot, and still lead out of no folder; who may read a pack is decided by who keeps it.
	info, err := os.Stat(filepath.Join(dir, "timeline.md"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the pack: %v, %v", info, err)
	}
}

// Names are answered at once, to whom the kernel says it is, and are no command.
func TestNames(t *testing.T) {
	socket, _ := serve(t, &service{handle: func(handlers.Request) handlers.Response {
		t.Error("names were asked as a command")
		return handlers.Response{}
	}})
	if got, err := Names(dial(t, socket), "BACKUP", "dev"); err != nil || strings.Join(got, " ") != "cli BACKUP dev" {
		t.Errorf("%q, %v", got, err)
	}
}

// A command about a run tells what happens to it, and ends when the engine
// rests: not when the work before it did.
func TestFollows(t *testing.T) {
	s := &service{}
	s.handle = func(handlers.Request) handlers.Response {
		s.work(true)
		go func() {
			s.say(runner.Event{Kind: handlers.Settled}) // Of the work before.
			s.say(runner.Event{Kind: runner.RunRequested, Who: "T1/UANN", Data: json.RawMessage(`{"cluster":"dev"}`)})
			s.say(runner.Event{Kind: runner.StepSkipped, Phase: "prepare", Step: "prepare/look", Host: "s1", Why: "seen"})
			s.say(runner.Event{Kind: runner.RunClosed, Why: "recovered"})
			s.work(false)
			s.say(runner.Event{Kind: handlers.Settled})
		}()
		return handlers.Response{Run: "dev-1"}
	}
	socket, _ := serve(t, s)
	out, errs, exit := typed(t, socket, "resume", "dev-1")
	if exit != handlers.ExitDone || !strings.Contains(out, "dev: recovered, the run is closed") {
		t.Errorf("%d, %q, %q", exit, out, errs)
	}
	out, _, _ = typed(t, socket, "resume", "dev-1", "--json")
	kinds := []runner.Kind{}
	for line := range strings.Lines(out) {
		var e runner.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q is no event: %v", line, err)
		}
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) != 3 || kinds[2] != runner.RunClosed {
		t.Errorf("streamed %v", kinds)
	}
}

// A client that says nothing, and one that does not read, do not keep the bot
// from stopping.
func TestStopsWhateverClientsDo(t *testing.T) {
	s := &service{}
	begun := make(chan bool)
	s.handle = func(handlers.Request) handlers.Response {
		s.work(true)
		go func() {
			for range 5000 { // More than a socket holds, and than is kept.
				s.say(runner.Event{Kind: runner.Note, Why: strings.Repeat("what was seen ", 100)})
			}
			close(begun)
		}()
		return handlers.Response{Run: "dev-1"}
	}
	socket, stop := serve(t, s)
	dial(t, socket) // Says nothing.
	deaf := dial(t, socket)
	if _, err := deaf.Write([]byte("{\"words\":[\"resume\",\"dev-1\"]}\n")); err != nil {
		t.Fatal(err)
	}
	<-begun
	if !stop() {
		t.Error("the bot does not stop while clients hold on")
	}
}

// The socket of a bot that died is taken over, that of one that lives is not,
// and nobody but its owner may speak there.
func TestListen(t *testing.T) {
	socket, stop := serve(t, &service{})
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&fs.ModeSocket == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if l, err := Listen(socket, ""); err == nil {
		l.Close()
		t.Error("took the socket of a bot that lives")
	}
	stop()
	left, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	left.Close() // As a crash leaves it.
	l, err := Listen(socket, "")
	if err != nil {
		t.Fatalf("the socket of a bot that died: %v", err)
	}
	l.Close()
}

// What somebody does as another's account comes to the service under that name, as not
// that person's own.
func TestForgedComesToTheService(t *testing.T) {
	var got handlers.Request
	s := &Server{
		Service: &service{handle: func(r handlers.Request) handlers.Response {
			got = r
			return handlers.Response{Message: view.Message{Head: "no"}, Exit: handlers.ExitRefused}
		}},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Who: func(context.Context, Account, handlers.Purpose) (policy.Actor, *policy.Refusal, error) {
			return policy.Actor{TeamID: "T1", UserID: "UBOB"}, &policy.Refusal{Rule: handlers.SudoAsOther, Why: "ann is bob"}, nil
		},
	}
	var out bytes.Buffer
	conn := struct {
		io.Reader
		io.Writer
	}{strings.NewReader(`{"words":["approve","r1"]}` + "\n"), &out}
	if err := s.Answer(t.Context(), conn, Account{}); err != nil {
		t.Fatal(err)
	}
	if got.Actor.Key() != "T1/UBOB" || got.Forged == nil || got.Forged.Rule != "sudo-as-other" || got.Words[0] != "approve" || !strings.Contains(out.String(), `"exit":5`) {
		t.Errorf("%+v\n%s", got, out.String())
	}
}
