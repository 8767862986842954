//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// columns are those of a terminal; 0 if it is none, or does not know.
func columns(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ) //nolint:gosec // A descriptor is a small number.
	if err != nil {
		return 0
	}
	return int(size.Col)
}
