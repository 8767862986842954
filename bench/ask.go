package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/probe"
	"aurorabot/runner/ssh"
)

// ask asks all hosts of a farm through the bot's own transport, in a process
// that does nothing else: cold with -times 1, and what one more round over warm
// connections costs with more.
func ask(args []string) error {
	f := flag.NewFlagSet("ask", flag.ContinueOnError)
	dir := f.String("farm", "", "`folder` of the farm")
	port := f.Int("port", 0, "of its servers")
	user := f.String("user", "", "who logs in")
	times := f.Int("times", 1, "rounds")
	questions := f.Int("questions", 1, "per host and round, each in a session of its own")
	helper := f.String("helper", "", "`program` that answers all questions of a round in one session; it is uploaded before")
	upload := f.String("upload", "", "`file` to upload, proved by its hash, instead")
	if err := f.Parse(args); err != nil {
		return err
	}
	names, err := os.ReadFile(filepath.Join(*dir, "hosts"))
	if err != nil {
		return err
	}
	var hosts []*ssh.Host
	for _, name := range strings.Fields(string(names)) {
		h := ssh.New(ssh.Config{
			Name: name, Address: fmt.Sprintf("%s:%d", name, *port), User: *user, KeyFiles: []string{filepath.Join(*dir, "id")},
			KnownHosts: []string{filepath.Join(*dir, "known_hosts")}, RunDir: filepath.Join(*dir, "run-"+name), Now: time.Now,
		})
		defer h.Close()
		hosts = append(hosts, h)
	}
	round := func(ctx context.Context, h *ssh.Host) error { return askEach(ctx, h, *dir, *questions) }
	switch {
	case *upload != "":
		round = func(ctx context.Context, h *ssh.Host) error {
			return put(ctx, h, *upload, filepath.Join(*dir, "put-"+h.Name()))
		}
	case *helper != "":
		at := func(h *ssh.Host) string { return filepath.Join(*dir, "helper-"+h.Name()) }
		if err := each(hosts, func(ctx context.Context, h *ssh.Host) error { return put(ctx, h, *helper, at(h)) }); err != nil {
			return err
		}
		round = func(ctx context.Context, h *ssh.Host) error { return askAtOnce(ctx, h, at(h), *dir, *questions) }
	}
	for range *times {
		if err := each(hosts, round); err != nil {
			return err
		}
	}
	fmt.Println(len(hosts), "answered")
	return nil
}

// each does f on all hosts at once, as the engine does a step.
func each(hosts []*ssh.Host, f func(context.Context, *ssh.Host) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	for i, h := range hosts {
		wg.Go(func() { errs[i] = f(ctx, h) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func askEach(ctx context.Context, h *ssh.Host, dir string, questions int) error {
	for i := range questions {
		out, err := h.Run(ctx, runner.Command{Argv: []string{"stat", "-c", "%s %Y", question(dir, i)}})
		if err != nil {
			return err
		}
		if out.Exit != 0 {
			return fmt.Errorf("%s: stat: %s", h.Name(), out.Stderr)
		}
	}
	return nil
}

// question is a file of every host of the farm.
func question(dir string, i int) string { return filepath.Join(dir, fmt.Sprint("question-", i)) }

func askAtOnce(ctx context.Context, h *ssh.Host, program, dir string, questions int) error {
	var req probe.Request
	for i := range questions {
		req.Paths = append(req.Paths, question(dir, i))
	}
	in, err := json.Marshal(req)
	if err != nil {
		return err
	}
	out, err := h.Run(ctx, runner.Command{Argv: []string{program, "host", "facts"}, Stdin: in})
	if err != nil {
		return err
	}
	var facts probe.Facts
	if err := json.Unmarshal(out.Stdout, &facts); err != nil || len(facts.Paths) != len(req.Paths) {
		return fmt.Errorf("%s: host facts: %d answers, exit status %d: %w %s", h.Name(), len(facts.Paths), out.Exit, err, bytes.TrimSpace(out.Stderr))
	}
	return nil
}

// put uploads a file as the bot does: under a temporary name, synced, its hash
// compared on the host, renamed.
func put(ctx context.Context, h *ssh.Host, from, to string) error {
	return h.Put(ctx, runner.File{Path: to, Source: func() (io.ReadCloser, error) { return os.Open(from) }, Mode: 0o755})
}
