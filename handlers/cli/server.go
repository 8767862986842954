package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// A Service is what the command line is a surface of.
type Service interface {
	Handle(ctx context.Context, r handlers.Request) handlers.Response
	Subscribe(f func(runner.Event)) (cancel func())
	Events(run string) ([]runner.Event, error)
	Busy(run string) bool
	Names(who policy.Actor, channel, kind, cluster string) []string

	// Summary is where a run stands, for --json.
	Summary(st *runner.State) map[string]any
}

// A Server answers commands.
type Server struct {
	Service Service
	// Who maps an account of this machine to a person; see [handlers.Request.Forged].
	Who func(ctx context.Context, who Account, p handlers.Purpose) (person policy.Actor, forged *policy.Refusal, err error)

	// Peer says who is at the other end of a connection. Nil: the kernel does.
	Peer func(conn net.Conn) (Account, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// Listen opens the socket at path, for its owner alone (0600), and for the members of
// a group (0660) where one is named, by its name or its number. A socket that nobody
// answers at is left from a crash, and replaced.
func Listen(path, group string) (net.Listener, error) {
	gid, mode := -1, os.FileMode(0o600)
	if group != "" {
		mode = 0o660
		var err error
		if gid, err = groupOf(group); err != nil {
			return nil, err
		}
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("listen at %s: another process answers there", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	// Until the mode is set only the owner can write, and so connect.
	if group != "" {
		if err := os.Chown(path, -1, gid); err != nil {
			l.Close()
			return nil, fmt.Errorf("listen at %s: give it to the group %s, which the bot's account must be in: %w", path, group, err)
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	return l, nil
}

// Serve answers every command that comes to l, until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("command socket: %w", err)
		}
		wg.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { hurry(conn) })()
			ask := s.Peer
			if ask == nil {
				ask = peer
			}
			account, err := ask(conn)
			if err == nil {
				err = s.Answer(ctx, conn, account.named(ctx))
			}
			if err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "command socket", "err", err)
			}
		})
	}
}

// goodbye is how long a client has for reading that the bot stops.
const goodbye = 2 * time.Second

// hurry ends a conversation when the bot stops: a client that never says what it
// wants, or does not read what it is told, must not keep it from stopping.
func hurry(conn net.Conn) {
	if u, ok := conn.(*net.UnixConn); ok {
		_ = u.CloseRead() // The end below comes all the same.
	}
	time.AfterFunc(goodbye, func() { conn.Close() })
}

// Answer holds one conversation with a user of the operating system.
func (s *Server) Answer(ctx context.Context, conn io.ReadWriter, account Account) error {
	line, err := bufio.NewReader(io.LimitReader(conn, maxAsk)).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the command: %w", err)
	}
	var q ask
	if err := json.Unmarshal(line, &q); err != nil {
		return fmt.Errorf("read the command: %w", err)
	}
	c := &conversation{out: json.NewEncoder(conn)}
	purpose := handlers.PurposeOf(q.Words)
	if q.Names != "" {
		purpose = handlers.Looking
	}
	who, forged, err := s.Who(ctx, account, purpose)
	if err != nil {
		hint := ""
		if _, ours := errors.AsType[*policy.Refusal](err); ours {
			hint = "name the account in policy.os_users, and restart the bot"
		}
		return c.end(handlers.Response{Message: view.Error(err.Error(), hint), Exit: handlers.ExitRefused})
	}
	if q.Names != "" {
		exit := handlers.ExitDone
		return c.out.Encode(told{Names: s.Service.Names(who, "cli", q.Names, q.Of), Exit: &exit})
	}
	// Events are kept in order and told by this goroutine: who tells must not block.
	queue := make(chan runner.Event, 4096)
	cancel := s.Service.Subscribe(func(e runner.Event) {
		select {
		case queue <- e:
		default: // The end is read from the journal; a line of progress may be lost.
		}
	})
	defer cancel()
	resp := s.Service.Handle(ctx, handlers.Request{Actor: who, Channel: "cli", Words: q.Words, JSON: q.JSON, At: s.Now(), Forged: forged})
	if resp.Run == "" || resp.Exit != handlers.ExitDone || resp.Message.Head != "" && !resp.Follow {
		return c.end(resp)
	}
	return s.follow(ctx, c, queue, resp.Run)
}

// follow tells what happens to a run until the engine comes to rest.
func (s *Server) follow(ctx context.Context, c *conversation, queue <-chan runner.Event, run string) error {
	check := time.NewTicker(time.Second)
	defer check.Stop()
	for {
		select {
		case e := <-queue:
			if e.Run != run {
				continue
			}
			if e.Kind == handlers.Settled {
				if s.Service.Busy(run) || len(queue) > 0 {
					continue // That was the work before this command's.
				}
				return s.settled(c, run)
			}
			if err := c.event(e, s.state(run)); err != nil {
				return err
			}
		case <-check.C:
			if !s.Service.Busy(run) && len(queue) == 0 {
				return s.settled(c, run)
			}
		case <-ctx.Done():
			return c.end(handlers.Response{Message: view.Error("the bot is stopping; the run is in its journal", "start the bot again and type `status`"), Exit: handlers.ExitStopped})
		}
	}
}

func (s *Server) state(run string) *runner.State {
	events, err := s.Service.Events(run)
	if err != nil {
		return &runner.State{Run: run}
	}
	return runner.Fold(events)
}

// settled ends the conversation with where the run stands.
func (s *Server) settled(c *conversation, run string) error {
	st := s.state(run)
	return c.end(handlers.Response{Message: rest(st), Exit: handlers.ExitOf(st), Data: s.Service.Summary(st)})
}

type conversation struct{ out *json.Encoder }

func (c *conversation) event(e runner.Event, st *runner.State) error {
	return c.out.Encode(told{Event: &e, Text: line(e, st)})
}

func (c *conversation) end(r handlers.Response) error {
	data, err := json.Marshal(r.Data)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return c.out.Encode(told{Message: &r.Message, Data: data, Exit: &r.Exit})
}
