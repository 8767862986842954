package proxy

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that says back every line.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return l.Addr().String()
}

// Each fault does what its comment says to a connection, and after it was
// healed a new one is as good as before.
func TestFaults(t *testing.T) {
	p, err := Listen("127.0.0.1", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, bufio.NewReader(c)
	}
	ask := func(c net.Conn, r *bufio.Reader, within time.Duration) (string, error) {
		c.SetDeadline(time.Now().Add(within))
		if _, err := io.WriteString(c, "hello\n"); err != nil {
			return "", err
		}
		return r.ReadString('\n')
	}
	for _, f := range Faults {
		c, r := dial()
		if got, err := ask(c, r, 5*time.Second); err != nil || got != "hello\n" {
			t.Fatalf("before %s: %q, %v", f, got, err)
		}
		p.Set(f)
		if got, err := ask(c, r, 300*time.Millisecond); err == nil && got == "hello\n" {
			t.Errorf("with %s: %q, %v; want no good answer", f, got, err)
		}
		p.Set(None)
	}
	c, r := dial()
	if got, err := ask(c, r, 5*time.Second); err != nil || got != "hello\n" {
		t.Errorf("healed: %q, %v", got, err)
	}
}
