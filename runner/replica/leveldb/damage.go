package leveldb

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Damage is one place where the database is not as its writer left it.
type Damage struct {
	File   string // Name within the folder; "" for the folder itself.
	Offset int64  // Byte at which it begins; 0 where the whole file is meant.
	What   string // What is wrong, in words.

	// After and UpTo bound the keys that are lost by it: lost keys are > After
	// and <= UpTo. A nil After is the lowest key; a nil UpTo is unbounded.
	// Both are nil where the range is not known. Lost says that keys are lost
	// at all.
	After, UpTo []byte
	Lost        bool
}

func (d Damage) String() string { return fmt.Sprintf("%s at byte %d: %s", d.File, d.Offset, d.What) }

// TornTail is the What of a write-ahead log that ends inside a record, as a
// crash in the middle of a write leaves it.
const TornTail = "torn tail"

// maxDamage bounds the list: a file that is damaged in more places is damaged.
const maxDamage = 1000

// ledger collects damage and warnings.
type ledger struct {
	damage   []Damage
	listed   map[place]bool // Those of damage.
	more     int            // Places beyond maxDamage.
	work     int64          // Entries of indexes that were looked at to say what was lost.
	warnings []string
	denied   bool // A file could not be read for lack of permission.
	lost     bool // Some damage loses keys of an unknown range.
}

// A place tells one damage from another.
type place struct {
	file   string
	offset int64
	what   string
}

// add lists d once: a second pass over a file meets the same damage again.
func (l *ledger) add(d Damage) {
	at := place{d.File, d.Offset, d.What}
	if l.listed[at] {
		return
	}
	if d.Lost && d.UpTo == nil {
		l.lost = true
	}
	if len(l.damage) >= maxDamage {
		l.more++
		return
	}
	if l.listed == nil {
		l.listed = map[place]bool{}
	}
	l.listed[at] = true
	l.damage = append(l.damage, d)
}

// note records damage that loses keys of unknown range.
func (l *ledger) note(file string, offset int64, format string, args ...any) {
	l.add(Damage{File: file, Offset: offset, What: fmt.Sprintf(format, args...), Lost: true})
}

// harmless records damage that loses no key.
func (l *ledger) harmless(file string, offset int64, format string, args ...any) {
	l.add(Damage{File: file, Offset: offset, What: fmt.Sprintf(format, args...)})
}

func (l *ledger) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(l.warnings) < maxDamage && !slices.Contains(l.warnings, text) {
		l.warnings = append(l.warnings, text)
	}
}

// unreadable records that a file could not be opened or read at all.
func (l *ledger) unreadable(file string, err error) {
	if errors.Is(err, fs.ErrPermission) {
		l.denied = true
		l.note(file, 0, "permission denied")
		return
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	l.note(file, 0, "cannot be read: %v", err)
}

// count is the number of places noted so far.
func (l *ledger) count() int { return len(l.damage) + l.more }
