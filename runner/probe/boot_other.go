//go:build !linux

package probe

import (
	"errors"
	"time"
)

// bootTime is known on Linux only, where schedulers run.
func bootTime() (time.Time, error) {
	return time.Time{}, errors.New("time of boot: processes are read on Linux only")
}
