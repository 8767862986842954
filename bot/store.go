package bot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/runner/durable"
)

// seenFor is how long a delivery is recognised when it comes again. Slack
// redelivers after up to five minutes.
const seenFor = 10 * time.Minute

// keptFor is the same for a key: what was said stands in the channel for ever,
// and is looked for after an outage, so it is recognised for longer than that.
func keptFor(key string) time.Duration {
	if strings.HasPrefix(key, "said:") {
		return 2 * lookBack
	}
	return seenFor
}

// A record is one line of the state file.
type record struct {
	Seen   string       `json:"seen,omitempty"`
	At     time.Time    `json:"at,omitzero"`
	Post   *outbox.Post `json:"post,omitempty"`
	Closed string       `json:"closed,omitempty"` // A run that is over and shown whole.
	Heard  time.Time    `json:"heard,omitzero"`   // When the bot heard Slack last, as far as is written down.
	Taken  *taken       `json:"taken,omitempty"`  // A request that was taken.
	Done   string       `json:"done,omitempty"`   // The ID of one that was taken and is answered.
	View   *shown       `json:"view,omitempty"`   // A modal that is shown.
	Spent  string       `json:"spent,omitempty"`  // The ID of one that was used.
}

// A taken request is what a new process must know to tell whoever asked that
// the one before did not get to its end. What was typed beyond that is nobody's
// business here.
type taken struct {
	ID      string    `json:"id"`
	Keys    []string  `json:"keys"` // What it is recognised by when it comes again.
	User    string    `json:"user"`
	Team    string    `json:"team"`
	Channel string    `json:"channel,omitempty"`
	Thread  string    `json:"thread,omitempty"`
	About   string    `json:"about"`
	At      time.Time `json:"at"`
}

type place struct{ run, key string }

// A store keeps what must not be done twice after a restart: which deliveries
// were taken, and which messages stand in Slack. It holds nothing that matters
// for a recovery; without it messages are posted anew.
//
// The file is lines of JSON, appended and synced; it is written anew, shorter,
// when it is opened and when it has grown.
type store struct {
	path string
	now  func() time.Time

	disk  sync.Mutex // Guards file and lines; taken before memory.
	file  *os.File
	lines int

	// A slow disk must not hold up who only asks: the reader of a link does.
	memory sync.Mutex
	seen   map[string]time.Time
	swept  time.Time // When seen was last rid of what is too old.
	posts  map[place]outbox.Post
	closed map[string]bool
	inHand map[string]taken // Not answered yet, by ID.
	views  map[string]shown // By ID.
	heard  time.Time
}

func openStore(path string, now func() time.Time) (*store, error) {
	s := &store{path: path, now: now, seen: map[string]time.Time{}, posts: map[place]outbox.Post{}, closed: map[string]bool{}, inHand: map[string]taken{}, views: map[string]shown{}}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("slack state: %w", err)
	}
	sc := bufio.NewScanner(bytes.NewReader(old))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var r record
		// A line that is cut or foreign says nothing; the rest still counts.
		if json.Unmarshal(sc.Bytes(), &r) == nil {
			s.take(r)
		}
	}
	if err := s.rewrite(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *store) take(r record) {
	switch {
	case r.Seen != "":
		s.seen[r.Seen] = r.At
	case r.Taken != nil:
		for _, key := range r.Taken.Keys {
			s.seen[key] = r.Taken.At
		}
		s.inHand[r.Taken.ID] = *r.Taken
	case r.Done != "":
		delete(s.inHand, r.Done)
	case r.View != nil:
		s.views[r.View.ID] = *r.View
	case r.Spent != "":
		delete(s.views, r.Spent)
	case !r.Heard.IsZero():
		s.heard = r.Heard
	case r.Post != nil && s.closed[r.Post.Run]: // It was on its way when the run was done with.
	case r.Post != nil:
		s.posts[place{r.Post.Run, r.Post.Key}] = *r.Post
	case r.Closed != "":
		s.closed[r.Closed] = true
		for at := range s.posts {
			if at.run == r.Closed {
				delete(s.posts, at)
			}
		}
	}
}

// rewrite writes all that still counts to a new file in place of the old.
// Callers hold disk, if anybody else could.
func (s *store) rewrite() error {
	var b bytes.Buffer
	s.lines = 0
	put := func(r record) {
		js, _ := json.Marshal(r)
		b.Write(append(js, '\n'))
		s.lines++
	}
	s.memory.Lock()
	for key, at := range s.seen {
		if s.now().Sub(at) > keptFor(key) {
			delete(s.seen, key)
			continue
		}
		put(record{Seen: key, At: at})
	}
	for _, one := range s.inHand {
		put(record{Taken: &one})
	}
	for id, v := range s.views {
		if s.now().Sub(v.At) > viewFor {
			delete(s.views, id)
			continue
		}
		put(record{View: &v})
	}
	for _, p := range s.posts {
		put(record{Post: &p})
	}
	for run := range s.closed {
		put(record{Closed: run})
	}
	if !s.heard.IsZero() {
		put(record{Heard: s.heard})
	}
	s.memory.Unlock()
	tmp, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return fmt.Errorf("slack state: %w", err)
	}
	_, err = tmp.Write(b.Bytes())
	err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync())
	if err == nil {
		err = os.Rename(tmp.Name(), s.path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("slack state: %w", errors.Join(err, tmp.Close()))
	}
	if s.file != nil {
		s.file.Close()
	}
	s.file = tmp
	_ = durable.SyncDir(filepath.Dir(s.path)) // The file itself is synced; a power failure in this moment brings the old one back.
	return nil
}

