package app

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Nothing that a command prints can do something to the terminal.
func TestNothingReachesTheTerminal(t *testing.T) {
	for _, words := range [][]string{
		{"backup", "inspect", "/nowhere/\x1b]52;c;AAAA\a\u202e"}, {"log", "inspect", "--json", "/nowhere/\x1b[2J\u009b"}, {"\x1b[2J"}, {"status", "--config", "/nowhere\x1b[2J"},
	} {
		var out, errs bytes.Buffer
		exit := Run(t.Context(), words, World{Out: &out, Err: &errs, Env: func(string) string { return "" }, Now: time.Now})
		if exit == 0 || strings.ContainsAny(out.String()+errs.String(), "\x1b\a\u202e\u009b") || out.Len()+errs.Len() == 0 {
			t.Errorf("%q: exit %d, %q, %q", words, exit, out.String(), errs.String())
		}
	}
}

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
