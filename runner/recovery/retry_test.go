package recovery_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner/aurora"
)

// notReady is the recorded answer of a scheduler that does not lead, to a call
// in Thrift's binary protocol: ERROR_TRANSIENT (6), "Storage is not READY".
func notReady(call []byte) []byte {
	const name, words = "commitRecovery", "Storage is not READY"
	number := binary.BigEndian.AppendUint32
	b := number(nil, 0x80010002) // A reply.
	b = append(number(b, uint32(len(name))), name...)
	b = append(b, call[8+len(name):12+len(name)]...) // The call's number.
	b = append(b, 12, 0, 0)                          // Field 0, the struct Response.
	b = number(append(b, 8, 0, 1), 6)                // Field 1, i32: the code.
	b = number(append(b, 15, 0, 6, 12), 1)           // Field 6, a list of one struct.
	b = number(append(b, 11, 0, 1), uint32(len(words)))
	b = append(b, words...)
	return append(b, 0, 0, 0) // The ends of detail, Response and reply.
}

// A scheduler that does not lead answers a commit with "Storage is not READY".
// By itself aurora_admin goes on for ten minutes, and the commit fires when that
// host comes to lead (recorded). Run as the bot runs it, it is over after the
// limit: nothing is sent after that, also when the host leads at last.
func TestCommitDoesNotFireLater(t *testing.T) {
	t.Parallel()
	var commits atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), "commitRecovery") {
			http.Error(w, "only commits are expected", http.StatusBadRequest)
			return
		}
		commits.Add(1)
		w.Header().Set("Content-Type", "application/vnd.apache.thrift.binary")
		w.Write(notReady(body))
	}))
	defer s.Close()
	root := t.TempDir()
	self, err := os.Executable()
	must(t, err)
	admin := filepath.Join(root, "aurora_admin")
	must(t, os.Symlink(self, admin))
	k := &aurora.Cluster{Name: cluster.Name, AdminName: cluster.Name, AdminPath: admin}
	must(t, os.WriteFile(filepath.Join(root, "clusters.json"), aurora.ClustersJSON(k, s.URL), 0o600))
	argv := aurora.AdminCommand(k, aurora.Profile{Bypass: true}, root, 7*time.Second, "scheduler_commit_recovery")
	begun := time.Now()
	out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 124 {
		t.Errorf("it ended with %v, not by its limit: %s", err, out)
	}
	sent := commits.Load()
	if sent < 2 {
		t.Errorf("%d commits within %s: it does not go on trying, and the limit proves nothing\n%s", sent, time.Since(begun), out)
	}
	time.Sleep(6 * time.Second) // Longer than it waits between two tries.
	if now := commits.Load(); now != sent {
		t.Errorf("%d commits came after the limit", now-sent)
	}
}
