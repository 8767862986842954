package leveldb

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
)

// DB is a database folder that is being read.
type DB struct {
	Path string
	Link string // Target of Path, if it is a symbolic link.

	ledger
	folder  *folder
	version *version // Nil if MANIFEST can't be trusted: then everything there is is read.
	tables  []*source
	memory  *memory
	began   []entry
	free    [][]byte // Windows of tables that were closed.
}

// Open opens the folder, finds out who holds its lock, and reads CURRENT,
// MANIFEST and the write-ahead logs. Damage is no error: it is in
// [DB.Damage]. The caller closes the DB. Whatever is read of it later ends with
// ctx, too.
//
// Errors wrap [ErrMissing], [ErrNotFolder], [ErrNotLevelDB] (nothing in the
// folder is LevelDB's), [ErrDenied], or are a *[LockedError].
func Open(ctx context.Context, path string) (*DB, error) {
	f, link, err := openFolder(ctx, path)
	if err != nil {
		return nil, err
	}
	d := &DB{Path: path, Link: link, folder: f, began: f.entries}
	err = d.start()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx) // What was not read is no damage.
	}
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// LockedError says that a process has the database open.
type LockedError struct {
	Path   string
	Holder string // "process 123".
}

func (e *LockedError) Error() string { return fmt.Sprintf("%s: %s has it open", e.Path, e.Holder) }

// Locked asks again who holds the lock; the error is a *[LockedError].
func (d *DB) Locked() error {
	holder, err := d.folder.holder()
	if err != nil {
		return err
	}
	if holder != "" {
		return &LockedError{Path: d.Path, Holder: holder}
	}
	return nil
}

func (d *DB) start() error {
	if !slices.ContainsFunc(d.folder.entries, func(e entry) bool {
		return e.kind == kindTable || e.kind == kindLog || e.kind == kindManifest || e.kind == kindCurrent
	}) {
		return fmt.Errorf("%s: %w", d.Path, ErrNotLevelDB)
	}
	if err := d.Locked(); err != nil {
		return err
	}
	for _, e := range d.folder.entries {
		if e.mode&fs.ModeSymlink != 0 && e.kind != kindTable && e.kind != kindLog && e.kind != kindManifest && e.kind != kindCurrent {
			d.warn("%s is a symbolic link to %s: not followed", e.name, e.link)
		}
	}
	d.version = readVersion(d.folder, &d.ledger)
	d.checkFiles()
	if err := d.openLogs(); err != nil {
		return err
	}
	if err := d.checkOlder(); err != nil {
		return err
	}
	d.openTables()
	return nil
}

// checkFiles compares MANIFEST with the folder. A table or log that it names
// and that is not there may have been replaced by ones that it does not name,
// so then everything there is is read.
func (d *DB) checkFiles() {
	v := d.version
	if v == nil {
		return
	}
	for _, m := range v.sorted() {
		if _, ok := d.folder.find(kindTable, m.number); !ok {
			d.add(Damage{File: fmt.Sprintf("%06d.ldb", m.number), What: "table missing", UpTo: userKey(m.largest), Lost: true})
			d.version = nil
		}
	}
	if _, ok := d.folder.find(kindLog, v.log); !ok {
		d.note(fmt.Sprintf("%06d.log", v.log), 0, "write-ahead log missing")
		d.version = nil
	}
	var unnamed []string
	for _, e := range d.folder.of(kindTable) {
		if _, ok := v.tables[e.number]; !ok && d.version != nil {
			unnamed = append(unnamed, e.name)
		}
	}
	if n := len(unnamed); n > 0 {
		d.warn("%d tables that MANIFEST does not name, such as %s: LevelDB ignores them and deletes them when it next opens the folder", n, unnamed[0])
	}
	numbers := map[string]string{}
	for _, e := range d.folder.entries {
		if e.kind != kindTable && e.kind != kindLog {
			continue
		}
		id := fmt.Sprint(e.kind, e.number)
		if other, ok := numbers[id]; ok {
			d.note(e.name, 0, "the same number as %s", other)
			d.version = nil
		}
		numbers[id] = e.name
	}
}

// openTables prepares the tables; they are opened when their turn comes.
func (d *DB) openTables() {
	for _, e := range d.folder.of(kindTable) {
		s := &source{db: d, entry: e}
		if d.version != nil {
			m, ok := d.version.tables[e.number]
			if !ok {
				continue
			}
			s.meta = &m
			s.lowest = m.smallest
		}
		d.tables = append(d.tables, s)
	}
}

