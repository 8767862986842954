package aurora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"time"
)

// AdminCommand is the argument list of an aurora_admin call that talks to the
// one scheduler that its clusters.json names. The flag stands after the command
// and before the cluster: in other places aurora_admin exits with 1 (recorded).
//
// `timeout -k` ends it: aurora_admin would retry for ten minutes behind our
// back, a commit included.
func AdminCommand(c *Cluster, p Profile, configRoot string, limit time.Duration, verb string, args ...string) []string {
	argv := []string{
		"timeout", "-k", "5", fmt.Sprintf("%d", int(limit.Seconds())),
		"env", "AURORA_CONFIG_ROOT=" + configRoot, c.AdminPath, verb,
	}
	if p.Bypass {
		argv = append(argv, "--bypass-leader-redirect")
	}
	argv = append(argv, c.AdminName)
	return append(argv, args...)
}

// ClustersJSON is a clusters.json for one scheduler: with scheduler_uri and
// without zk, for aurora_admin prefers zk where both stand.
func ClustersJSON(c *Cluster, schedulerURI string) []byte {
	b, err := json.MarshalIndent([]map[string]string{{
		"name": c.AdminName, "scheduler_uri": schedulerURI, "auth_mechanism": "UNAUTHENTICATED",
	}}, "", "  ")
	if err != nil {
		panic("aurora: clusters.json: " + err.Error()) // Strings always encode.
	}
	return append(b, '\n')
}

// MaxAdmin bounds each output of aurora_admin that is kept, in bytes.
const MaxAdmin = 32 << 20

// An AdminAnswer is what aurora_admin said.
type AdminAnswer struct {
	OK      bool   `json:"ok"`
	Code    string `json:"code"` // "OK", "ERROR", "INVALID_REQUEST", …; "" if the scheduler did not answer.
	Message string `json:"message,omitempty"`
	Exit    int    `json:"exit"`
}

var responseLine = regexp.MustCompile(`Response from scheduler: ([A-Z_]+) \(message: (.*)\)`)

// ParseAdmin reads what aurora_admin left: results stand on stderr (recorded).
// No response line means that what the scheduler did is not known, whatever the
// exit status.
func ParseAdmin(stdout, stderr []byte, exit int) AdminAnswer {
	a := AdminAnswer{Exit: exit}
	if m := responseLine.FindSubmatch(stderr); m != nil {
		a.Code, a.Message = shown(m[1]), shown(m[2])
	} else {
		a.Message = lastLine(stderr, stdout)
	}
	a.OK = a.Code == "OK" && exit == 0
	return a
}

// lastLine is the last line that is not empty.
func lastLine(outputs ...[]byte) string {
	for _, out := range outputs {
		out = bytes.TrimSpace(out)
		if line := shown(bytes.TrimSpace(out[bytes.LastIndexByte(out, '\n')+1:])); line != "" {
			return line
		}
	}
	return ""
}

// shown is text that goes into a message of ours, cut to what people read.
func shown(b []byte) string {
	const most = 4096
	if len(b) > most {
		return strings.ToValidUTF8(string(b[:most]), "") + "…"
	}
	return string(b)
}

var tableRow = regexp.MustCompile(`^(?: ?INFO\] )?([^\t]+)\t([^\t]+)\t(\d+)\t([A-Z_]+)\t(\S+)\s*$`)

// RecoveryTasks reads the table of scheduler_print_recovery_tasks: active tasks
// only, on stderr (recorded). It gives their ids, one by one.
func RecoveryTasks(stderr []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(stderr) {
			if m := tableRow.FindSubmatch(bytes.TrimRight(line, "\n")); m != nil && !yield(string(m[5])) {
				return
			}
		}
	}
}
