package files

import "runtime/debug"

// frugal makes the collector run when a tenth of the memory is garbage, until
// done is called. The readers hold tables and buffers of a bounded size and
// make little garbage, so it costs nothing worth a measure; but the usual
// half would double what the process takes, on a host that has a scheduler to run.
func frugal() (done func()) {
	before := debug.SetGCPercent(11)
	return func() { debug.SetGCPercent(before) }
}
