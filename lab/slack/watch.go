package slack

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// State is a copy of what there is to see, for [Server.Wait].
type State struct {
	Channels []Channel
	Messages []Message // All that is not ephemeral, by channel and time.
	Notes    []Message // Ephemeral messages.
	Modals   []View    // Open modals, lowest first within a person.
	Homes    []View    // Published App Homes.
	Links    int       // Socket Mode links that are open.
	Opens    int       // Calls of apps.connections.open so far.
}

// Find gives the first message of a channel whose text or blocks hold all the
// words. An empty channel means any.
func (st State) Find(channel string, words ...string) (Message, bool) {
	for _, m := range st.Messages {
		all := channel == "" || m.Channel == channel
		for _, w := range words {
			all = all && (strings.Contains(m.Text, w) || strings.Contains(string(m.Blocks), w))
		}
		if all {
			return m, true
		}
	}
	return Message{}, false
}

// State gives what there is to see now.
func (s *Server) State() State {
	links, opens := s.socket.count()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Links: links, Opens: opens}
	for _, c := range s.channels {
		st.Channels = append(st.Channels, *c)
		for _, m := range s.messages[c.ID] {
			if m.For == "" {
				st.Messages = append(st.Messages, *m)
			} else {
				st.Notes = append(st.Notes, *m)
			}
		}
	}
	for _, u := range s.users {
		for _, v := range s.views[u.ID] {
			st.Modals = append(st.Modals, *v)
		}
		if v := s.homes[u.ID]; v != nil {
			st.Homes = append(st.Homes, *v)
		}
	}
	return st
}

// Subscribe gives a channel that receives after every change; changes that
// come while one is unread are one. The function ends the subscription.
func (s *Server) Subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.watchers[c] = true
	s.mu.Unlock()
	return c, func() {
		s.mu.Lock()
		delete(s.watchers, c)
		s.mu.Unlock()
	}
}

// Wait returns when ok holds, asking again after every change. The error says
// that ctx or the server ended before.
func (s *Server) Wait(ctx context.Context, ok func(State) bool) error {
	changes, cancel := s.Subscribe()
	defer cancel()
	for !ok(s.State()) {
		select {
		case <-changes:
		case <-ctx.Done():
			return fmt.Errorf("slack sandbox: waiting for a change: %w", ctx.Err())
		case <-s.ctx.Done():
			return fmt.Errorf("slack sandbox: waiting for a change: the server is closed")
		}
	}
	return nil
}

// changed tells the watchers. The caller holds s.mu.
func (s *Server) changed() {
	s.version++
	for c := range s.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// change tells the watchers of something that is not part of the space.
func (s *Server) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed()
}

// Messages gives what stands in a channel, oldest first: no replies but those
// sent to the channel too, and nothing ephemeral.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Message
	for _, m := range s.messages[channel] {
		if m.For == "" && (m.ThreadTS == "" || m.ThreadTS == m.TS || m.Broadcast) {
			list = append(list, *m)
		}
	}
	return list
}

// Thread gives a message and its replies, oldest first.
func (s *Server) Thread(channel, ts string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Message
	for _, m := range s.thread(channel, ts) {
		list = append(list, *m)
	}
	return list
}

// Ephemerals gives the notes that only this person sees, in every channel.
func (s *Server) Ephemerals(user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Message
	for _, c := range s.channels {
		for _, m := range s.messages[c.ID] {
			if m.For == user {
				list = append(list, *m)
			}
		}
	}
	slices.SortFunc(list, func(a, b Message) int { return strings.Compare(a.TS, b.TS) })
	return list
}

// Views gives the modals that a person sees, the topmost last.
func (s *Server) Views(user string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []View
	for _, v := range s.views[user] {
		list = append(list, *v)
	}
	return list
}

// Home gives a person's App Home, if the app published one.
func (s *Server) Home(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.homes[user]; v != nil {
		return *v, true
	}
	return View{}, false
}
