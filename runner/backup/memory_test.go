package backup

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"

	"aurorabot/runner/tbinary"
)

const childFile = "BACKUP_TEST_CHILD" // Names the file that a child process of TestMemory inspects.

// The memory of a process that inspects is bounded, whatever the file holds.
// The peak is that of a child process, as the kernel counts it.
func TestMemory(t *testing.T) {
	if path := os.Getenv(childFile); path != "" {
		child(t, path)
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the peak is read from Linux's /proc")
	}
	if testing.Short() || raceDetector {
		t.Skip("140 MB, and the race detector's own memory would count")
	}
	hostile := filepath.Join(t.TempDir(), "hostile")
	writeHostile(t, hostile, 1_500_000)
	real, _ := fileOf(t, manyTasks(t, 10_000))
	for _, tt := range []struct {
		name, path string
		most       int // MiB
	}{
		{"100,000 tasks, 140 MB", real, 32},
		{"1,500,000 jobs of one task", hostile, 32},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$", "-test.v")
		cmd.Env = append(os.Environ(), childFile+"="+tt.path)
		out, err := cmd.CombinedOutput()
		peak := regexp.MustCompile(`peak (\d+) kB`).FindSubmatch(out)
		if err != nil || peak == nil {
			t.Fatalf("%s: %v\n%s", tt.name, err, out)
		}
		kb, _ := strconv.Atoi(string(peak[1]))
		t.Logf("%s: peak %d KiB", tt.name, kb)
		if kb > tt.most<<10 {
			t.Errorf("%s: peak %d KiB, want at most %d MiB", tt.name, kb, tt.most)
		}
	}
}

func child(t *testing.T, path string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	debug.SetMemoryLimit(17 << 20) // As the command does.
	if r, err := Inspect(f, Options{Now: lately}); err != nil || !r.Valid {
		t.Fatal(r.Error, err)
	}
	status, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	all, err := io.ReadAll(status)
	if err != nil {
		t.Fatal(err)
	}
	peak := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(all)
	fmt.Printf("peak %s kB\n", peak[1])
}

// writeHostile writes a backup whose tasks are small, and have ids and jobs of their own.
func writeHostile(t *testing.T, path string, n int) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	w.Write(tbinary.AppendList(tbinary.AppendField(nil, tbinary.TypeSet, int16(TaskSet)), tbinary.TypeStruct, n))
	var b []byte
	for i := range n {
		key := (&tbinary.Struct{}).SetStr(1, fmt.Sprint("r", i)).SetStr(2, "e").SetStr(3, "j")
		assigned := (&tbinary.Struct{}).SetStr(1, fmt.Sprint(i)).SetStruct(4, (&tbinary.Struct{}).SetStruct(28, key))
		b = (&tbinary.Struct{}).SetStruct(1, assigned).Append(b[:0])
		w.Write(b)
	}
	w.WriteByte(0)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
