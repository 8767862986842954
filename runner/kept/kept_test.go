package kept_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aurorabot/runner/kept"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns a session with [kept.Serve], and what ends the connection.
func serve(t *testing.T, idle time.Duration, do kept.Do) (*kept.Session, func() error) {
	t.Helper()
	fromHost, toBot := io.Pipe()
	fromBot, toHost := io.Pipe()
	s := kept.NewSession(fromHost, toHost)
	ended := make(chan error, 1)
	go func() {
		err := kept.Serve(context.Background(), fromBot, toBot, idle, do)
		toBot.Close()
		fromBot.Close()
		ended <- err
	}()
	t.Cleanup(func() {
		toHost.Close()
		if err := <-ended; err != nil {
			t.Errorf("the end on the host: %v", err)
		}
		<-s.Over()
	})
	return s, toHost.Close
}

func TestCommands(t *testing.T) {
	s, _ := serve(t, time.Minute, kept.Exec)
	<-s.Ready()
	for _, tt := range []struct {
		name string
		c    kept.Command
		want kept.Result
	}{
		{"both outputs and a status", kept.Command{Argv: []string{"sh", "-c", "echo out; echo err >&2; exit 7"}}, kept.Result{Stdout: []byte("out\n"), Stderr: []byte("err\n"), Exit: 7}},
		{"standard input, any byte", kept.Command{Argv: []string{"cat"}, Stdin: []byte("a\x00\n\xff{}\n")}, kept.Result{Stdout: []byte("a\x00\n\xff{}\n")}},
		{"no standard input", kept.Command{Argv: []string{"cat"}}, kept.Result{}},
		{"words stay words", kept.Command{Argv: []string{"printf", "%s|", "a b", "$(id)", "*", ""}}, kept.Result{Stdout: []byte("a b|$(id)|*||")}},
		{"cut", kept.Command{Argv: []string{"printf", "0123456789"}, Most: 4}, kept.Result{Stdout: []byte("0123"), Cut: true}},
		{"ended by a signal", kept.Command{Argv: []string{"sh", "-c", "kill -9 $$"}}, kept.Result{Exit: 137}},
		{"no such program", kept.Command{Argv: []string{"/nowhere/x"}}, kept.Result{Exit: 127, Stderr: []byte("fork/exec /nowhere/x: no such file or directory\n")}},
		{"no program", kept.Command{Argv: []string{"/"}}, kept.Result{Exit: 126, Stderr: []byte("exec: \"/\": is a directory\n")}},
		{"not longer than its limit", kept.Command{Argv: []string{"sleep", "60"}, Limit: 50 * time.Millisecond}, kept.Result{Exit: 137}},
		{"what it leaves behind is not waited for", kept.Command{Argv: []string{"sh", "-c", "sleep 20 & echo out"}, Limit: 100 * time.Millisecond}, kept.Result{Stdout: []byte("out\n"), Exit: 126}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.c.Limit == 0 {
				tt.c.Limit = 20 * time.Second
			}
			if tt.c.Most == 0 {
				tt.c.Most = 1 << 20
			}
			got, p, err := s.Run(t.Context(), tt.c)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Stdout, tt.want.Stdout) || !bytes.Equal(got.Stderr, tt.want.Stderr) || got.Exit != tt.want.Exit || got.Cut != tt.want.Cut {
				t.Errorf("got %d %q %q cut %v, want %d %q %q cut %v", got.Exit, got.Stdout, got.Stderr, got.Cut, tt.want.Exit, tt.want.Stdout, tt.want.Stderr, tt.want.Cut)
			}
			if begun := p.PID != "" && p.Begun != ""; begun == (tt.want.Exit == 127 || got.Exit == 126 && len(got.Stdout) == 0) {
				t.Errorf("the process is %+v", p)
			}
		})
	}
}

// Many at once: each has its own answer, and a slow one holds up none.
func TestSideBySide(t *testing.T) {
	s, _ := serve(t, time.Minute, kept.Exec)
	<-s.Ready()
	slow, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		_, p, err := s.Run(slow, kept.Command{Argv: []string{"sleep", "60"}, Limit: time.Minute, Most: 1})
		if !errors.Is(err, context.Canceled) || p.PID == "" {
			t.Errorf("given up: process %+v, error %v", p, err)
		}
	})
	var many sync.WaitGroup
	for i := range 40 {
		many.Go(func() {
			text := strings.Repeat(fmt.Sprint(i), 5000)
			got, _, err := s.Run(t.Context(), kept.Command{Argv: []string{"cat"}, Stdin: []byte(text), Limit: 20 * time.Second, Most: 1 << 20})
			if err != nil || string(got.Stdout) != text {
				t.Errorf("%d: %v, %d bytes", i, err, len(got.Stdout))
			}
		})
	}
	many.Wait()
	stop()
}

// What is at work when the connection ends is ended with it.
func TestEndOfTheConnection(t *testing.T) {
	s, hangUp := serve(t, time.Minute, kept.Exec)
	<-s.Ready()
	go func() {
		time.Sleep(50 * time.Millisecond)
		hangUp()
	}()
	begun := time.Now()
	_, p, err := s.Run(t.Context(), kept.Command{Argv: []string{"sleep", "60"}, Limit: time.Minute, Most: 1})
	if err == nil && time.Since(begun) < 30*time.Second {
		err = kept.ErrLost // Its answer came through before the end did.
	}
	if !errors.Is(err, kept.ErrLost) {
		t.Errorf("the error is %v", err)
	}
	<-s.Over()
	if _, err := os.Stat("/proc/" + p.PID + "/stat"); p.PID == "" || err == nil {
		t.Errorf("process %q is still there", p.PID)
	}
	if _, _, err := s.Run(t.Context(), kept.Command{Argv: []string{"true"}}); !errors.Is(err, kept.ErrLost) {
		t.Errorf("asked behind the end: %v", err)
	}
}

// Nobody asks: it ends by itself, but not while something is at work.
func TestIdle(t *testing.T) {
	s, _ := serve(t, 30*time.Millisecond, kept.Exec)
	<-s.Ready()
	if got, _, err := s.Run(t.Context(), kept.Command{Argv: []string{"sh", "-c", "sleep 0.2; echo x"}, Limit: time.Minute, Most: 10}); err != nil || string(got.Stdout) != "x\n" {
		t.Errorf("%q, %v", got.Stdout, err)
	}
	<-s.Over()
}

// FuzzAnswers: whatever a host says, the bot's end neither panics nor keeps
// more than it asked for.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("{}\n{\"id\":1,\"ended\":true,\"out\":2,\"err\":1}\nabc"))
	f.Add([]byte("{}\n{\"id\":1,\"pid\":\"1\",\"begun\":\"2\"}\n{\"id\":1,\"ended\":true,\"out\":-1}\n"))
	f.Add([]byte("{}\n{\"id\":1,\"ended\":true}\n{\"id\":1,\"ended\":true}\n"))
	f.Add([]byte("Welcome!\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		fromHost, toBot := io.Pipe()
		s := kept.NewSession(fromHost, io.Discard)
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, _, err := s.Run(t.Context(), kept.Command{Argv: []string{"true"}, Most: 10})
			if err != nil && !errors.Is(err, kept.ErrLost) {
				t.Errorf("%v", err)
			}
			if len(got.Stdout)+len(got.Stderr) > 20 {
				t.Errorf("%d bytes, asked for 10 of each", len(got.Stdout)+len(got.Stderr))
			}
		}()
		_, _ = toBot.Write(said)
		toBot.Close()
		<-done
		<-s.Over()
	})
}
