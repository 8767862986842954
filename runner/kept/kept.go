// Package kept is one session with a host through which many commands run. A
// session of sshd costs a host tens of milliseconds of processor time, and a
// recovery asks every host the same few questions before each dangerous step:
// what only looks goes through a session that is kept. [Serve] is the end on the
// host, a [Session] the bot's.
//
// The bot writes one line of JSON per command. The host answers with a line that
// names the process, and then with a line that says how it ended, behind which
// the bytes of both outputs follow. Commands run side by side.
package kept

import "time"

// ask is what the bot writes.
type ask struct {
	ID      int      `json:"id"`
	Argv    []string `json:"argv"`
	Stdin   []byte   `json:"stdin,omitempty"`
	LimitMS int64    `json:"limit_ms"` // The host ends the command after it by itself.
	Most    int      `json:"most"`     // Bytes kept of each output.
}

// reply is what the host writes: one without an ID when it is ready, one with a
// process when a command has begun, and one with Ended.
type reply struct {
	ID    int    `json:"id,omitempty"`
	PID   string `json:"pid,omitempty"`
	Begun string `json:"begun,omitempty"` // Field 22 of /proc/PID/stat.
	Ended bool   `json:"ended,omitempty"`
	Exit  int    `json:"exit,omitempty"`
	Out   int    `json:"out,omitempty"` // Bytes of standard output behind this line, then Err of the other.
	Err   int    `json:"err,omitempty"`
	Cut   bool   `json:"cut,omitempty"` // There was more.
}

// A Command is one that only looks: it may be given up, and be run again.
type Command struct {
	Argv  []string
	Stdin []byte
	Limit time.Duration
	Most  int // Bytes kept of each output.
}

// A Result is how a command ended.
type Result struct {
	Stdout, Stderr []byte
	Exit           int // 128+n if signal n ended it, 127 if there is no such program.
	Cut            bool
}

// A Process is known for good by its ID and start time; both are empty where
// none is known.
type Process struct{ PID, Begun string }
