package leveldb

import "fmt"

// checkOlder looks for an older MANIFEST that was put in place of the newest, as a
// copy that is laid over a folder does: tables that it does not name and that hold
// records behind its last one and behind the write-ahead logs'. LevelDB would go
// back to the older state and delete them. Then everything there is is read.
//
// What a compaction or a crash leaves behind holds nothing that is newer: its
// records are in the tables that MANIFEST names, or in a log.
func (d *DB) checkOlder() error {
	v := d.version
	if v == nil {
		return nil
	}
	last := v.sequence
	if d.memory.after > 0 {
		last = max(last, d.memory.after-1)
	}
	var newer []string
	var newest uint64
	for _, e := range d.folder.of(kindTable) {
		if _, named := v.tables[e.number]; named {
			continue
		}
		sequence, err := d.newestIn(e)
		if err != nil {
			return err
		}
		if sequence > last {
			newer, newest = append(newer, e.name), max(newest, sequence)
		}
	}
	if n := len(newer); n > 0 {
		what := fmt.Sprintf("table %s, which it does not name, is newer", newer[0])
		if n > 1 {
			what = fmt.Sprintf("%d tables that it does not name, such as %s, are newer", n, newer[0])
		}
		d.harmless(v.manifest, 0, "an older state of the folder: %s (records up to %d; MANIFEST and the logs end with %d); LevelDB goes back to the older state and deletes what is newer when it next opens the folder", what, newest, last)
		d.version = nil
	}
	return nil
}

// newestIn returns the highest sequence number in a table, as far as it can be read;
// 0 if nothing can. Damage of a table that MANIFEST does not name is nobody's.
func (d *DB) newestIn(e entry) (uint64, error) {
	file, err := d.folder.open(e)
	if err != nil {
		return 0, nil //nolint:nilerr // A table that does not count, and that cannot be read, tells nothing.
	}
	defer file.Close()
	t := &table{file: file, entry: e, ledger: &ledger{}, window: d.window()}
	defer func() { d.free = append(d.free, t.window) }()
	var newest uint64
	ok, err := t.load()
	for ok && err == nil {
		if ok, err = t.next(); ok && err == nil {
			sequence, _ := trailer(t.key)
			newest = max(newest, sequence)
		}
	}
	if err != nil && d.folder.ctx.Err() != nil {
		return 0, err
	}
	return newest, nil
}
