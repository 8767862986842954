package replica

import "time"

// State says what can be said of a folder as a whole.
type State string

// The states, as scripts see them.
const (
	StateOK         State = "ok"
	StateEmpty      State = "empty"      // A database without any record.
	StateMissing    State = "missing"    // No such folder.
	StateNotALog    State = "not-a-log"  // Something else, or a folder without any file.
	StateDamaged    State = "damaged"    // See Damage; the figures are of what can be read.
	StateUnreadable State = "unreadable" // Permissions.
	StateLocked     State = "locked"     // A process has it open, or changed it meanwhile.
)

// Whole tells whether nothing is wrong with the folder.
func (s State) Whole() bool { return s == StateOK || s == StateEmpty }

// Report is what one replica's folder holds. Its JSON form is a promise to
// scripts: names are added, never changed.
type Report struct {
	Path   string `json:"path"`
	State  State  `json:"state"`
	Status string `json:"status"` // VOTING, RECOVERING, STARTING, EMPTY; "" if nothing could be read.

	Promised  uint64 `json:"promised"`  // Highest proposal promised for the whole log.
	Begin     uint64 `json:"begin"`     // First position that is not cut off.
	End       uint64 `json:"end"`       // Highest position with a record.
	Holes     Ranges `json:"holes"`     // Positions from Begin to End without a record.
	Unlearned Ranges `json:"unlearned"` // Positions whose record is not known to be agreed on.

	// Records from Begin to End by what they do. Tombstones are not in Nops.
	Appends       int64 `json:"appends"`
	Nops          int64 `json:"nops"`
	TombstoneNops int64 `json:"tombstone_nops"`
	Truncates     int64 `json:"truncates"`
	PromiseOnly   int64 `json:"promise_only"` // Promised, but nothing was written yet.
	AppendBytes   int64 `json:"append_bytes"`

	Damage   []Damage `json:"damage"`
	Warnings []string `json:"warnings"`
	Aurora   *Aurora  `json:"aurora,omitempty"` // Nil if there is no entry of Aurora's.
	Digests  []Digest `json:"digests"`          // For [Compare]; see [Digest].
	Error    string   `json:"error"`            // In one line, "" if State.Whole.
}

// Damage is one place where a file is not as its writer left it.
type Damage struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	What   string `json:"what"`
}

// Aurora is what the appends hold after frames are joined and entries inflated.
type Aurora struct {
	Transactions       int64            `json:"transactions"`
	Snapshots          int64            `json:"snapshots"`
	Noops              int64            `json:"noops"` // One per leader.
	AbortedFrameSeries int64            `json:"aborted_frame_series"`
	Undecodable        int64            `json:"undecodable"`
	Ops                map[string]int64 `json:"ops"`
	LastSnapshot       int64            `json:"last_snapshot_position"` // Of its first frame; -1 if there is none.
	LastSnapshotTime   Millis           `json:"last_snapshot_timestamp"`
	LastSnapshotEnd    int64            `json:"last_snapshot_end_position"` // Of its last frame; -1 if there is none.
	LastSnapshotTasks  int64            `json:"last_snapshot_tasks"`
	LastTransaction    int64            `json:"last_transaction_position"` // Of its last frame; -1 if there is none.
	LastUnread         int64            `json:"last_unread_position"`      // Of the last frames that are not a whole entry, or entry that cannot be decoded; -1 if there is none.
}

// Millis is a time as Aurora stores it, in ms since 1970; zero is none.
type Millis int64

// Time is the time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

func (m Millis) String() string {
	if m == 0 {
		return ""
	}
	return m.Time().Format("2006-01-02T15:04:05.000Z")
}

// MarshalText writes RFC 3339 with milliseconds, "" for none.
func (m Millis) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *Millis) UnmarshalText(p []byte) error {
	if len(p) == 0 {
		*m = 0
		return nil
	}
	t, err := time.Parse("2006-01-02T15:04:05.000Z", string(p))
	if err != nil {
		return err
	}
	*m = Millis(t.UnixMilli())
	return nil
}