// openLogs reads the write-ahead logs that MANIFEST does not call obsolete.
func (d *DB) openLogs() error {
	d.memory = &memory{ledger: &d.ledger}
	var next uint64
	for _, e := range d.folder.of(kindLog) {
		v := d.version
		if v != nil && e.number < v.log && e.number != v.prevLog {
			continue
		}
		if len(d.memory.logs) >= 1<<16-1 {
			d.note(e.name, 0, "too many write-ahead logs; not read")
			continue
		}
		file, err := d.folder.open(e)
		if err != nil {
			d.unreadable(e.name, err)
			next = 0
			continue
		}
		if v != nil && e.number == v.log && v.prevLog == 0 {
			next = v.sequence + 1
		}
		if next, err = d.memory.load(&logFile{e.name, file, e.size}, next); err != nil {
			d.unreadable(e.name, err)
			next = 0
		}
	}
	return nil
}

// Damage lists what is wrong, as far as was read: all of it after a complete
// [DB.Walk].
func (d *DB) Damage() []Damage {
	out := slices.Clone(d.damage)
	if d.more > 0 {
		out = append(out, Damage{What: fmt.Sprintf("and %d more places", d.more), Lost: true})
	}
	return out
}

// Warnings lists what is odd but loses nothing.
func (d *DB) Warnings() []string { return slices.Clone(d.warnings) }

// Denied reports whether a file could not be read for lack of permission.
func (d *DB) Denied() bool { return d.denied }

// Snappy is the number of compressed blocks in the tables that were read to their end.
func (d *DB) Snappy() int {
	n := 0
	for _, s := range d.tables {
		n += s.snappy
	}
	return n
}

// Changed reports whether files appeared, vanished or changed size since Open:
// then somebody was writing, and what was read means nothing.
func (d *DB) Changed() (bool, error) {
	if _, err := d.folder.dir.Seek(0, 0); err != nil {
		return false, err
	}
	now, err := d.folder.list()
	if err != nil {
		return false, err
	}
	return !slices.EqualFunc(d.began, now, func(a, b entry) bool {
		return a.name == b.name && (a.size == b.size || a.kind == kindInfo)
	}), nil
}

// Close closes all files.
func (d *DB) Close() error {
	for _, s := range d.tables {
		s.close()
	}
	if d.memory != nil {
		for _, l := range d.memory.logs {
			_ = l.file.Close()
		}
	}
	return d.folder.dir.Close()
}

// Record is one key with its newest value. Key and Value are valid until the
// walk goes on.
type Record struct {
	Key, Value []byte
	Sequence   uint64
	File       string // Where it lies.
	Offset     int64  // Of its block or log record.
}

// Walk calls each for every key that has a value, in the order of the keys.
// It stops at an error of each, of the context, or of reading itself (not at
// damage) and returns it. It can be called again.
func (d *DB) Walk(ctx context.Context, each func(*Record) error) error {
	c, err := d.Cursor()
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := c.Next()
		if err != nil {
			return err
		}
		if r == nil {
			return nil
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// source is a table with its place in the merge.
type source struct {
	db     *DB
	entry  entry
	meta   *tableMeta
	lowest []byte // Internal key that is not above its first one; nil if unknown.
	table  *table
	spent  bool // The record it stands at was given.
	snappy int  // Compressed blocks in it.
}

// open opens the table; false means that it has nothing to give.
func (s *source) open() (bool, error) {
	l := &s.db.ledger
	file, err := s.db.folder.open(s.entry)
	if err != nil {
		l.unreadable(s.entry.name, err)
		return false, nil
	}
	s.table = &table{file: file, entry: s.entry, meta: s.meta, ledger: l, window: s.db.window()}
	ok, err := s.table.load()
	if err == nil && ok {
		ok, err = s.table.next()
	}
	if err != nil {
		l.unreadable(s.entry.name, err)
		ok = false
	}
	if !ok {
		s.finish()
		return false, nil
	}
	if s.meta != nil && !bytes.Equal(s.table.key, s.meta.smallest) && s.table.nextAt == 1 {
		l.harmless(s.entry.name, 0, "first key is not the one that MANIFEST says")
	}
	return true, nil
}

// finish closes the table at its end.
func (s *source) finish() {
	s.snappy = s.table.snappy
	s.close()
}

func (s *source) close() {
	if s.table == nil {
		return
	}
	s.db.free = append(s.db.free, s.table.window)
	_ = s.table.file.Close()
	s.table = nil
}

// window returns a buffer for reading a table.
func (d *DB) window() []byte {
	if n := len(d.free); n > 0 {
		w := d.free[n-1]
		d.free = d.free[:n-1]
		return w[:0]
	}
	return make([]byte, 0, tableWindow)
}
