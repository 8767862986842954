package mesoslog

import (
	"aurorabot/runner/golden"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recordedRun is one recorded run of the real tool.
type recordedRun struct {
	What           string
	Argv           []string
	Env            map[string]string
	Exit           int
	Stdout, Stderr string
	Files          []string // Of the folder afterwards.
}

// notCovered are the recordings that a test in one process cannot repeat.
var notCovered = map[string]string{
	"benchmark":                    "benchmark is not part of the stand-in",
	"hostname-unresolvable":        "needs a host name of its own (unshare)",
	"hostname-unresolvable-ip-set": "needs a host name of its own (unshare)",
	"no-libprocess-ip-at-all":      "depends on whether this host's name resolves",
	"init-disk-full":               "needs a full file system",
	"read-disk-full":               "needs a full file system",
	"read-readonly-fs":             "needs a read-only file system",
	"init-not-writable-dir":        "runs as another user",
	"init-not-writable-parent":     "runs as another user",
	"init-other-users-log":         "runs as another user",
	"read-other-users-log":         "runs as another user",
	"read-unreadable-parent":       "runs as another user",
	"read-stdout-closed-pipe":      "is a shell pipeline",
}

// tenPayloads are what the recorded log `ten` holds at positions 1 to 10.
var tenPayloads = []string{
	"entry-", "entry-2", "entry-3:", "entry-4:\x0f", "entry-5:Np", "entry-6:\xe9r\xfc",
	"entry-7:\x8cs\x1d\x8d", "", "entry-9:\xcaw'\xd7 <", "entry-10:ug]_\xbf\xa0",
}

// makeTen writes the recorded log `ten`: a NOP and ten appends.
func makeTen(t *testing.T, path string, eighth string) {
	t.Helper()
	r, err := openReplica(path, newGlog(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	r.setStatus(Voting)
	for p := range uint64(11) {
		a := action{
			Position: p, Promised: 1, Performed: 1, HasPerformed: true, Learned: true, HasLearned: true, Type: actionNop,
		}
		if p > 0 {
			a.Type, a.Bytes = actionAppend, []byte(tenPayloads[p-1])
		}
		if p == 8 {
			a.Bytes = []byte(eighth)
		}
		if !r.putAction(a) {
			t.Fatal("putAction failed")
		}
	}
}

// The tool must behave as the recorded one: streams, texts, exit status, files.
func TestRecordedRuns(t *testing.T) {
	var runs map[string]recordedRun
	if err := json.Unmarshal(golden.Gunzip(t, "testdata/cli.json.gz"), &runs); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(runs["read-ten"].Stdout, "position: 8\n")
	_, rest, _ = strings.Cut(rest, `bytes: "`)
	quoted, _, _ := strings.Cut(rest, "\"\n")
	eighth := unescape(quoted)
	for name, want := range runs {
		t.Run(name, func(t *testing.T) {
			if why := notCovered[name]; why != "" {
				t.Skip(why)
			}
			checkRun(t, want, eighth)
		})
	}
}

func unescape(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++
		switch c := s[i]; {
		case c == 'n':
			b = append(b, '\n')
		case c == 'r':
			b = append(b, '\r')
		case c == 't':
			b = append(b, '\t')
		case c >= '0' && c <= '3':
			b = append(b, (c-'0')<<6|(s[i+1]-'0')<<3|(s[i+2]-'0'))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func checkRun(t *testing.T, want recordedRun, eighth string) {
	path := ""
	args := slices.Clone(want.Argv)
	for i, arg := range args {
		recorded, ok := strings.CutPrefix(arg, "--path=")
		if !ok {
			continue
		}
		path = setUp(t, want, strings.TrimSuffix(recorded, "/"), eighth)
		args[i] = "--path=" + path + recorded[len(strings.TrimSuffix(recorded, "/")):]
	}
	env := []string{"LIBPROCESS_IP=127.0.0.1"}
	stderr := want.Stderr
	for k, v := range want.Env {
		if k == "LIBPROCESS_PORT" {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			stderr, v = strings.ReplaceAll(stderr, v, port), port
		}
		env = append(env, k+"="+v)
	}
	var out, errs bytes.Buffer
	exit := Main(args, nil, &out, &errs, env)
	wantExit := want.Exit
	if wantExit < 0 {
		wantExit = 128 - wantExit
	}
	if exit != wantExit {
		t.Errorf("exit = %d, want %d", exit, wantExit)
	}
	if out.String() != want.Stdout {
		t.Errorf("stdout =\n%s\nwant\n%s", out.String(), want.Stdout)
	}
	got, wanted := masked(errs.String(), path), masked(stderr, path)
	if want.Env["GLOG_v"] != "" {
		got, wanted = onlyReplica(got), onlyReplica(wanted)
	}
	if got != wanted {
		t.Errorf("stderr =\n%s\nwant\n%s", got, wanted)
	}
	if want.Exit == 0 && want.Files != nil && !slices.Contains(want.Files, "notes.txt") {
		for _, name := range []string{"CURRENT", "LOCK", "LOG"} {
			if _, err := os.Stat(filepath.Join(path, name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// onlyReplica keeps the lines that do not measure durations.
func onlyReplica(s string) string {
	var keep []string
	for line := range strings.Lines(s) {
		if strings.Contains(line, " replica.cpp") || strings.Contains(line, " read.cpp") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

// setUp makes the folder that the recorded run was given.
func setUp(t *testing.T, want recordedRun, recorded, eighth string) string {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	initialize := func() {
		if exit := Main([]string{"mesos-log", "initialize", "--path=" + path}, nil, &bytes.Buffer{}, &bytes.Buffer{},
			[]string{"LIBPROCESS_IP=127.0.0.1"}); exit != 0 {
			t.Fatalf("initialize: exit %d", exit)
		}
	}
	switch base := filepath.Base(recorded); {
	case base == "ten":
		makeTen(t, path, eighth)
	case base == "link":
		makeTen(t, filepath.Join(dir, "ten"), eighth)
		if err := os.Symlink("ten", path); err != nil {
			t.Fatal(err)
		}
	case base == "fifty":
		s, err := openStore(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.close()
	case strings.Contains(want.What, "held open"):
		initialize()
		holdElsewhere(t, path)
	case base == "fresh" && want.What != "fresh path, parent exists", strings.Contains(want.What, "again"):
		initialize()
	case base == "afile":
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	case base == "emptydir", base == "other":
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	case base == "dir":
		path = filepath.Join(dir, "no", "such", "dir")
	}
	return path
}

// holdElsewhere locks the folder in another process, because a process does
// not refuse itself a POSIX lock.
func holdElsewhere(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHoldLock$")
	cmd.Env = append(os.Environ(), "MESOSLOG_HOLD="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// TestHoldLock is the other process of holdElsewhere: it holds the folder
// until its standard input ends.
func TestHoldLock(t *testing.T) {
	path := os.Getenv("MESOSLOG_HOLD")
	if path == "" {
		t.Skip("runs as a helper process")
	}
	s, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	os.Stdout.WriteString("\n")
	os.Stdin.Read(make([]byte, 1))
}
