package mesoslog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/syndtr/goleveldb/leveldb/journal"
	"github.com/syndtr/goleveldb/leveldb/storage"
)

// check looks at CURRENT, the MANIFEST and the list of tables before the
// library does, and refuses what the real leveldb refuses, in its words. The
// library refuses other things, with other words, or repairs them.
//
// A folder without CURRENT is a new database to leveldb, whatever else lies
// in it: its tables are deleted.
func (d *folder) check() error {
	b, err := os.ReadFile(d.path + "/CURRENT")
	if errors.Is(err, fs.ErrNotExist) {
		return d.forget()
	}
	if err != nil {
		return ioError(d.path+"/CURRENT", err)
	}
	name, ok := strings.CutSuffix(string(b), "\n")
	if !ok {
		return corruption("CURRENT file does not end with newline")
	}
	f, err := os.Open(d.path + "/" + name)
	if err != nil {
		return ioError(d.path+"/"+name, err)
	}
	defer func() { _ = f.Close() }()
	live, err := readManifest(f)
	if err != nil {
		return err
	}
	return d.tablesPresent(live)
}

func corruption(format string, args ...any) error {
	return fmt.Errorf("Corruption: "+format, args...) // leveldb's text
}

// forget deletes what a new database does not refer to. Write-ahead logs
// stay: leveldb replays them into the new database.
func (d *folder) forget() error {
	fds, err := d.List(storage.TypeManifest | storage.TypeTable)
	if err != nil {
		return ioError(d.path, err)
	}
	for _, fd := range fds {
		if fd.Type == storage.TypeTable {
			d.Log(fmt.Sprintf("Delete type=2 #%d", fd.Num))
		}
		if err := d.Remove(fd); err != nil {
			return ioError(d.path, err)
		}
	}
	d.fresh = true
	return nil
}

// tablesPresent names the first of the live tables that the folder lacks.
func (d *folder) tablesPresent(live map[uint64]bool) error {
	fds, err := d.List(storage.TypeTable)
	if err != nil {
		return ioError(d.path, err)
	}
	for _, fd := range fds {
		delete(live, uint64(fd.Num))
	}
	if len(live) == 0 {
		return nil
	}
	var missing []uint64
	for n := range live {
		missing = append(missing, n)
	}
	return corruption("%d missing files; e.g.: %s/%06d.ldb", len(live), d.path, slices.Min(missing))
}

// The tags of a version edit that matter here; the others are skipped.
const (
	editComparator = 1
	editLogNumber  = 2
	editNextFile   = 3
	editLastSeq    = 4
	editCompactAt  = 5
	editDeleteFile = 6
	editNewFile    = 7
	editPrevLog    = 9
)

// dropped remembers the first corruption that the journal reader skipped.
type dropped struct{ err error }

func (d *dropped) Drop(err error) {
	if d.err == nil {
		d.err = err
	}
}

// readManifest gives the numbers of the tables that the last version holds.
// A record that ends past the end of the file is a torn write and not
// corruption, as leveldb has it; what it said is lost.
func readManifest(r io.Reader) (map[uint64]bool, error) {
	live := map[uint64]bool{}
	seen := map[uint64]bool{}
	var drop dropped
	jr := journal.NewReader(r, &drop, false, true)
	for {
		rec, err := jr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, corruption("%v", err)
		}
		b, err := io.ReadAll(rec)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			continue // torn or skipped; drop has it if it was corrupt
		}
		if err != nil {
			return nil, corruption("%v", err)
		}
		if err := applyEdit(b, live, seen); err != nil {
			return nil, err
		}
	}
	switch {
	case drop.err != nil && strings.Contains(drop.err.Error(), "checksum mismatch"):
		return nil, corruption("checksum mismatch")
	case !seen[editNextFile]:
		return nil, corruption("no meta-nextfile entry in descriptor")
	case !seen[editLogNumber]:
		return nil, corruption("no meta-lognumber entry in descriptor")
	case !seen[editLastSeq]:
		return nil, corruption("no last-sequence-number entry in descriptor")
	}
	return live, nil
}

func applyEdit(b []byte, live, seen map[uint64]bool) error {
	bad := corruption("VersionEdit: invalid tag")
	number := func() (uint64, bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		b = b[n:]
		return v, true
	}
	text := func() bool {
		n, ok := number()
		if !ok || n > uint64(len(b)) {
			return false
		}
		b = b[n:]
		return true
	}
	for len(b) > 0 {
		tag, ok := number()
		if !ok {
			return bad
		}
		seen[tag] = true
		switch tag {
		case editComparator:
			ok = text()
		case editLogNumber, editNextFile, editLastSeq, editPrevLog:
			_, ok = number()
		case editCompactAt:
			if _, ok = number(); ok {
				ok = text()
			}
		case editDeleteFile:
			var file uint64
			if _, ok = number(); ok {
				if file, ok = number(); ok {
					delete(live, file)
				}
			}
		case editNewFile:
			var file uint64
			if _, ok = number(); ok {
				file, ok = number()
			}
			if ok {
				_, ok = number()
			}
			ok = ok && text() && text()
			if ok {
				live[file] = true
			}
		default:
			ok = false
		}
		if !ok {
			return bad
		}
	}
	return nil
}
