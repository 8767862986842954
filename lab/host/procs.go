package host

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// markVariable is in the environment of all processes of an embedded host, so
// that also those that left their session can be found and ended. Its value is
// random: nobody else's process bears it.
const markVariable = "LAB_HOST"

// marked returns the processes whose environment bears the token.
func marked(token string) []int {
	want := []byte(markVariable + "=" + token)
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []int
	for _, entry := range entries {
		env, err := os.ReadFile(entry)
		if err != nil {
			continue // Ended meanwhile, or another account's.
		}
		for _, v := range bytes.Split(env, []byte{0}) {
			if bytes.Equal(v, want) {
				if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(entry))); err == nil && pid != os.Getpid() {
					found = append(found, pid)
				}
			}
		}
	}
	return found
}

// killMarked ends all processes that bear the token, as pulling the plug does.
func killMarked(token string) {
	if token == "" {
		return
	}
	for range 100 {
		found := marked(token)
		if len(found) == 0 {
			return
		}
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL) // Gone meanwhile: that is what is wanted.
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Processes returns the IDs of all processes of the host.
func (h *Host) Processes() []int { return marked(h.token) }
