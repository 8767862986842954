package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"aurorabot/runner"
)

// A network that is cut while a command is being sent, and comes back after the
// bot gave the connection up: what was not sent by then never arrives.
func TestGivenUpIsNotSentLater(t *testing.T) {
	lab, cfg := startHost(t)
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	cut, healed := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		from, err := relay.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer from.Close()
		to, err := net.Dial("tcp", lab.Address())
		if err != nil {
			ended <- err
			return
		}
		defer to.Close()
		go func() { _, _ = io.Copy(from, to) }()
		// The command has begun long before this much of its input went by.
		if _, err := io.CopyN(to, from, 256<<10); err != nil {
			ended <- err
			return
		}
		close(cut)
		<-healed
		_, err = io.Copy(io.Discard, from)
		ended <- err
	}()
	cfg.Address, cfg.ConnectTimeout = relay.Addr().String(), 5*time.Second
	cfg.KnownHosts = []string{write(t, strings.Replace(lab.KnownHosts(), port(lab.Address()), port(cfg.Address), 1))}
	h := open(t, cfg)
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		<-cut
		giveUp()
	}()
	_, err = h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", "cat >/dev/null"}, Stdin: bytes.Repeat([]byte("commit "), 1<<20)})
	if err == nil || errors.Is(err, runner.ErrNotStarted) {
		t.Fatalf("over a network that is cut: %v; want that the outcome is not known", err)
	}
	close(healed)
	select {
	case err := <-ended:
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the network came back the connection ended with %v, want a reset: all that was queued was sent", err)
		}
	case <-time.After(time.Minute):
		t.Error("the connection is still there")
	}
}
