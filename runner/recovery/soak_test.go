package recovery_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
	"aurorabot/runner/journal"
	"aurorabot/runner/recovery"
)

// soakLanes is how many clusters recover side by side: a recovery waits more
// than it works.
const soakLanes = 4

// A footprint is what a process holds while nothing is in hand.
type footprint struct {
	Runs       int
	Elapsed    time.Duration
	Goroutines int
	Files      int   // Open, sockets among them.
	Sockets    int   // Connections and listeners.
	Heap       int64 // Bytes in use after a collection.
	RSS        int64 // Bytes.
}

func measure(t *testing.T) footprint {
	t.Helper()
	// Finalizers need a second collection; what ends does so within a moment.
	for range 3 {
		runtime.GC()
		time.Sleep(100 * time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f := footprint{Goroutines: runtime.NumGoroutine(), Heap: int64(m.HeapAlloc)}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err != nil {
			continue // The one that reads the folder.
		}
		f.Files++
		if strings.HasPrefix(to, "socket:") {
			f.Sockets++
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64) // The kernel's own number.
			f.RSS = kib << 10
		}
	}
	return f
}

// TestSoak does AURORABOT_SOAK recoveries, one after the other on each of four
// clusters, in one process with one set of connections: nothing may grow but
// what a run leaves on disk on purpose. It prints its figures.
func TestSoak(t *testing.T) {
	total, _ := strconv.Atoi(os.Getenv("AURORABOT_SOAK"))
	if total == 0 {
		t.Skip("SKIPPED: AURORABOT_SOAK says no number of recoveries (make soak)")
	}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("SKIPPED: open files are counted by /proc")
	}
	d, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	clusters, recipes := make([]*cluster.Cluster, soakLanes), make([]*recovery.Recovery, soakLanes)
	for lane := range soakLanes {
		clusters[lane], recipes[lane] = lab(t, "")
	}
	fmt.Println("| recoveries | minutes | goroutines | files | sockets | heap, KiB | resident, KiB |\n|---|---|---|---|---|---|---|")
	begun := time.Now()
	var first, last footprint
	for done := 0; done < total; {
		var wg sync.WaitGroup
		for lane := range min(soakLanes, total-done) {
			wg.Go(func() { soakOne(t, d, clusters[lane], recipes[lane], fmt.Sprintf("soak-%d-%d", lane, done)) })
		}
		wg.Wait()
		done += min(soakLanes, total-done)
		if t.Failed() {
			return
		}
		f := measure(t)
		f.Runs, f.Elapsed = done, time.Since(begun)
		if done == 4*soakLanes || first.Runs == 0 {
			first = f // Until then pools and caches fill.
		}
		last = f
		if done%20 == 0 || done == soakLanes || done == total {
			fmt.Printf("| %d | %.1f | %d | %d | %d | %d | %d |\n", done, f.Elapsed.Minutes(), f.Goroutines, f.Files, f.Sockets, f.Heap>>10, f.RSS>>10)
		}
	}
	if last.Goroutines > first.Goroutines+8 || last.Files > first.Files+8 || last.Sockets > first.Sockets+8 {
		t.Errorf("it grew from %+v to %+v", first, last)
	}
	// Half as much again over a hundred recoveries would be a leak of some
	// kilobytes each.
	if last.Heap > first.Heap*3/2+(4<<20) {
		t.Errorf("the heap grew from %d to %d bytes", first.Heap, last.Heap)
	}
}

func soakOne(t *testing.T, j runner.Journal, c *cluster.Cluster, r *recovery.Recovery, id string) {
	e := &runner.Engine{Journal: j, Now: time.Now}
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	data, err := json.Marshal(req)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := e.Append(id, runner.Event{Kind: runner.RunRequested, Who: "T/UANN", Data: data}); err != nil {
		t.Error(err)
		return
	}
	recipe := r.Recipe()
	for {
		s, err := e.Advance(t.Context(), recipe, id)
		if err != nil {
			t.Error(id, err)
			return
		}
		if s.Status != runner.Gated {
			if s.Outcome != "recovered" {
				t.Errorf("%s: %s at %s: %s", id, s.Status, s.Step, s.Why)
			}
			return
		}
		if _, err := e.Append(id, runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest}); err != nil {
			t.Error(id, err)
			return
		}
	}
}
