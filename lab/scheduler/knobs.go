package scheduler

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Faults of the commit, the values of the knob COMMIT_FAULT.
const (
	faultDropReply   = "drop-reply"    // commits, then closes the connection without an answer
	faultTimeout     = "timeout"       // the append is written, and reported as timed out
	faultTimeoutLost = "timeout-lost"  // the append is reported as timed out, and was never sent
	faultCrashBefore = "crash-before"  // the process dies before the append
	faultUnheard     = "crash-unheard" // the process dies as the call comes in: neither the log nor anybody heard of it
	faultNotReady    = "not-ready"     // answers as a scheduler that does not lead: "Storage is not READY"
	faultCrashAfter  = "crash-after"   // the process dies after the append, before the answer
)

// knobs are the stand-in's own settings: environment variables with the prefix
// AURORA_LAB_, so that the flags stay the real ones. Those that concern a call
// can be changed while it runs (POST /lab/knobs).
type knobs struct {
	mu     sync.Mutex
	values map[string]string
}

// knobNames are all knobs, each with what it does.
var knobNames = map[string]string{
	"VERSION":         "release of Aurora to behave as: 0.22.0",
	"LINGER":          "yes, no: whether the process stays after its application ended; unset: as the release does",
	"START_DELAY":     "time from the start of the process until HTTP listens, 4s, or one between two, 4s..8s",
	"REPLICA_DELAY":   "time from the start of the process until the replica of the log opens, 2s, or one between two; unset: once HTTP listens",
	"FORK":            "time for which the launcher has a child with its own arguments before it becomes the scheduler, or: stays, a launcher that waits for the scheduler as its child",
	"NODES_LINGER":    "any value: SIGTERM ends the process at once, and its nodes in ZooKeeper stay until their session expires",
	"EXPIRED_ENDS":    "any value: a follower's application too ends when its session expires, and its process lingers",
	"CLOSE_DELAY":     "time that HTTP answers on after the application ended: recorded were 2s after a commit on an active leader",
	"API_DELAY":       "time that each call of /api waits first",
	"COMMIT_DELAY":    "time that commitRecovery waits before it appends",
	"COMMIT_FAULT":    "drop-reply, timeout, timeout-lost, crash-before, crash-after, crash-unheard, not-ready",
	"LOG_ALONE":       "any value: the replica of the log neither hears the others nor is heard",
	"BACKUP_FAULT":    "truncate: backups get their final name and half of their bytes; disk-full: the same, and it is an error",
	"CRASH_AT_REPLAY": "any value: the replay of the log dies as on an undecodable entry",
}

// knobValues are the values of the knobs that have a list of them.
var knobValues = map[string][]string{
	"LINGER":       {"yes", "no"},
	"COMMIT_FAULT": {faultDropReply, faultTimeout, faultTimeoutLost, faultCrashBefore, faultCrashAfter, faultUnheard, faultNotReady},
	"BACKUP_FAULT": {"truncate", "disk-full"},
}

func readKnobs(environ []string) (*knobs, error) {
	k := &knobs{values: map[string]string{}}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		name, ours := strings.CutPrefix(name, "AURORA_LAB_")
		if !ours {
			continue
		}
		if err := k.set(name, value); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// set changes a knob. Unknown names and unreadable times are errors: a fault
// that is misspelt must not pass as none.
func (k *knobs) set(name, value string) error {
	if _, known := knobNames[name]; !known {
		return fmt.Errorf("knob AURORA_LAB_%s: unknown", name)
	}
	if (strings.HasSuffix(name, "_DELAY") || name == "FORK" && value != forkStays) && value != "" {
		if _, _, err := between(value); err != nil {
			return fmt.Errorf("knob AURORA_LAB_%s: %w", name, err)
		}
	}
	if allowed, ok := knobValues[name]; ok && value != "" && !slices.Contains(allowed, value) {
		return fmt.Errorf("knob AURORA_LAB_%s: %q is none of %v", name, value, allowed)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values[name] = value
	return nil
}

func (k *knobs) get(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.values[name]
}

// duration is the knob's time; of a range "4s..8s" another one each time.
func (k *knobs) duration(name string) time.Duration {
	from, to, _ := between(k.get(name)) // checked when it was set; unset is none
	return from + rand.N(to-from+1)
}

// between reads a time, or two: "4s", "4s..8s".
func between(value string) (from, to time.Duration, err error) {
	first, last, ranged := strings.Cut(value, "..")
	if from, err = time.ParseDuration(first); err != nil || !ranged {
		return from, from, err
	}
	if to, err = time.ParseDuration(last); err == nil && to < from {
		err = fmt.Errorf("%s is less than %s", last, first)
	}
	return from, max(from, to), err
}

// die ends the process as SIGKILL would: nothing is flushed, closed or said. A
// scheduler that shares its process with others takes them along.
func die() { os.Exit(137) }
