package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/metrics"
)

// memoryLimit is how much memory the bot takes before it collects garbage harder, in
// bytes. What hostile hosts make it keep stays below; see docs/limits.md.
const memoryLimit = 192 << 20

// serve is the bot: Socket Mode, reports by the clock, the command socket, health.
func serve(ctx context.Context, in *input) int {
	w := in.World
	if w.Env("GOMEMLIMIT") == "" {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	}
	how, err := loggingOf(in.given)
	if err != nil {
		return in.misused(err.Error(), in.hint())
	}
	w.logging = how
	cfg, err := load(in.config, w)
	if err != nil {
		return w.fail(err)
	}
	a, err := wire(cfg, w)
	if err != nil {
		return w.fail(err)
	}
	defer a.close()
	if err := a.service.Recover(); err != nil {
		return w.fail(err)
	}
	if err := a.service.Began(); err != nil {
		return w.fail(err)
	}
	if err := a.connect(); err != nil {
		return w.fail(err)
	}
	defer a.service.Subscribe(a.narrate)()
	a.log.InfoContext(ctx, "serving", "version", version(), "clusters", len(cfg.Clusters), "reports", len(cfg.Reports), "policy", fmt.Sprintf("%.12s", cfg.PolicyDigest), "listen", cfg.Listen)
	socket, err := cli.Listen(cfg.CLI.Socket, cfg.CLI.Group)
	if errors.Is(err, fs.ErrNotExist) {
		return w.hinted(err, "make the folder of cli.socket: RuntimeDirectory=aurorabot in the unit makes /run/aurorabot")
	}
	if err != nil {
		return w.fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		s := &cli.Server{Service: a.service, Who: a.osUser, Peer: w.Peer, Now: w.Now, Log: a.log}
		if err := s.Serve(ctx, socket); err != nil {
			a.log.ErrorContext(ctx, "command socket", "err", err)
		}
	})
	wg.Go(func() { a.people.refresh(ctx, cfg.Policy.OSUsers) })
	if err := a.schedule(ctx, &wg); err != nil {
		return w.fail(err)
	}
	if err := a.listen(ctx, &wg); err != nil {
		return w.fail(err)
	}
	if err := a.speak(ctx, in.config); err != nil && ctx.Err() == nil {
		return w.fail(err)
	}
	return handlers.ExitDone
}

// listen answers /healthz, /ready and /metrics, where the configuration names an address.
func (a *app) listen(ctx context.Context, wg *sync.WaitGroup) error {
	if a.cfg.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("health address: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /ready", a.ready)
	mux.Handle("GET /metrics", metrics.Handler(a.values, a.log))
	srv := healthServer(mux)
	context.AfterFunc(ctx, func() { srv.Close() })
	wg.Go(func() {
		if err := srv.Serve(&bounded{Listener: l, room: make(chan struct{}, maxWatchers)}); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "health address", "err", err)
		}
	})
	return nil
}

// ready answers whether the bot can be asked for something: without Slack it can on the
// command line.
func (a *app) ready(w http.ResponseWriter, _ *http.Request) {
	b := a.bot.Load()
	if b == nil {
		fmt.Fprintln(w, "ready, on the command line: this site has no Slack")
		return
	}
	if err := b.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	ready := "ready"
	if but := b.But(); but != "" {
		ready += ", but " + but
	}
	fmt.Fprintln(w, ready)
}

// maxWatchers is how many connections the health address has at once: those of
// monitoring are a handful.
const maxWatchers = 64

// healthServer waits for nobody: a connection that says nothing, reads nothing or is
// idle ends.
func healthServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
}

// bounded is a listener whose connections are no more than it has room for: who
// comes then waits in the kernel's queue.
type bounded struct {
	net.Listener
	room chan struct{}
}

// Accept waits for room, and for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	b.room <- struct{}{}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.room
		return nil, err
	}
	return &counted{Conn: c, leave: sync.OnceFunc(func() { <-b.room })}, nil
}

// counted gives its room back when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
