// Package replica reads what a replica of the Mesos replicated log holds, as
// Aurora wrote it there: LevelDB records, Paxos actions, and the scheduler's
// log entries with their frames, snapshots and transactions.
//
// [Inspect] states the figures that the real replica would come up with, and
// lists the damage that the real one is silent about. [Compare] sets several
// replicas side by side. [Entries] lists what is in the log, and [Salvage]
// replays it into a backup.
//
// Nothing here changes, creates or locks anything in the folders. Reading is
// one pass in the order of positions, in memory that depends on the largest
// entry and on the number of gaps, not on the size of the log; a framed
// snapshot is counted while it streams by. Only Salvage holds the state that
// it rebuilds.
package replica
