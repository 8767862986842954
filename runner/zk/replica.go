package zk

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Replica is a member of a replicated log's group.
type Replica struct {
	Node         string         // Name of the node, without its path: its number.
	PID          string         // What libprocess calls it: "log-replica(1)@127.0.0.11:8083".
	Process      string         // The PID up to the @.
	Address      netip.AddrPort // Where it listens.
	Stale        bool           // A later node has the same PID: this one is left from a process that died, until its session expires.
	SessionOwner int64          // Session that the node ends with.
	Created      time.Time      // By the server's clock, in UTC.
}

// isReplica reports whether a node is a member: its whole name is a number.
func isReplica(name string) bool { return isSequence(name) }

// parseReplicas returns the members among nodes, oldest first.
func parseReplicas(nodes []znode) ([]Replica, error) {
	list := []Replica{}
	for _, n := range nodes {
		if !isReplica(n.name) {
			continue
		}
		process, address, err := parsePID(string(n.data))
		if err != nil {
			return nil, fmt.Errorf("%s: data %s: %w", n.name, quote(n.data), err)
		}
		list = append(list, Replica{
			Node: n.name, PID: string(n.data), Process: process, Address: address,
			SessionOwner: n.owner, Created: n.created,
		})
	}
	sortByNumber(list, func(r Replica) string { return r.Node })
	markStale(list)
	return list, nil
}

// markStale marks all but the latest of those with one PID. The time of
// creation tells: after an overflow the latest has not the highest number.
func markStale(list []Replica) {
	latest := map[string]int{}
	for i, r := range list {
		before, seen := latest[r.PID]
		switch {
		case !seen:
			latest[r.PID] = i
		case r.Created.Before(list[before].Created):
			list[i].Stale = true
		default:
			list[before].Stale = true
			latest[r.PID] = i
		}
	}
}

// parsePID splits a libprocess PID, "process@address:port".
func parsePID(pid string) (process string, address netip.AddrPort, err error) {
	process, where, ok := strings.Cut(pid, "@")
	if !ok || process == "" {
		return "", netip.AddrPort{}, errors.New("not process@address:port")
	}
	for _, r := range process {
		if r <= ' ' || r > '~' {
			return "", netip.AddrPort{}, errors.New("not a name of a process")
		}
	}
	address, err = netip.ParseAddrPort(where)
	if err != nil {
		return "", netip.AddrPort{}, err
	}
	if address.Port() == 0 {
		return "", netip.AddrPort{}, errors.New("port is 0")
	}
	return process, address, nil
}
