package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// A gate is a service with one run that waits at a gate, and what it was asked.
type gate struct {
	mu     sync.Mutex
	asked  []string
	status string // Of the run.
	look   int    // Exit status of `status`.
}

func (g *gate) handle(r handlers.Request) handlers.Response {
	g.mu.Lock()
	defer g.mu.Unlock()
	words := strings.Join(r.Words, " ")
	g.asked = append(g.asked, words)
	run := map[string]any{"run": "dev-1", "cluster": "dev", "status": g.status, "gate": "commit", "digest": "0a1b2c3d4e5f"}
	switch {
	case g.look != 0:
		return handlers.Response{Message: view.Error("you may not look", ""), Exit: g.look}
	case words == "status":
		return handlers.Response{Message: view.Message{Head: "2 open runs"}, Data: map[string]any{"open_runs": []any{map[string]any{"run": "west-1", "cluster": "west", "status": "stopped"}, run}}}
	case words == "status dev-1":
		return handlers.Response{Message: view.Message{Head: "dev: Overwrite the log?", Lines: []string{"57 tasks die"}}, Data: map[string]any{"run": run}}
	}
	return handlers.Response{Message: view.Message{Head: "told: " + words}, Exit: handlers.ExitWaiting}
}

// Who approves at a terminal is shown the gate, types the cluster's name, and
// approves the digest that was shown. What is not confirmed is not sent.
func TestApproveAtATerminal(t *testing.T) {
	sent := "approve dev-1 --gate commit --digest 0a1b2c3d4e5f --typed dev"
	for _, tt := range []struct {
		name, words, typed string
		status             string
		look, exit         int
		sent, says         string // The words of an approval, and what is on the error output.
	}{
		{"by the cluster", "approve dev", "dev\n", "gated", 0, 4, sent, "57 tasks die"},
		{"by the run", "approve dev-1", " dev \r\n", "gated", 0, 4, sent, "Overwrite the log?"},
		{"without a line's end", "approve dev", "dev", "gated", 0, 4, sent, "type the name of the cluster"},
		{"with the gate's name", "approve dev --gate commit", "dev\n", "gated", 0, 4, sent, "57 tasks die"},
		{"with another gate's name", "approve dev --gate start", "dev\n", "gated", 0, 4, "approve dev --gate start", ""},
		{"with a name given before", "approve dev --typed dev", "dev\n", "gated", 0, 4, sent, "57 tasks die"},
		{"wrong name", "approve dev", "prod\n", "gated", 0, handlers.ExitRefused, "", `"prod" was typed and the cluster is "dev"`},
		{"other case", "approve dev", "Dev\n", "gated", 0, handlers.ExitRefused, "", "nothing was approved"},
		{"yes is no name", "approve dev", "y\n", "gated", 0, handlers.ExitRefused, "", "nothing was approved"},
		{"empty line", "approve dev", "\n", "gated", 0, handlers.ExitRefused, "", "nothing was typed"},
		{"no line at all", "approve dev", "", "gated", 0, handlers.ExitRefused, "", "nothing was typed"},
		{"a digest given", "approve dev --typed dev --digest 0a1b2c3d", "", "gated", 0, 4, "approve dev --typed dev --digest 0a1b2c3d", ""},
		{"no gate open", "approve west", "west\n", "gated", 0, 4, "approve west", ""},
		{"passed meanwhile", "approve dev", "dev\n", "running", 0, 4, "approve dev", ""},
		{"may not look", "approve dev", "dev\n", "gated", handlers.ExitRefused, handlers.ExitRefused, "", "you may not look"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &gate{status: tt.status, look: tt.look}
			socket, _ := serve(t, &service{handle: g.handle})
			var out, errs bytes.Buffer
			exit := Approve(t.Context(), func() (io.ReadWriteCloser, error) { return net.Dial("unix", socket) },
				Question{Words: strings.Fields(tt.words)}, strings.NewReader(tt.typed), Std{Out: &out, Err: &errs})
			var approvals string
			for _, words := range g.asked {
				if strings.HasPrefix(words, "approve") {
					approvals += words
				}
			}
			if exit != tt.exit || approvals != tt.sent || !strings.Contains(errs.String(), tt.says) || strings.Contains(out.String(), "57 tasks") {
				t.Errorf("exit %d, sent %q, want %d, %q\nout: %s\nerrors: %s", exit, approvals, tt.exit, tt.sent, out.String(), errs.String())
			}
		})
	}
}

// Ctrl-C at the question sends nothing and does not wait for a line.
func TestInterruptedAtTheQuestion(t *testing.T) {
	g := &gate{status: "gated"}
	socket, _ := serve(t, &service{handle: g.handle})
	ctx, cancel := context.WithCancel(t.Context())
	silent, end := io.Pipe()
	defer end.Close()
	asked := writer(func(b []byte) {
		if strings.Contains(string(b), "type the name") {
			cancel()
		}
	})
	done := make(chan int)
	go func() {
		done <- Approve(ctx, func() (io.ReadWriteCloser, error) { return net.Dial("unix", socket) },
			Question{Words: []string{"approve", "dev"}}, silent, Std{Out: io.Discard, Err: asked})
	}()
	select {
	case exit := <-done:
		if exit != 130 || len(g.asked) != 2 {
			t.Errorf("exit %d, asked %q", exit, g.asked)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for a line")
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// A bot that is gone, or says what is no answer, approves nothing.
func TestApproveWithoutAnAnswer(t *testing.T) {
	for _, answer := range []string{"", "{\n", `{"exit":0}` + "\n", `{"exit":0,"message":{},"data":[]}` + "\n"} {
		var errs bytes.Buffer
		exit := Approve(t.Context(), func() (io.ReadWriteCloser, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				_, _ = there.Read(make([]byte, 1000))
				_, _ = fmt.Fprint(there, answer)
			}()
			return here, nil
		}, Question{Words: []string{"approve", "dev"}}, strings.NewReader("dev\n"), Std{Out: io.Discard, Err: &errs})
		if exit == handlers.ExitDone || strings.Contains(errs.String(), "type the name") {
			t.Errorf("%q: exit %d, %s", answer, exit, errs.String())
		}
	}
}

func TestIsTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if IsTerminal(null) {
		t.Error("/dev/null is taken for a terminal")
	}
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil || runtime.GOOS != "linux" {
		t.Skipf("no terminal to ask: %v", err)
	}
	defer pty.Close()
	if !IsTerminal(pty) {
		t.Error("a terminal is not taken for one")
	}
}
