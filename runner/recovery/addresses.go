package recovery

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"aurorabot/runner"
)

// addressesOf are the IP addresses that a host is known by. None: not known.
func (r leaving) addressesOf(ctx context.Context, s *runner.State, name string) []netip.Addr {
	found, names := r.writtenAddresses(s, name)
	resolve := r.Resolve
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	for _, n := range names {
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		resolved, err := resolve(within, n)
		cancel()
		if err != nil {
			continue // Then it is not known by this name; the others may do.
		}
		for _, text := range resolved {
			if a, err := netip.ParseAddr(text); err == nil {
				found = withAddress(found, a)
			}
		}
	}
	return found
}

// writtenAddresses are the addresses of a host that stand in the configuration
// or in its flags, and the names there that have to be looked up.
func (r leaving) writtenAddresses(s *runner.State, name string) (found []netip.Addr, names []string) {
	sch := r.Cluster.Scheduler(name)
	texts := []string{sch.Hostname}
	if host, _, err := net.SplitHostPort(sch.HTTP); err == nil {
		texts = append(texts, host)
	}
	if l, err := look(s, name); err == nil {
		texts = append(texts, l.Flags["ip"], l.Flags["hostname"])
	}
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			found = withAddress(found, a)
		} else if text != "" && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	return found, names
}

// withAddress adds an address that is one host's: 127.0.0.1 and 0.0.0.0 are
// every host's own.
func withAddress(list []netip.Addr, a netip.Addr) []netip.Addr {
	a = a.Unmap()
	if a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback() || a.IsUnspecified() || slices.Contains(list, a) {
		return list
	}
	return append(list, a)
}

// portsOf are the ports of a host's log, as pre-flight saw it in ZooKeeper, or
// as the other replicas have theirs; and that of its HTTP server.
func (r leaving) portsOf(s *runner.State, name string, addresses []netip.Addr) []uint16 {
	c, _ := foundCluster.Of(s, runner.Bot)
	var own, others, ports []uint16
	for _, text := range c.Replicas {
		p, err := netip.ParseAddrPort(text)
		switch {
		case err != nil:
		case slices.Contains(addresses, p.Addr().Unmap()):
			own = append(own, p.Port())
		default:
			others = append(others, p.Port())
		}
	}
	if ports = own; len(own) == 0 {
		ports = others
	}
	if len(ports) == 0 {
		return nil // Only the log's port says something of the log.
	}
	if p, err := netip.ParseAddrPort(r.Cluster.Scheduler(name).HTTP); err == nil {
		ports = append(ports, p.Port())
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
