package backup

import "strconv"

// Status is a ScheduleStatus of api.thrift.
type Status int32

// unset stands for a status that is not there; no ScheduleStatus is negative.
const unset Status = -1

// statuses holds the names of all releases, and which are in ACTIVE_STATES.
var statuses = [...]struct {
	name   string
	active bool
}{
	0:  {"PENDING", true},
	1:  {"STARTING", true},
	2:  {"RUNNING", true},
	3:  {"FINISHED", false},
	4:  {"FAILED", false},
	5:  {"KILLED", false},
	6:  {"KILLING", true},
	7:  {"LOST", false},
	9:  {"ASSIGNED", true},
	10: {"SANDBOX_DELETED", false},
	11: {"INIT", false},
	12: {"RESTARTING", true},
	13: {"PREEMPTING", true},
	16: {"THROTTLED", true},
	17: {"DRAINING", true},
	18: {"PARTITIONED", true},
}

// Known tells whether any release knows the status.
func (s Status) Known() bool {
	return s >= 0 && int(s) < len(statuses) && statuses[s].name != ""
}

// Active tells whether a task in this status is one that the scheduler keeps alive, as Aurora's ACTIVE_STATES say.
func (s Status) Active() bool { return s.Known() && statuses[s].active }

// String gives the name, UNKNOWN and the number for one that no release knows, UNSET for none.
func (s Status) String() string {
	switch {
	case s.Known():
		return statuses[s].name
	case s == unset:
		return "UNSET"
	}
	return "UNKNOWN " + strconv.Itoa(int(s))
}

// MarshalText gives the same as String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseStatus is the reverse of String for the names of api.thrift.
func ParseStatus(name string) (Status, bool) {
	for i, s := range statuses {
		if s.name != "" && s.name == name {
			return Status(i), true
		}
	}
	return unset, false
}
