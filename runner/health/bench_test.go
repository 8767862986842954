package health

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// ordinary are lines of a scheduler on an ordinary day, and of its driver and replica.
var ordinary = []string{
	"I%s [TaskEventBatchWorker, StateMachine] www-data-prod-web-%d-8bd0c2a2-8d3f-4c65-9a9f-%012x state machine transition ASSIGNED -> STARTING",
	"I%s [TaskStatHandlerThread, TaskStatusHandlerImpl] Received status update for task ads-prod-bidder-%d-%012x in state TASK_RUNNING (REASON_RECONCILIATION)",
	"I%s [qtp1450821318-%d, Slf4jRequestLog] 10.44.3.%d - - \"POST //aurora.local/api HTTP/1.1\" 200 8145",
	"I%s 6247 replica.cpp:541] Replica received write request for position %d from __req_res__(%d)@10.44.3.17:8083",
	"I%s 6249 leveldb.cpp:341] Persisting action (2%d bytes) to leveldb took 1.30%dms",
	"I%s [OfferManager, OfferManagerImpl] Returning offers for agent %d-S%d for compaction.",
	"W%s [AsyncProcessor-4, PendingTaskProcessor] Task www-data/prod/web/%d is throttled for %d milliseconds",
}

// fillLog writes a log of about size bytes, with one line of the table in ten thousand.
func fillLog(w *bufio.Writer, size int) error {
	r := rand.New(rand.NewPCG(1, 2))
	for written, n := 0, 0; written < size; n++ {
		at := fmt.Sprintf("1123 09:%02d:%02d.%06d", n/60000%60, n/1000%60, n*997%1000000)
		line := fmt.Sprintf(ordinary[r.IntN(len(ordinary))], at, r.IntN(100000), r.IntN(1<<20))
		if n%10000 == 0 {
			line = "I" + at + " 6247 replica.cpp:633] " + theSearch().literals[r.IntN(len(theSearch().literals))].text
		}
		k, err := w.WriteString(line + "\n")
		if err != nil {
			return err
		}
		written += k
	}
	return w.Flush()
}

// What bench-scan.sh measures with: the log and grep's patterns.
func TestWriteBenchLog(t *testing.T) {
	dir := os.Getenv("BENCH_SCAN_DIR")
	if dir == "" {
		t.Skip("only for bench-scan.sh")
	}
	mb, err := strconv.Atoi(os.Getenv("BENCH_SCAN_MB"))
	if err != nil || mb < 1 || mb > 4096 {
		t.Fatalf("BENCH_SCAN_MB: %v, %d", err, mb)
	}
	f, err := os.Create(filepath.Join(dir, "scheduler.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := fillLog(bufio.NewWriterSize(f, 1<<20), mb<<20); err != nil {
		t.Fatal(err)
	}
	var patterns strings.Builder
	for _, l := range theSearch().literals {
		fmt.Fprintln(&patterns, l.text)
	}
	if err := os.WriteFile(filepath.Join(dir, "patterns"), []byte(patterns.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The peak of a command's memory, which the kernel counts.
func TestScanMemory(t *testing.T) {
	words := strings.Fields(os.Getenv("BENCH_SCAN_RSS"))
	if len(words) == 0 {
		t.Skip("only for bench-scan.sh")
	}
	cmd := exec.Command(words[0], words[1:]...)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("no figures of the process")
	}
	t.Logf("peak %d MiB", usage.Maxrss>>10)
}

func BenchmarkScan(b *testing.B) {
	var log bytes.Buffer
	if err := fillLog(bufio.NewWriter(&log), 64<<20); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(log.Len()))
	for b.Loop() {
		var s Scanner
		if err := s.Read(bytes.NewReader(log.Bytes()), "f"); err != nil {
			b.Fatal(err)
		}
	}
}