// append is durable when it returns.
func (s *store) append(list ...record) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if err := errors.Join(s.write(list), s.file.Sync()); err != nil {
		return fmt.Errorf("slack state: %w", err)
	}
	return s.know(list)
}

// note is append without the wait for the disk: for what does no harm when it
// is forgotten.
func (s *store) note(r record) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if err := s.write([]record{r}); err != nil {
		return fmt.Errorf("slack state: %w", err)
	}
	return s.know([]record{r})
}

// write writes records to the file. Callers hold disk.
func (s *store) write(list []record) error {
	var b bytes.Buffer
	for _, r := range list {
		js, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.Write(append(js, '\n'))
	}
	_, err := s.file.Write(b.Bytes())
	return err
}

// know takes what was written, and writes the file anew if it has grown.
// Callers hold disk.
func (s *store) know(list []record) error {
	s.memory.Lock()
	for _, r := range list {
		s.take(r)
	}
	live := len(s.seen) + len(s.posts) + len(s.closed) + len(s.inHand) + len(s.views)
	s.memory.Unlock()
	if s.lines += len(list); s.lines > 1000+4*live {
		return s.rewrite()
	}
	return nil
}

// first reports whether key is seen for the first time within keptFor, and
// remembers it, in memory: what has to last is in the ledger too.
func (s *store) first(key string) bool {
	s.memory.Lock()
	defer s.memory.Unlock()
	now := s.now()
	if at, ok := s.seen[key]; ok && now.Sub(at) <= keptFor(key) {
		return false
	}
	if now.Sub(s.swept) > time.Minute {
		s.swept = now
		for k, at := range s.seen {
			if now.Sub(at) > keptFor(k) {
				delete(s.seen, k)
			}
		}
	}
	s.seen[key] = now
	return true
}

// forget takes back what first remembered: the delivery was not taken.
func (s *store) forget(key string) {
	s.memory.Lock()
	defer s.memory.Unlock()
	delete(s.seen, key)
}

// hears makes it last over a restart when the bot heard Slack last.
func (s *store) hears(at time.Time) error { return s.append(record{Heard: at}) }

// answered ends a request that was taken.
func (s *store) answered(id string) error { return s.note(record{Done: id}) }

// view is a modal that was shown and not used yet.
func (s *store) view(id string) (shown, bool) {
	s.memory.Lock()
	defer s.memory.Unlock()
	v, ok := s.views[id]
	return v, ok
}

// left are the requests that were taken and never answered, oldest first.
func (s *store) left() []taken {
	s.memory.Lock()
	defer s.memory.Unlock()
	list := slices.Collect(maps.Values(s.inHand))
	slices.SortFunc(list, func(a, b taken) int { return a.At.Compare(b.At) })
	return list
}

// Post implements outbox.Memory.
func (s *store) Post(run, key string) (outbox.Post, bool) {
	s.memory.Lock()
	defer s.memory.Unlock()
	p, ok := s.posts[place{run, key}]
	return p, ok
}

// under are the messages of a run whose keys begin with prefix.
func (s *store) under(run, prefix string) []outbox.Post {
	s.memory.Lock()
	defer s.memory.Unlock()
	var list []outbox.Post
	for at, p := range s.posts {
		if at.run == run && strings.HasPrefix(at.key, prefix) {
			list = append(list, p)
		}
	}
	return list
}

// Remember implements outbox.Memory.
func (s *store) Remember(p outbox.Post) error {
	return s.append(record{Post: &p})
}

// close remembers that a run is shown whole and needs nothing any more.
func (s *store) close(run string) error {
	if s.Closed(run) {
		return nil
	}
	return s.append(record{Closed: run})
}

// Closed implements outbox.Memory.
func (s *store) Closed(run string) bool {
	s.memory.Lock()
	defer s.memory.Unlock()
	return s.closed[run]
}

// runs are those that have messages and are not closed.
func (s *store) runs() []string {
	s.memory.Lock()
	defer s.memory.Unlock()
	found := map[string]bool{}
	var out []string
	for at := range s.posts {
		if !found[at.run] {
			found[at.run] = true
			out = append(out, at.run)
		}
	}
	return out
}

// shut closes the file; heard is when the bot heard Slack last, zero for never.
func (s *store) shut(heard time.Time) error {
	var err error
	if !heard.IsZero() {
		err = s.hears(heard)
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	return errors.Join(err, s.file.Close())
}
