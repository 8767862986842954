package mesoslog

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	reader "aurorabot/runner/replica"
)

// A folder that this package wrote reads the same through the project's own
// reader, which is checked against folders of the real program: while it is
// open, as locked, and afterwards with every figure.
func TestReaderAgrees(t *testing.T) {
	c := newCluster(t)
	c.initialize(1, 2)
	c.start(1)
	c.start(2)
	c.together(1, 2)
	w := c.writer(1)
	payload := strings.Repeat("x", 3000)
	for i := range 40 {
		c.append(w, fmt.Sprint(i, payload))
	}
	if _, err := w.Truncate(t.Context(), 21); err != nil {
		t.Fatal(err)
	}
	c.append(w, "last")
	c.says(2, `learned notice for position 42`)
	inspect := func() reader.Report {
		r, err := reader.Inspect(t.Context(), c.path(2))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := inspect(); r.State != reader.StateLocked {
		t.Errorf("open folder: state %s, want locked", r.State)
	}
	c.stop(1)
	c.stop(2)
	r := inspect()
	if r.State != reader.StateOK || r.Status != "VOTING" || r.Begin != 21 || r.End != 42 || r.Promised != 1 ||
		r.Appends != 21 || r.Truncates != 1 || len(r.Holes)+len(r.Unlearned) != 0 {
		t.Errorf("after the stop: %+v", r)
	}
}

// The lock is a POSIX one, as leveldb takes it: /proc/locks shows it.
func TestLockIsPosix(t *testing.T) {
	path := t.TempDir() + "/log"
	s, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	locked := func() bool {
		info, err := os.Stat(path + "/LOCK")
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Skip(err)
		}
		inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
		for line := range bytes.Lines(b) {
			if bytes.Contains(line, []byte(inode)) && bytes.Contains(line, []byte("POSIX")) {
				return true
			}
		}
		return false
	}
	if !locked() {
		t.Error("/proc/locks does not show the lock of an open folder")
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if locked() {
		t.Error("/proc/locks shows a lock after the close")
	}
}

// Folders grow in many tables and come up with every position.
func TestManyTables(t *testing.T) {
	path := t.TempDir() + "/log"
	r, err := openReplica(path, newGlog(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	r.setStatus(Voting)
	const n = 200
	for p := range uint64(n) {
		a := action{Position: p, Promised: 1, Performed: 1, HasPerformed: true, Learned: true, HasLearned: true,
			Type: actionAppend, Bytes: bytes.Repeat([]byte{byte(p)}, 1<<17)}
		if !r.putAction(a) {
			t.Fatal("putAction failed")
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	var log buffer
	if r, err = openReplica(path, newGlog(&log, nil)); err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if !strings.Contains(log.String(), "Replica recovered with log positions 0 -> 199 with 0 holes and 0 unlearned") {
		t.Error(log.String())
	}
	actions, err := r.readRange(0, n-1)
	if err != nil || len(actions) != n || actions[150].Bytes[5] != 150 {
		t.Errorf("readRange: %d actions, %v", len(actions), err)
	}
}
