package bot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// seenFor is how long a delivery is recognised when it comes again. Slack
// redelivers after up to five minutes.
const seenFor = 10 * time.Minute

// A post is a message of a run as Slack has it.
type post struct {
	Run     string    `json:"run"`
	Key     string    `json:"key"`
	Channel string    `json:"channel,omitempty"`
	TS      string    `json:"ts,omitempty"`    // Empty: it is not known whether it was posted.
	Hash    string    `json:"hash,omitempty"`  // Of the content that Slack has.
	Trying  time.Time `json:"trying,omitzero"` // When posting began.
}

// A record is one line of the state file.
type record struct {
	Seen   string    `json:"seen,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Post   *post     `json:"post,omitempty"`
	Closed string    `json:"closed,omitempty"` // A run that is over and shown whole.
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
	posts  map[place]post
	closed map[string]bool
}

func openStore(path string, now func() time.Time) (*store, error) {
	s := &store{path: path, now: now, seen: map[string]time.Time{}, posts: map[place]post{}, closed: map[string]bool{}}
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
		if s.now().Sub(at) > seenFor {
			delete(s.seen, key)
			continue
		}
		put(record{Seen: key, At: at})
	}
	for _, p := range s.posts {
		put(record{Post: &p})
	}
	for run := range s.closed {
		put(record{Closed: run})
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
	if d, err := os.Open(filepath.Dir(s.path)); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}

// append is durable when it returns.
func (s *store) append(r record) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	js, err := json.Marshal(r)
	if err == nil {
		_, err = s.file.Write(append(js, '\n'))
	}
	if err = errors.Join(err, s.file.Sync()); err != nil {
		return fmt.Errorf("slack state: %w", err)
	}
	s.memory.Lock()
	s.take(r)
	live := len(s.seen) + len(s.posts) + len(s.closed)
	s.memory.Unlock()
	if s.lines++; s.lines > 1000+4*live {
		return s.rewrite()
	}
	return nil
}

// first reports whether key is seen for the first time within seenFor, and
// remembers it, in memory: what has to last takes [store.keep] too.
func (s *store) first(key string) bool {
	s.memory.Lock()
	defer s.memory.Unlock()
	now := s.now()
	if at, ok := s.seen[key]; ok && now.Sub(at) <= seenFor {
		return false
	}
	if now.Sub(s.swept) > time.Minute {
		s.swept = now
		for k, at := range s.seen {
			if now.Sub(at) > seenFor {
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

// keep makes it last over a restart that key was seen.
func (s *store) keep(key string) error {
	return s.append(record{Seen: key, At: s.now()})
}

func (s *store) post(run, key string) (post, bool) {
	s.memory.Lock()
	defer s.memory.Unlock()
	p, ok := s.posts[place{run, key}]
	return p, ok
}

// under are the messages of a run whose keys begin with prefix.
func (s *store) under(run, prefix string) []post {
	s.memory.Lock()
	defer s.memory.Unlock()
	var list []post
	for at, p := range s.posts {
		if at.run == run && strings.HasPrefix(at.key, prefix) {
			list = append(list, p)
		}
	}
	return list
}

func (s *store) put(p post) error {
	return s.append(record{Post: &p})
}

// close remembers that a run is shown whole and needs nothing any more.
func (s *store) close(run string) error {
	if s.isClosed(run) {
		return nil
	}
	return s.append(record{Closed: run})
}

func (s *store) isClosed(run string) bool {
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

func (s *store) shut() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.file.Close()
}
