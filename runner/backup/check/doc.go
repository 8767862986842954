// Package check judges the backups of a cluster: could it be restored today?
//
// What was seen of the hosts goes in as [Facts]; out comes one [Result], the
// only thing that reports, alerts, metrics and scripts are made of. It is pure:
// who asks the hosts, and when, is not its business.
package check
