package aurora

import (
	"fmt"
	"strconv"
	"strings"
)

// A Version is a release of Aurora, "0.22.0". The zero value is unknown.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads "0.22.0", "0.22", also with a suffix ("0.26.0-SNAPSHOT").
func ParseVersion(s string) (Version, error) {
	core, _, _ := strings.Cut(s, "-")
	parts := strings.Split(core, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, fmt.Errorf("version %q: want MAJOR.MINOR or MAJOR.MINOR.PATCH", s)
	}
	var n [3]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || v > 9999 {
			return Version{}, fmt.Errorf("version %q: %q is no number", s, p)
		}
		n[i] = v
	}
	return Version{n[0], n[1], n[2]}, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// MarshalText writes the version as people do.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Version) UnmarshalText(b []byte) (err error) { *v, err = ParseVersion(string(b)); return err }

// At reports whether v is major.minor or later.
func (v Version) At(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// A Profile is what differs by version: RUNBOOK, "Profiles".
type Profile struct {
	Name string // "0.6 - 0.8", for people.

	// Against accidental task loss while disabled.
	UnsetGCExecutor     bool // -gc_executor_path is left out (0.6 - 0.8).
	ReconciliationDelay bool // -reconciliation_initial_delay=365days (from 0.9).

	Bypass   bool // --bypass-leader-redirect and its header exist (from 0.12).
	Lingers  bool // The process stays after a commit (from 0.21).
	Recipes  []string
	DBScript bool // The scheduler reads Snapshot.dbScript (0.13 - 0.19).
}

// ProfileOf returns what holds for v.
func ProfileOf(v Version) (Profile, error) {
	switch {
	case v == Version{}:
		return Profile{}, fmt.Errorf("the version of Aurora is not known")
	case !v.At(0, 6):
		return Profile{}, fmt.Errorf("Aurora %s is older than 0.6: there is no profile for it", v)
	}
	p := Profile{
		Bypass:   v.At(0, 12),
		Lingers:  v.At(0, 21),
		DBScript: v.At(0, 13) && !v.At(0, 20),
		Recipes:  []string{"staged"},
	}
	switch {
	case !v.At(0, 9):
		p.Name, p.UnsetGCExecutor = "0.6 - 0.8", true
	case !v.At(0, 21):
		p.Name, p.ReconciliationDelay = "0.9 - 0.20", true
	default:
		p.Name, p.ReconciliationDelay = "0.21 and later", true
		p.Recipes = append(p.Recipes, "offline")
	}
	return p, nil
}

// A FlagChange is one flag of the disabled state.
type FlagChange struct {
	Flag  string `json:"flag"`            // Without the dash.
	Value string `json:"value,omitempty"` // What it is set to.
	Unset bool   `json:"unset,omitempty"` // It is left out instead.
}

func (f FlagChange) String() string {
	if f.Unset {
		return "-" + f.Flag + " left out"
	}
	return "-" + f.Flag + "=" + f.Value
}

// DisabledFlags are the changes of Preparation: the scheduler never finds the
// Mesos master, waits long for it, and collects or reconciles no task.
func (p Profile) DisabledFlags(fakeMaster, registrationWait string) []FlagChange {
	changes := []FlagChange{
		{Flag: "mesos_master_address", Value: fakeMaster},
		{Flag: "max_registration_delay", Value: registrationWait},
	}
	if p.UnsetGCExecutor {
		changes = append(changes, FlagChange{Flag: "gc_executor_path", Unset: true})
	}
	if p.ReconciliationDelay {
		changes = append(changes, FlagChange{Flag: "reconciliation_initial_delay", Value: "365days"})
	}
	return changes
}
