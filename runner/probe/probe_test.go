package probe

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func ask(t *testing.T, r Request) Facts {
	t.Helper()
	q, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Main(t.Context(), bytes.NewReader(q), &out, time.Now); err != nil {
		t.Fatal(err)
	}
	var f Facts
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Errors) > 0 {
		t.Fatal(f.Errors)
	}
	return f
}

// A process counts as a scheduler by its arguments, and not a shell that
// carries them in one word.
func TestSchedulersByArguments(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"-native_log_file_path=" + dir, "-serverset_path=/x"}
	// A shell that waits, with the flags as words of its own, stands in for java.
	real := exec.Command("sh", append([]string{"-c", "read x"}, flags...)...)
	in, err := real.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-20 * time.Millisecond) // Starts are counted in hundredths.
	if err := real.Start(); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(20 * time.Millisecond)
	defer func() { in.Close(); real.Wait() }()
	carrier := exec.Command("sh", "-c", "read x # "+flags[0]+" "+flags[1])
	cin, err := carrier.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := carrier.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cin.Close(); carrier.Wait() }()

	var found bool
	for _, p := range ask(t, Request{Processes: true}).Processes {
		if p.PID == carrier.Process.Pid {
			t.Error("a shell with the flags in one word counts as a scheduler")
		}
		if p.PID == real.Process.Pid {
			found = true
			if p.Start == 0 || p.Since.Before(from) || p.Since.After(until) || p.UID != os.Getuid() {
				t.Errorf("process %+v, started between %s and %s", p, from, until)
			}
		}
	}
	if !found {
		t.Error("the process was not found")
	}
}

func TestPathsTreesBackupsDials(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "1", "b/c": "22"} {
		path := filepath.Join(dir, "log", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	log, missing := filepath.Join(dir, "log"), filepath.Join(dir, "missing")
	f := ask(t, Request{
		Paths: []string{log, missing, filepath.Join(log, "a")}, Trees: []string{log, missing}, Backups: log,
		Dials: []string{l.Addr().String(), closed.Addr().String()},
	})
	if p := f.Paths[log]; !p.Exists || !p.Dir || p.Size != 3 || p.Free == 0 {
		t.Errorf("folder: %+v", p)
	}
	if p := f.Paths[missing]; p.Exists || p.Error != "" || p.Free == 0 {
		t.Errorf("missing: %+v", p)
	}
	if p := f.Paths[filepath.Join(log, "a")]; p.SHA256 != "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b" || p.Mode != 0o600 {
		t.Errorf("file: %+v", p)
	}
	before := f.Trees[log]
	if before.Files != 2 || before.Bytes != 3 || before.SHA256 == "" || f.Trees[missing].Exists {
		t.Errorf("trees: %+v", f.Trees)
	}
	if len(f.Backups) != 1 || f.Backups[0].Name != "a" {
		t.Errorf("backups: %+v", f.Backups)
	}
	if f.Dials[l.Addr().String()] != "open" || f.Dials[closed.Addr().String()] != "refused" {
		t.Errorf("dials: %v", f.Dials)
	}
	if err := os.WriteFile(filepath.Join(log, "b/c"), []byte("23"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := ask(t, Request{Trees: []string{log}}).Trees[log]; after.SHA256 == before.SHA256 {
		t.Error("another content has the same hash")
	}
}

// Of several processes with a scheduler's arguments it is told which listens, and
// who started whom: a launcher that stays beside its scheduler does not.
func TestWhichOfThemListens(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"-native_log_file_path=" + dir, "-serverset_path=/x"}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // The copy goes to the child alone, which has it as its descriptor 3.
	launcher := exec.Command("sh", append([]string{"-c", `exec 4<&0; sh -c 'read x' "$@" <&4 & exec 3<&-; wait`, "sh"}, flags...)...)
	in, err := launcher.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	launcher.ExtraFiles = []*os.File{socket}
	if err := launcher.Start(); err != nil {
		t.Fatal(err)
	}
	socket.Close()
	defer func() { in.Close(); launcher.Wait() }()
	var mine []Process
	for range 500 {
		mine = nil
		for _, p := range ask(t, Request{Processes: true}).Processes {
			if len(p.Argv) > 1 && p.Argv[len(p.Argv)-2] == flags[0] {
				mine = append(mine, p)
			}
		}
		if len(mine) == 2 && mine[1].Parent == mine[0].PID && mine[0].PID == launcher.Process.Pid && !mine[0].Listens && mine[1].Listens {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("of the launcher %d and its child the child alone listens; seen is %+v", launcher.Process.Pid, mine)
}
