// Package keep holds the bot's own copies of backups, off the scheduler hosts:
// each compared by its SHA-256 and decoded again where it lies. It takes away
// only what it put there itself.
package keep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aurorabot/runner/backup"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/bound"
	"aurorabot/runner/durable"
)

// A Store is a folder of copies of one cluster's backups.
type Store struct {
	Dir   string
	Count int           // Most copies. The newest is always kept.
	For   time.Duration // How old a copy may become, by its inner time.
	Now   func() time.Time
}

// A copied file is one that the store put there.
type copied struct {
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"`
	Bytes  int64     `json:"bytes"`
	Time   time.Time `json:"timestamp"` // The time inside of it.
	Host   string    `json:"host"`      // Where it was copied from.
	At     time.Time `json:"copied"`

	Tasks     int    `json:"tasks"`
	Framework string `json:"framework_id"`
}

// index is the file that says which copies are the store's own.
const index = "copies.json"

// Keep has the store hold b, which get copies from its host, and takes away
// what is too much or too old. While there is no b, or it cannot be held, nothing
// is taken away: the copies may be all that is left. What it says of itself is
// never an error: a copy that failed has the reason in Why.
func (s *Store) Keep(ctx context.Context, b *check.Backup, get func(context.Context, io.Writer) error) *check.Copy {
	c := &check.Copy{}
	own, err := s.read()
	if err != nil {
		c.Why = err.Error()
		return c
	}
	if b != nil {
		if err = s.hold(ctx, &own, b, get); err != nil {
			c.Why = fmt.Sprintf("copy %s of %s: %v", b.Name, b.Host, err)
		} else if c.Removed, err = s.retain(&own); err != nil {
			c.Why = err.Error()
		}
	}
	s.fill(c, own)
	return c
}

// fill says what is there: the newest copy whose bytes are those that were
// decoded when it was made.
func (s *Store) fill(c *check.Copy, own []copied) {
	c.Copies = len(own)
	for _, f := range newestFirst(own) {
		have, _, err := durable.Hash(filepath.Join(s.Dir, f.Name))
		if err == nil && have == f.SHA256 {
			c.Name, c.Time, c.Age = f.Name, f.Time, check.Span(s.Now().Sub(f.Time))
			c.Tasks, c.Framework = f.Tasks, f.Framework
			return
		}
		c.Copies--
		switch {
		case c.Why != "":
		case err != nil:
			c.Why = fmt.Sprintf("the copy %s cannot be read: %v", f.Name, err)
		default:
			c.Why = fmt.Sprintf("the copy %s is not as the store left it", f.Name)
		}
	}
}

func newestFirst(own []copied) []copied {
	list := slices.Clone(own)
	slices.SortStableFunc(list, func(a, b copied) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.Name, a.Name)) })
	return list
}

// hold copies b, unless the store has it.
func (s *Store) hold(ctx context.Context, own *[]copied, b *check.Backup, get func(context.Context, io.Writer) error) error {
	if filepath.Base(b.Name) != b.Name || b.Name == index || b.SHA256 == "" {
		return errors.New("it has no name or no hash that a copy could be kept by")
	}
	file := filepath.Join(s.Dir, b.Name)
	at := slices.IndexFunc(*own, func(f copied) bool { return f.Name == b.Name })
	switch have, _, err := durable.Hash(file); {
	case err == nil && have == b.SHA256:
		return nil // Ours, or laid there by somebody: it is the same.
	case err == nil && at < 0:
		return fmt.Errorf("%s is there with other content, and it is not the store's own", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	if err := s.fetch(ctx, file, b, get); err != nil {
		return err
	}
	next := slices.DeleteFunc(slices.Clone(*own), func(f copied) bool { return f.Name == b.Name })
	next = append(next, copied{Name: b.Name, SHA256: b.SHA256, Bytes: b.Bytes, Time: b.Time, Host: b.Host, At: s.Now().UTC(), Tasks: b.Tasks, Framework: b.Framework})
	if err := s.write(next); err != nil {
		return err
	}
	*own = next
	return nil
}

// maxCopies bounds the copies of one cluster's backups, in bytes.
const maxCopies = 64 << 30

// fetch writes file whole or not at all, compared and decoded.
func (s *Store) fetch(ctx context.Context, file string, b *check.Backup, get func(context.Context, io.Writer) error) error {
	room := durable.Room{Dir: s.Dir, Most: maxCopies}
	return room.Fetch(ctx, file, durable.Content{SHA256: b.SHA256, Bytes: b.Bytes}, func(w io.Writer) error { return get(ctx, w) }, func(f *os.File) error {
		switch r, err := backup.Inspect(bound.Within(ctx, f), backup.Options{Name: b.Name, Size: b.Bytes}); {
		case err != nil:
			return err
		case !r.Valid || r.SHA256 != b.SHA256 || r.Tasks.Total != b.Tasks:
			return fmt.Errorf("the copy does not decode as the backup did: %s", r.Error)
		}
		return nil
	})
}

// retain takes away the store's own copies that are too many or too old; the
// newest stays whatever its age.
func (s *Store) retain(own *[]copied) (removed []string, err error) {
	var keep []copied
	for i, f := range newestFirst(*own) {
		if i == 0 || i < s.Count && s.Now().Sub(f.Time) <= s.For {
			keep = append(keep, f)
			continue
		}
		file := filepath.Join(s.Dir, f.Name)
		have, _, herr := durable.Hash(file)
		switch {
		case errors.Is(herr, fs.ErrNotExist): // Somebody was faster.
		case herr != nil || have != f.SHA256:
			// It was changed since: not the copy that the store made.
			err = fmt.Errorf("%s is not as the store left it, and stays", file)
			continue
		default:
			if rerr := os.Remove(file); rerr != nil {
				err, keep = rerr, append(keep, f)
				continue
			}
			removed = append(removed, f.Name)
		}
	}
	if len(keep) == len(*own) {
		return removed, err
	}
	*own = keep
	return removed, errors.Join(err, s.write(keep))
}

func (s *Store) read() ([]copied, error) {
	var own []copied
	text, err := os.ReadFile(filepath.Join(s.Dir, index))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &own)
	}
	if err != nil {
		return nil, fmt.Errorf("which copies are the store's own: %w", err)
	}
	return own, nil
}

func (s *Store) write(own []copied) error {
	text, err := json.MarshalIndent(own, "", " ")
	if err != nil {
		return fmt.Errorf("index of the copies: %w", err)
	}
	file := filepath.Join(s.Dir, index)
	if err := durable.Replace(file, text, 0o600); err != nil {
		return fmt.Errorf("index of the copies: %w", err)
	}
	return nil
}
