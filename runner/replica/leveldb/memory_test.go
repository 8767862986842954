package leveldb

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A write-ahead log may hold any number of keys, each many times: what is kept
// of it is bounded, and where the bound is reached that is said once.
func TestManyKeysAreBounded(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	m := &memory{ledger: &ledger{}, logs: []*logFile{{name: "000004.log"}}}
	value := bytes.Repeat([]byte("v"), 100)
	const more = 1000
	for i := range uint64(maxKeys + more) {
		// From the last to the first, and each twice: the second is the newer one.
		key := fmt.Appendf(nil, "%010d", maxKeys+more-i)
		if ok := m.put(key, value, 2*i+1, false, 0, int64(i), 0, 0); ok != (i < maxKeys) {
			t.Fatalf("key %d: taken %v", i, ok)
		}
		if i < maxKeys {
			m.put(key, nil, 2*i+2, i%2 == 0, 0, int64(i), 0, 0)
			m.put(key, value, 2*i, false, 0, int64(i), 0, 0) // An older one comes late.
		}
	}
	const most = 46 << 20
	if took := heap() - before; took > most {
		t.Errorf("%d MiB are kept, want %d at most", took>>20, most>>20)
	}
	if d := m.ledger.damage; len(d) != 1 || !strings.Contains(d[0].What, "the rest is not read") {
		t.Errorf("damage %v, want one", d)
	}
	n, last := uint64(0), ""
	for p, key, ok := m.head(); ok; p, key, ok = m.head() {
		if string(key) <= last {
			t.Fatalf("key %s after %s", key, last)
		}
		i := maxKeys - 1 - n
		if p.sequence != 2*i+2 || p.deleted != (i%2 == 0) {
			t.Fatalf("key %s: sequence %d, deleted %v; want those of the newest, %d", key, p.sequence, p.deleted, 2*i+2)
		}
		last = string(key)
		n++
		m.at++
	}
	if n != maxKeys {
		t.Errorf("%d keys, want %d", n, maxKeys)
	}
	runtime.KeepAlive(m)
}

// Keys that no replica writes are bounded by their length.
func TestLongKeysAreBounded(t *testing.T) {
	m := &memory{ledger: &ledger{}, logs: []*logFile{{name: "000004.log"}}}
	long := strings.Repeat("k", 100<<10)
	taken := 0
	for i := range 100 {
		if m.put(fmt.Appendf(nil, "%s%03d", long, i), nil, uint64(i+1), false, 0, 0, 0, 0) {
			taken++
		}
	}
	if taken != longBytes/(100<<10+3) || len(m.ledger.damage) != 1 {
		t.Errorf("%d keys of 100 KiB are kept, damage %v", taken, m.ledger.damage)
	}
	if _, key, ok := m.head(); !ok || string(key) != long+"000" {
		t.Error("the first key is another one")
	}
}
