package files

import "runtime/debug"

// Memory that the commands keep to, as the collector counts it, in bytes: the
// program itself, some 10 MiB, comes on top. What they hold is bounded below
// that; without a limit the collector would let the garbage of a large file
// double it, on a host that has a scheduler to run.
const (
	backupMemory = 17 << 20
	logMemory    = 44 << 20
)

// frugal makes the collector keep to limit until done is called.
func frugal(limit int64) (done func()) {
	before := debug.SetMemoryLimit(limit)
	return func() { debug.SetMemoryLimit(before) }
}
