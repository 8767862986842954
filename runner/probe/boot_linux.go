package probe

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is when the host was started, by its clock of now: what the start of a
// process counts from. (The btime of /proc/stat is cut to whole seconds: by it, the
// last words of a process that was just replaced would be those of the new one.)
func bootTime() (time.Time, error) {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}, fmt.Errorf("time of boot: %w", err)
	}
	return time.Now().Add(-time.Duration(up.Nano())), nil //nolint:forbidigo // Two clocks are compared: both are read now.
}
