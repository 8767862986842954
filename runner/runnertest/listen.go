package runnertest

import (
	"net"
	"sync"
	"testing"
)

// Listen has serve called with every connection to a new listener, until the test
// ends, and returns where it listens. serve need not close its connection.
func Listen(t testing.TB, network, address string, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); serve(conn) })
		}
	})
	return listener.Addr().String()
}
