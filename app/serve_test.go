package app

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// Connections that are idle or say nothing are not kept for ever, and there are no
// more than there is room for.
func TestHealthAddressIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := healthServer(http.NewServeMux())
	if srv.IdleTimeout == 0 || srv.ReadTimeout == 0 || srv.ReadHeaderTimeout == 0 || srv.WriteTimeout == 0 {
		t.Errorf("a time limit is missing: %+v", srv)
	}
	b := &bounded{Listener: l, room: make(chan struct{}, 2)}
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := b.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	defer (<-accepted).Close()
	select {
	case <-accepted:
		t.Fatal("a third connection is taken where there is room for two")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // Twice gives no second room.
	third := <-accepted
	third.Close()
	l.Close()
	for c := range accepted {
		c.Close()
	}
}
