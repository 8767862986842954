package app

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/handlers/cli"
)

// A bot that serves answers, whoever asks; none that serves, and one that hangs,
// are no health.
func TestHealth(t *testing.T) {
	a := wired(t)
	file := filepath.Join(filepath.Dir(a.cfg.StateDir), "aurorabot.yaml")
	ask := func(ctx context.Context) (int, string) {
		var out bytes.Buffer
		w := a.w
		w.Out, w.Err = &out, &out
		return Run(ctx, []string{"health", "--config", file}, w), out.String()
	}
	if exit, said := ask(t.Context()); exit != 1 || !strings.Contains(said, "nobody serves") {
		t.Errorf("without a bot: %d, %s", exit, said)
	}
	l, err := cli.Listen(a.cfg.CLI.Socket, "")
	if err != nil {
		t.Fatal(err)
	}
	hangs, stop := context.WithCancel(t.Context())
	stop() // As if its time were over: nobody accepts.
	if exit, said := ask(hangs); exit == 0 {
		t.Errorf("of a bot that hangs: %d, %s", exit, said)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := &cli.Server{Service: a.service, Who: a.osUser, Now: a.w.Now, Log: a.log}
	go func() { done <- s.Serve(ctx, l) }()
	if exit, said := ask(t.Context()); exit != 0 || said != "serving\n" {
		t.Errorf("of a bot that serves, asked by somebody whom its policy does not know: %d, %s", exit, said)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if exit, said := ask(t.Context()); exit != 1 {
		t.Errorf("after its end: %d, %s", exit, said)
	}
}
