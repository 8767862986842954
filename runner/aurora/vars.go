package aurora

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"aurorabot/runner/bound"
)

// Bounds of the answer of /vars: bytes, and variables. The real one has about
// 60 KiB, and some more for each job.
const (
	maxVars  = 8 << 20
	maxNames = 200_000
)

// Vars are a scheduler's exported variables.
type Vars map[string]string

// ParseVars reads the text form of /vars: a name, a space, a value, by line.
func ParseVars(r io.Reader) (Vars, error) {
	in := bufio.NewScanner(bound.NewReader(r, maxVars))
	in.Buffer(make([]byte, 64<<10), maxVars)
	vars := Vars{}
	for in.Scan() {
		name, value, ok := strings.Cut(in.Text(), " ")
		if ok && name != "" {
			vars[name] = value
		}
		if len(vars) > maxNames {
			return nil, fmt.Errorf("/vars: %w: over %d variables", bound.ErrTooMuch, maxNames)
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("/vars: %w: a line of over %d bytes", bound.ErrTooMuch, maxVars)
	} else if err != nil {
		return nil, fmt.Errorf("/vars: %w", err)
	}
	if len(vars) == 0 {
		return nil, fmt.Errorf("/vars: empty answer")
	}
	return vars, nil
}

// Int returns a variable that counts. A variable that is missing or no number
// is an error: it can't be told.
func (v Vars) Int(name string) (int64, error) {
	s, ok := v[name]
	if !ok {
		return 0, fmt.Errorf("/vars has no %s", name)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("/vars: %s is %.40q", name, s)
	}
	return int64(f), nil
}

// Awaiting is the state of a leader that is not registered with Mesos yet.
const Awaiting = "LEADER_AWAITING_REGISTRATION"

// Lifecycle returns the one state of scheduler_lifecycle_* that is 1, "" if it
// is none of them yet. More than one is an error.
func (v Vars) Lifecycle() (string, error) {
	const prefix = "scheduler_lifecycle_"
	state := ""
	for name, value := range v {
		if s, ok := strings.CutPrefix(name, prefix); ok && value == "1" {
			if state != "" {
				return "", fmt.Errorf("/vars: two states at once, %s and %s", state, s)
			}
			state = s
		}
	}
	return state, nil
}
