package leveldb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Tags of a version edit (db/version_edit.cc of LevelDB).
const (
	tagComparator   = 1
	tagLogNumber    = 2
	tagNextFile     = 3
	tagLastSequence = 4
	tagPointer      = 5
	tagDeletedFile  = 6
	tagNewFile      = 7
	tagPrevLog      = 9
)

// maxManifest bounds the MANIFEST that is read whole.
const maxManifest = 64 << 20

// maxTables bounds the tables that a MANIFEST may name.
const maxTables = 1 << 18

// tableMeta is what MANIFEST says of one table.
type tableMeta struct {
	level             int
	number            uint64
	size              uint64
	smallest, largest []byte // Internal keys.
}

// version is the state that all edits of a MANIFEST lead to.
type version struct {
	manifest     string // Name of the file.
	comparator   string
	log, prevLog uint64
	next         uint64
	sequence     uint64
	haveLog      bool
	haveNext     bool
	haveSequence bool
	tables       map[uint64]tableMeta
}

func (v *version) sorted() []tableMeta {
	return slices.SortedFunc(maps.Values(v.tables), func(a, b tableMeta) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
}

// apply adds one edit. An error means that the edit is not one; what came
// before the error is applied.
func (v *version) apply(p []byte) error {
	at := 0
	for at < len(p) {
		var tag, a, b, c uint64
		var s, t []byte
		start := at
		if tag, at = uvarint(p, at); at < 0 {
			return fmt.Errorf("no tag at %d of an edit", start)
		}
		switch tag {
		case tagComparator:
			if s, at = prefixed(p, at); at >= 0 {
				if v.comparator != "" {
					// Only the first edit of a MANIFEST has one.
					return fmt.Errorf("a beginning at %d of an edit, but one is there already", start)
				}
				v.comparator = string(s)
			}
		case tagLogNumber:
			v.log, at = uvarint(p, at)
			v.haveLog = at >= 0
		case tagPrevLog:
			v.prevLog, at = uvarint(p, at)
		case tagNextFile:
			v.next, at = uvarint(p, at)
			v.haveNext = at >= 0
		case tagLastSequence:
			v.sequence, at = uvarint(p, at)
			v.haveSequence = at >= 0
		case tagPointer:
			_, at = uvarint(p, at)
			_, at = prefixed(p, at)
		case tagDeletedFile:
			_, at = uvarint(p, at)
			a, at = uvarint(p, at)
			delete(v.tables, a)
		case tagNewFile:
			a, at = uvarint(p, at)
			b, at = uvarint(p, at)
			c, at = uvarint(p, at)
			s, at = prefixed(p, at)
			t, at = prefixed(p, at)
			if at >= 0 && (len(s) < 8 || len(t) < 8) {
				at = -1
			}
			// goleveldb names a table twice in a MANIFEST that it begins: once as
			// what was there, once as what is new. Only a contradiction is damage.
			if was, twice := v.tables[b]; at >= 0 && twice && (was.size != c || !bytes.Equal(was.smallest, s) || !bytes.Equal(was.largest, t)) {
				return fmt.Errorf("table %d at %d of an edit is there already, and another one", b, start)
			}
			if at >= 0 && len(v.tables) < maxTables {
				v.tables[b] = tableMeta{int(min(a, 99)), b, c, bytes.Clone(s), bytes.Clone(t)}
			}
		default:
			return fmt.Errorf("unknown tag %d at %d of an edit", tag, start)
		}
		if at < 0 {
			return fmt.Errorf("tag %d at %d of an edit is cut", tag, start)
		}
	}
	return nil
}

// readVersion finds the MANIFEST through CURRENT and reads it. It returns nil
// where there is no MANIFEST that can be trusted to name the files; what is
// wrong is in the ledger.
func readVersion(f *folder, l *ledger) *version {
	manifests := f.of(kindManifest)
	manifest, wrong := currentManifest(f, l)
	if wrong != "" && len(manifests) > 0 {
		manifest = &manifests[len(manifests)-1] // The newest; nothing is lost if it is whole.
	}
	if manifest == nil {
		if wrong != "" {
			l.note("CURRENT", 0, "%s", wrong)
		}
		l.note("MANIFEST", 0, "missing")
		return nil
	}
	var v *version
	whole := false
	if file, err := f.open(*manifest); err != nil {
		l.unreadable(manifest.name, err)
	} else {
		v, whole = readManifest(file, *manifest, l)
		_ = file.Close()
	}
	if wrong != "" {
		l.add(Damage{File: "CURRENT", What: wrong, Lost: !whole})
	}
	if !whole {
		return nil
	}
	return v
}

// currentManifest asks CURRENT for the MANIFEST, or says what is wrong with it.
func currentManifest(f *folder, l *ledger) (manifest *entry, wrong string) {
	current, ok := f.find(kindCurrent, 0)
	if !ok {
		return nil, "missing"
	}
	p, err := f.small(current, 4096)
	if err != nil {
		l.unreadable("CURRENT", err)
		return nil, "cannot be read"
	}
	name, whole := strings.CutSuffix(string(p), "\n")
	k, number := classify(name)
	if len(p) == 0 {
		return nil, "empty"
	} else if !whole || k != kindManifest {
		return nil, fmt.Sprintf("names no MANIFEST: %.60q", p)
	}
	e, ok := f.find(kindManifest, number)
	if !ok || e.name != name {
		return nil, fmt.Sprintf("names %s, which is missing", name)
	}
	return &e, ""
}

// readManifest reads one MANIFEST. whole says that nothing is wrong with it.
func readManifest(file io.ReaderAt, e entry, l *ledger) (v *version, whole bool) {
	before := l.count()
	v = &version{manifest: e.name, tables: map[uint64]tableMeta{}}
	if e.size > maxManifest {
		l.note(e.name, maxManifest, "longer than %d bytes", maxManifest)
		return v, false
	}
	r := newRecords(file, e.name, e.size, l)
	r.torn = "ends inside an edit"
	for {
		p, at, ok, err := r.next()
		if err != nil {
			l.unreadable(e.name, err)
			return v, false
		}
		if !ok {
			break
		}
		if err := v.apply(p); err != nil {
			l.note(e.name, at, "not a version edit: %v", err)
		}
	}
	switch {
	case e.size == 0:
		l.note(e.name, 0, "empty")
	case !v.haveNext:
		l.note(e.name, 0, "no next file number in it")
	case !v.haveLog:
		l.note(e.name, 0, "no log number in it")
	case !v.haveSequence:
		l.note(e.name, 0, "no last sequence in it")
	case v.comparator != "leveldb.BytewiseComparator":
		l.note(e.name, 0, "comparator %q, not leveldb.BytewiseComparator", v.comparator)
	}
	return v, l.count() == before
}

// userKey is an internal key without its sequence number and type.
func userKey(internal []byte) []byte { return internal[:len(internal)-8] }

// trailer is the sequence number and type at the end of an internal key.
func trailer(internal []byte) (sequence uint64, deleted bool) {
	t := binary.LittleEndian.Uint64(internal[len(internal)-8:])
	return t >> 8, t&0xff == 0
}
