// Package simulation is a test of everything at once: the real engine, the real
// recipe of runner/recovery and the real service of handlers with its policy,
// against a world that is played. One seed gives one story, and the same story
// each time: `go test -run TestSimulation ./runner/simulation -seed S` tells it.
//
// The cut lies at the narrowest place that all of the real code goes through:
// [aurorabot/runner.Host] (commands, files, forwards), recovery's ZooKeeper,
// handlers' Directory, the journal and the clock. Behind it stand hosts with
// files, units, processes and a packet filter; schedulers with staging, commit,
// elections and a registration with Mesos; replicas of a log as lists of
// entries; people who approve, deny, drop, abort, resume and undo, rightly and
// wrongly. SSH, Slack's protocol and the bytes of LevelDB are left to the tests
// of runner/ssh, bot and runner/replica.
//
// Time is virtual (testing/synctest), and whatever touches the world takes its
// turn: when every goroutine waits, the seed chooses whose turn is next. So a
// seed also chooses how the hosts of a step interleave.
//
// At each turn something may go wrong: see faults_test.go. After each event of
// the journal and each act on the world the rules are asked: rule*_test.go, the
// safety rules of the runbook, one check each. When a number of faults is used
// up the world calms down, and the run must come to an end.
package simulation
