// Package runnertest holds what tests of hosts are made of: [Host], a host in
// memory with state, and [TestHost], the contract that every [runner.Host]
// keeps, fakes and real adapters alike.
package runnertest
