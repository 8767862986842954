package aurora

import (
	"encoding/json"
	"fmt"
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
		a.Code, a.Message = string(m[1]), string(m[2])
	} else {
		a.Message = lastLine(stderr, stdout)
	}
	a.OK = a.Code == "OK" && exit == 0
	return a
}

func lastLine(outputs ...[]byte) string {
	for _, out := range outputs {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if l := strings.TrimSpace(lines[len(lines)-1]); l != "" {
			return l
		}
	}
	return ""
}

var tableRow = regexp.MustCompile(`^(?: ?INFO\] )?([^\t]+)\t([^\t]+)\t(\d+)\t([A-Z_]+)\t(\S+)\s*$`)

// ParseRecoveryTasks reads the table of scheduler_print_recovery_tasks: active
// tasks only, on stderr (recorded). It returns their ids.
func ParseRecoveryTasks(stderr []byte) []string {
	var ids []string
	for line := range strings.Lines(string(stderr)) {
		if m := tableRow.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			ids = append(ids, m[5])
		}
	}
	return ids
}
