package leveldb

import (
	"bytes"
	"container/heap"
	"context"
)

// Cursor merges tables and write-ahead logs in the order of the keys and gives
// the newest version of each. One cursor of a DB at a time.
type Cursor struct {
	db     *DB
	heap   tableHeap
	record Record
	last   []byte // User key given or passed over last.
	begun  bool
}

// Cursor begins a pass over all records.
func (d *DB) Cursor() (*Cursor, error) {
	c := &Cursor{db: d}
	for _, s := range d.tables {
		s.close()
		if s.lowest == nil {
			// MANIFEST does not say where it begins: its first block does.
			ok, err := s.open()
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			s.lowest = bytes.Clone(s.table.key)
			s.close()
		}
		c.heap = append(c.heap, s)
	}
	heap.Init(&c.heap)
	d.memory.at = 0
	return c, nil
}

// Next returns the next record, or nil at the end. It is valid until the
// following call.
func (c *Cursor) Next() (*Record, error) {
	r, err := c.following()
	if ctx := c.db.folder.ctx; r == nil && err == nil && ctx.Err() != nil {
		return nil, context.Cause(ctx) // Files that could not be read for that have no end.
	}
	return r, err
}

func (c *Cursor) following() (*Record, error) {
	for {
		item, itemKey, inMemory := c.db.memory.head()
		if err := c.ready(); err != nil {
			return nil, err
		}
		if len(c.heap) == 0 && !inMemory {
			return nil, nil
		}
		fromMemory := inMemory
		if inMemory && len(c.heap) > 0 {
			key := c.heap[0].table.key
			if order := bytes.Compare(itemKey, userKey(key)); order != 0 {
				fromMemory = order < 0
			} else {
				sequence, _ := trailer(key)
				fromMemory = item.sequence > sequence
			}
		}
		var stale, deleted bool
		r := &c.record
		if fromMemory {
			key := itemKey
			if stale = c.begun && bytes.Equal(key, c.last); !stale && !item.deleted {
				value, err := c.db.memory.value(item)
				if err != nil {
					return nil, err
				}
				*r = Record{key, value, item.sequence, c.db.memory.logs[item.log].name, item.offset}
			}
			deleted = item.deleted
			if !stale {
				c.last = append(c.last[:0], key...)
			}
			c.db.memory.at++
			if !stale && !deleted {
				c.begun = true
				return r, nil
			}
		} else {
			// The table moves on at the next call, so that key and value stay valid.
			t := c.heap[0].table
			key := userKey(t.key)
			sequence, gone := trailer(t.key)
			stale, deleted = c.begun && bytes.Equal(key, c.last), gone
			c.last = append(c.last[:0], key...)
			c.heap[0].spent = true
			if !stale && !deleted {
				*r = Record{c.last, t.val, sequence, t.entry.name, t.at.offset}
				c.begun = true
				return r, nil
			}
		}
		c.begun = true
	}
}

// ready makes the table at the top of the heap one that is open and stands at
// a record that was not given yet.
func (c *Cursor) ready() error {
	for len(c.heap) > 0 {
		s := c.heap[0]
		var ok bool
		var err error
		switch {
		case s.table == nil:
			ok, err = s.open()
			s.spent = false
		case s.spent:
			ok, err = s.table.next()
			s.spent = false
			if err != nil {
				s.table.ledger.unreadable(s.entry.name, err)
				ok, err = false, nil
			}
			if !ok {
				s.finish()
			}
		default:
			return nil
		}
		if err != nil {
			return err
		}
		if !ok {
			heap.Pop(&c.heap)
			continue
		}
		// Most tables do not overlap: the top stays the top.
		if c.heap.topInPlace() {
			return nil
		}
		heap.Fix(&c.heap, 0)
	}
	return nil
}

// Close ends the pass.
func (c *Cursor) Close() {
	for _, s := range c.db.tables {
		s.close()
	}
}

// tableHeap orders tables by the record they stand at, those that are not open
// yet by the lowest key they can have.
type tableHeap []*source

func (h tableHeap) key(i int) []byte {
	if t := h[i].table; t != nil {
		return t.key
	}
	return h[i].lowest
}
func (h tableHeap) Len() int           { return len(h) }
func (h tableHeap) Less(i, j int) bool { return compareInternal(h.key(i), h.key(j)) < 0 }
func (h tableHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *tableHeap) Push(x any)        { *h = append(*h, x.(*source)) }
func (h *tableHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (h tableHeap) topInPlace() bool {
	return (len(h) < 2 || !h.Less(1, 0)) && (len(h) < 3 || !h.Less(2, 0))
}
