package runnertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aurorabot/runner"
)

// Lab says what [TestHost] may use on the host under test.
type Lab struct {
	Dir     string // A folder on the host that the login account may write to.
	User    string // Another account that commands can be run as. Empty: not tested.
	NoDial  bool   // Dial cannot reach listeners of this process.
	NoFiles bool   // Commands on the host do not see what Put writes (a fake).
}

// TestHost checks that a host keeps the contract of [runner.Host]. open is
// called once per test and returns a host that nobody else uses; TestHost
// closes it. The host must have sh, cat, printf, sleep and stat.
func TestHost(t *testing.T, lab Lab, open func(*testing.T) runner.Host) {
	use := func(t *testing.T) (context.Context, runner.Host) {
		h := open(t)
		t.Cleanup(func() { h.Close() })
		return t.Context(), h
	}

	t.Run("exit status", func(t *testing.T) {
		ctx, h := use(t)
		for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "exit 255": 255, "kill -TERM $$": 143, "kill -KILL $$": 137} {
			out, err := h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", script}})
			if err != nil || out.Exit != want {
				t.Errorf("%q: exit %d, %v; want %d", script, out.Exit, err, want)
			}
		}
	})

	t.Run("output and input", func(t *testing.T) {
		ctx, h := use(t)
		out, err := h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", "echo out; echo err >&2"}})
		if err != nil || string(out.Stdout) != "out\n" || string(out.Stderr) != "err\n" || out.Cut {
			t.Errorf("got %+v, %v", out, err)
		}
		in := bytes.Repeat([]byte("line with \x00 and \r\n"), 20000)
		out, err = h.Run(ctx, runner.Command{Argv: []string{"cat"}, Stdin: in})
		if err != nil || !bytes.Equal(out.Stdout, in) {
			t.Errorf("cat gave %d of %d bytes, %v", len(out.Stdout), len(in), err)
		}
		// Nil is an empty input, not an inherited one that never ends.
		out, err = h.Run(ctx, runner.Command{Argv: []string{"cat"}, Limit: 10 * time.Second})
		if err != nil || len(out.Stdout) != 0 {
			t.Errorf("cat of nothing: %+v, %v", out, err)
		}
	})

	t.Run("arguments arrive as they are", func(t *testing.T) {
		ctx, h := use(t)
		argv := []string{
			"", " ", "two words", "'", `"`, `\`, `\\n`, "$HOME", "`id`", "$(id)", "new\nline", "tab\t", "*", "~", "a=b", "-n", "--",
			"!x", "#x", ";", "&", "|", ">", "<", "(", "{a,b}", "ä€", "\x01\xff", "%s", `'\''`, "\r",
		}
		out, err := h.Run(ctx, runner.Command{Argv: append([]string{"printf", `%s\0`}, argv...)})
		if want := strings.Join(argv, "\x00") + "\x00"; err != nil || string(out.Stdout) != want {
			t.Errorf("got  %q, %v\nwant %q", out.Stdout, err, want)
		}
		out, err = h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", `printf %s "$1"`, "sh", "a'b\n"}})
		if err != nil || string(out.Stdout) != "a'b\n" {
			t.Errorf("got %q, %v", out.Stdout, err)
		}
	})

	t.Run("cut output", func(t *testing.T) {
		ctx, h := use(t)
		for size, cut := range map[int]bool{999: false, 1000: false, 1001: true, 300000: true} {
			out, err := h.Run(ctx, runner.Command{Argv: []string{"cat"}, Stdin: bytes.Repeat([]byte("x"), size), Output: 1000})
			if err != nil || out.Cut != cut || len(out.Stdout) != min(size, 1000) {
				t.Errorf("%d bytes: kept %d, cut %v, %v", size, len(out.Stdout), out.Cut, err)
			}
		}
	})

	t.Run("limit", func(t *testing.T) {
		ctx, h := use(t)
		warm(t, h)
		begin := time.Now()
		out, err := h.Run(ctx, runner.Command{Argv: []string{"sleep", "60"}, Limit: 5 * time.Second})
		if err == nil || errors.Is(err, runner.ErrNotStarted) {
			t.Errorf("got %+v, %v; want an error that leaves the outcome open", out, err)
		} else if !strings.Contains(err.Error(), "killed") {
			t.Errorf("error does not say what became of the command: %v", err)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})

	t.Run("cancelling ends the command", func(t *testing.T) {
		ctx, h := use(t)
		warm(t, h)
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		_, err := h.Run(ctx, runner.Command{Argv: []string{"sleep", "60"}})
		if err == nil || !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		_, err = h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", "exit 0"}})
		if !errors.Is(err, runner.ErrNotStarted) || !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v, want ErrNotStarted and context.Canceled", err)
		}
	})

	if lab.User != "" {
		t.Run("another account", func(t *testing.T) {
			ctx, h := use(t)
			out, err := h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", `printf %s "$USER"`}, User: lab.User})
			if err != nil || string(out.Stdout) != lab.User {
				t.Errorf("got %q, %v; want %q", out.Stdout, err, lab.User)
			}
			_, err = h.Run(ctx, runner.Command{Argv: []string{"sleep", "60"}, User: lab.User, Limit: 5 * time.Second})
			if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "killed") || strings.Contains(err.Error(), "could not confirm") {
				t.Errorf("past its limit: %v; want it killed", err)
			}
		})
	}

	t.Run("a job runs once", func(t *testing.T) {
		ctx, h := use(t)
		script := `printf 'one more\n'; cat; echo said >&2; exit 3`
		file := path.Join(lab.Dir, "runs-"+rand.Text()[:6])
		if !lab.NoFiles {
			script = fmt.Sprintf("echo run >>%s; %s", file, script)
		}
		cmd := runner.Command{Argv: []string{"sh", "-c", script}, Stdin: []byte("input"), Job: "job-" + rand.Text()[:8]}
		look := runner.Command{Job: cmd.Job}
		if out, err := h.Run(ctx, look); !errors.Is(err, runner.ErrNotStarted) {
			t.Errorf("looking for one that there is not: %+v, %v; want ErrNotStarted", out, err)
		}
		for n, cmd := range []runner.Command{cmd, cmd, look, cmd} {
			out, err := h.Run(ctx, cmd)
			if err != nil || out.Exit != 3 || string(out.Stdout) != "one more\ninput" || string(out.Stderr) != "said\n" {
				t.Fatalf("call %d: got %+v, %v", n, out, err)
			}
		}
		if !lab.NoFiles {
			if got := read(t, h, file); got != "run\n" {
				t.Errorf("it ran: %q, want once", got)
			}
		}
	})

	t.Run("files", func(t *testing.T) {
		ctx, h := use(t)
		file := path.Join(lab.Dir, "a file with 'quotes'")
		for _, size := range []int{0, 1, 100_000, 3_000_000} {
			want := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
			for kind, f := range map[string]runner.File{
				"content": {Path: file, Content: want, Mode: 0o600},
				"source":  {Path: file, Source: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(want)), nil }, Mode: 0o644},
			} {
				if err := h.Put(ctx, f); err != nil {
					t.Fatalf("put %s of %d bytes: %v", kind, size, err)
				}
				if got := read(t, h, file); got != string(want) {
					t.Errorf("%s of %d bytes came back with %d bytes", kind, size, len(got))
				}
				if lab.NoFiles {
					continue
				}
				out, err := h.Run(ctx, runner.Command{Argv: []string{"stat", "-c", "%a", file}})
				if want := fmt.Sprintf("%o\n", f.Mode); err != nil || string(out.Stdout) != want {
					t.Errorf("mode %q, %v; want %q", out.Stdout, err, want)
				}
			}
		}
		if n, err := h.Get(ctx, path.Join(lab.Dir, "nothing"), lab.User, io.Discard); n != 0 || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("get of nothing: %d, %v; want fs.ErrNotExist", n, err)
		}
	})

	t.Run("a put that fails leaves the old file", func(t *testing.T) {
		ctx, h := use(t)
		dir := path.Join(lab.Dir, "whole-"+rand.Text()[:6])
		if !lab.NoFiles {
			if out, err := h.Run(ctx, runner.Command{Argv: []string{"mkdir", dir}}); err != nil || out.Exit != 0 {
				t.Fatalf("mkdir: %s, %v", out.Stderr, err)
			}
		}
		file := path.Join(dir, "file")
		if err := h.Put(ctx, runner.File{Path: file, Content: []byte("old"), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		torn := func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("new"), &broken{})), nil
		}
		for what, f := range map[string]runner.File{
			"source that breaks":  {Path: file, Source: torn, Mode: 0o600},
			"wrong hash":          {Path: file, Content: []byte("new"), SHA256: strings.Repeat("0", 64), Mode: 0o600},
			"source that is gone": {Path: file, Source: func() (io.ReadCloser, error) { return nil, fs.ErrNotExist }, Mode: 0o600},
		} {
			if err := h.Put(ctx, f); !errors.Is(err, runner.ErrNotStarted) {
				t.Errorf("%s: %v, want ErrNotStarted", what, err)
			}
			if got := read(t, h, file); got != "old" {
				t.Errorf("%s: the file is now %q", what, got)
			}
		}
		if !lab.NoFiles {
			out, err := h.Run(ctx, runner.Command{Argv: []string{"ls", "-A", dir}})
			if err != nil || string(out.Stdout) != "file\n" {
				t.Errorf("left behind: %q, %v", out.Stdout, err)
			}
		}
	})

	if !lab.NoDial {
		t.Run("dial", func(t *testing.T) {
			ctx, h := use(t)
			echo, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer echo.Close()
			go func() {
				for {
					c, err := echo.Accept()
					if err != nil {
						return
					}
					go func() { io.Copy(c, c); c.Close() }()
				}
			}()
			c, err := h.Dial(ctx, echo.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := bytes.Repeat([]byte("ping"), 50000)
			go c.Write(want)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("echo differs: %v", err)
			}
			if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
				t.Errorf("deadline: %v", err)
			}
			if _, err := c.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read past the deadline: %v", err)
			}
		})
	}

	t.Run("dial of a closed port is refused", func(t *testing.T) {
		ctx, h := use(t)
		if c, err := h.Dial(ctx, "127.0.0.1:2"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, %v; want ECONNREFUSED", c, err)
		}
	})

	t.Run("a call after Close connects anew", func(t *testing.T) {
		ctx, h := use(t)
		for range 2 {
			if out, err := h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", "exit 5"}}); err != nil || out.Exit != 5 {
				t.Errorf("got %+v, %v", out, err)
			}
			if err := h.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	})

	t.Run("many at once", func(t *testing.T) {
		ctx, h := use(t)
		errs := make(chan error, 20)
		for i := range 20 {
			go func() {
				out, err := h.Run(ctx, runner.Command{Argv: []string{"printf", "%s", fmt.Sprint(i)}})
				if err == nil && string(out.Stdout) != fmt.Sprint(i) {
					err = fmt.Errorf("%d got %q", i, out.Stdout)
				}
				errs <- err
			}()
		}
		var all []error
		for range 20 {
			all = append(all, <-errs)
		}
		if err := errors.Join(slices.DeleteFunc(all, func(e error) bool { return e == nil })...); err != nil {
			t.Error(err)
		}
	})
}

// warm connects, so that a short limit is one for the command alone.
func warm(t *testing.T, h runner.Host) {
	t.Helper()
	if out, err := h.Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", "exit 0"}}); err != nil || out.Exit != 0 {
		t.Fatalf("got %+v, %v", out, err)
	}
}

func read(t *testing.T, h runner.Host, file string) string {
	t.Helper()
	var b bytes.Buffer
	n, err := h.Get(t.Context(), file, "root", &b)
	if err != nil || n != int64(b.Len()) {
		t.Errorf("get %s: %d of %d bytes, %v", file, n, b.Len(), err)
	}
	return b.String()
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, errors.New("the source broke") }
