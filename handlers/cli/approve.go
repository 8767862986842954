package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// A Dial opens a new conversation with the bot.
type Dial func() (io.ReadWriteCloser, error)

// A waiting is a run as `status` tells programs of it.
type waiting struct {
	Run, Cluster, Gate, Digest string
	Status                     runner.Status
}

// Approve is Ask for `approve RUN` where a person sits at a terminal, in: it shows
// what the open gate shows, asks for the cluster's name, and approves the digest that
// it showed and no other. Where the words give a digest, nothing is asked. What is
// not confirmed is not sent, and its exit status is that of a refusal; 130 when ctx
// ends before.
func Approve(ctx context.Context, dial Dial, q Question, in io.Reader, std Std) int {
	args, options, err := handlers.Read(q.Words)
	seen := slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "--digest=") })
	if err != nil || len(args) != 1 || seen {
		return once(dial, q, std)
	}
	gate, m, exit := openGate(dial, args[0], std)
	switch {
	case exit != handlers.ExitDone:
		return exit
	case gate == nil, elsewhere(options, gate.Gate): // The bot says how the run stands.
		return once(dial, q, std)
	}
	fmt.Fprintf(std.Err, "%s\nTo approve this, type the name of the cluster; anything else approves nothing: ", view.Text(m))
	typed, err := firstLine(ctx, in)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(std.Err)
		return exitInterrupted
	case err != nil || typed == "":
		fmt.Fprintf(std.Err, "\naurorabot: approve %s: nothing was typed, so nothing was approved\n", gate.Run)
		return handlers.ExitRefused
	case typed != gate.Cluster:
		fmt.Fprintf(std.Err, "aurorabot: approve %s: %.60q was typed and the cluster is %q, so nothing was approved\n", gate.Run, typed, gate.Cluster)
		return handlers.ExitRefused
	}
	q.Words = []string{"approve", gate.Run, "--gate", gate.Gate, "--digest", gate.Digest, "--typed", typed}
	return once(dial, q, std)
}

// elsewhere reports whether the words name another gate than the open one: who means
// that is not asked about this.
func elsewhere(options []string, open string) bool {
	return slices.ContainsFunc(options, func(o string) bool {
		named, ok := strings.CutPrefix(o, "--gate=")
		return ok && named != open
	})
}

const exitInterrupted = 130

func once(dial Dial, q Question, std Std) int {
	conn, err := dial()
	if err != nil {
		return fail(std, err)
	}
	defer conn.Close()
	return Ask(conn, q, std)
}

// openGate looks up the run that is named, by its ID or its cluster, and its open
// gate. Nil: it has none. Another exit status: that could not be looked up, and why
// was said.
func openGate(dial Dial, name string, std Std) (*waiting, view.Message, int) {
	var all struct {
		Open []waiting `json:"open_runs"`
	}
	if _, exit := look(dial, &all, std, "status"); exit != handlers.ExitDone {
		return nil, view.Message{}, exit
	}
	for _, w := range all.Open {
		if w.Run != name && w.Cluster != name {
			continue
		}
		if w.Status != runner.Gated {
			break
		}
		var one struct{ Run waiting }
		m, exit := look(dial, &one, std, "status", w.Run)
		if exit != handlers.ExitDone || one.Run.Status != runner.Gated {
			return nil, m, exit
		}
		return &one.Run, m, exit
	}
	return nil, view.Message{}, handlers.ExitDone
}

// look asks a question whose answer is for the client: its data go to v. What is no
// answer is said to the person.
func look(dial Dial, v any, std Std, words ...string) (view.Message, int) {
	conn, err := dial()
	if err != nil {
		return view.Message{}, fail(std, err)
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(ask{Words: words, JSON: true}); err != nil {
		return view.Message{}, fail(std, err)
	}
	in := bufio.NewReader(conn)
	for {
		var t told
		text, err := in.ReadBytes('\n')
		if err != nil {
			return view.Message{}, fail(std, fmt.Errorf("the bot went away before it answered: %w", err))
		}
		if err := json.Unmarshal(text, &t); err != nil {
			return view.Message{}, fail(std, fmt.Errorf("answer of the bot: %w", err))
		}
		switch {
		case t.Exit == nil:
			continue
		case *t.Exit == handlers.ExitDone && t.Message == nil:
			return view.Message{}, fail(std, errors.New("the bot answered nothing"))
		case *t.Exit != handlers.ExitDone:
			return view.Message{}, finish(std, Question{Words: words}, t, false)
		}
		if err := json.Unmarshal(t.Data, v); err != nil {
			return view.Message{}, fail(std, fmt.Errorf("answer of the bot: %w", err))
		}
		return *t.Message, handlers.ExitDone
	}
}

// firstLine is the first line of in, without spaces around it. It returns when ctx ends,
// too: who reads from a terminal cannot be called back.
func firstLine(ctx context.Context, in io.Reader) (string, error) {
	type read struct {
		line string
		err  error
	}
	got := make(chan read, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		got <- read{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-got:
		if r.line != "" {
			r.err = nil // A last line needs no end.
		}
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
