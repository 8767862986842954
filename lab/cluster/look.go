package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"aurorabot/lab/host"
	"aurorabot/lab/master"
)

// client has no proxy, and keeps no connection to a scheduler that may go.
var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func get(ctx context.Context, address, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	return do(req)
}

func do(req *http.Request) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", req.URL, resp.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

// Leader returns the host whose scheduler leads, is registered with the Mesos
// master and advertises itself, or nil.
func (c *Cluster) Leader(ctx context.Context) host.Machine {
	for _, h := range c.Hosts {
		body, err := get(ctx, c.HTTP(h), "/vars")
		if err != nil || !slices.Contains(strings.Split(string(body), "\n"), "framework_registered 1") {
			continue
		}
		if _, err := get(ctx, c.HTTP(h), "/leaderhealth"); err == nil {
			return h
		}
	}
	return nil
}

// WaitLeader waits for a registered leader, a minute at most.
func (c *Cluster) WaitLeader(ctx context.Context) (host.Machine, error) {
	var leader host.Machine
	err := until(ctx, time.Minute, "a leader that is registered", func() bool {
		leader = c.Leader(ctx)
		return leader != nil
	})
	return leader, err
}

// until polls until ok.
func until(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("waited %s for %s", limit, what))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// TaskIDs are the ids of all tasks that a scheduler knows, sorted.
func (c *Cluster) TaskIDs(ctx context.Context, h host.Machine) ([]string, error) {
	body, err := get(ctx, c.HTTP(h), "/lab/state")
	if err != nil {
		return nil, err
	}
	var state struct {
		Tasks map[string]string `json:"tasks"`
	}
	if err := json.Unmarshal(body, &state); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(state.Tasks)), nil
}

// Killed counts the tasks that the Mesos master has killed because it was told to, by
// job.
func (c *Cluster) Killed(ctx context.Context) (map[string]int, error) {
	body, err := get(ctx, c.Master, "/state")
	if err != nil {
		return nil, err
	}
	var state struct {
		Frameworks []struct {
			Ended []struct{ Name, State string } `json:"completed_tasks"`
		}
	}
	if err := json.Unmarshal(body, &state); err != nil {
		return nil, err
	}
	killed := map[string]int{}
	for _, f := range state.Frameworks {
		for _, t := range f.Ended {
			if t.State == master.Killed {
				killed[t.Name]++
			}
		}
	}
	return killed, nil
}

// Reconcile has a scheduler ask Mesos for all its tasks, as an operator would who
// does not want to wait: those that it does not know are killed.
func (c *Cluster) Reconcile(ctx context.Context, h host.Machine) error {
	call := strings.NewReader(`[1,"triggerImplicitTaskReconciliation",1,0,{}]`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.HTTP(h)+"/api", call)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-thrift")
	req.SetBasicAuth(APIUser, APIPassword) // Who is not asked for it is let in with it, too.
	_, err = do(req)
	return err
}

// startTasks starts n tasks of a job of its own.
func (c *Cluster) startTasks(ctx context.Context, leader host.Machine, n int) ([]string, error) {
	q := url.Values{"role": {"www-data"}, "environment": {"prod"}, "name": {"after-the-backup"}, "instances": {fmt.Sprint(n)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.HTTP(leader)+"/lab/start?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	body, err := do(req)
	if err != nil {
		return nil, err
	}
	var ids []string
	return ids, json.Unmarshal(body, &ids)
}

// Systemctl runs systemctl on a host, as root.
func (c *Cluster) Systemctl(h host.Machine, args ...string) (string, error) {
	return c.ground.exec(h, append([]string{"systemctl"}, args...)...)
}

// Ruleset is what `nft list ruleset` prints on a host.
func (c *Cluster) Ruleset(h host.Machine) (string, error) {
	return c.ground.exec(h, "nft", "list", "ruleset")
}

// SchedulerLog returns the last lines that a host's scheduler logged; 0 is all.
func (c *Cluster) SchedulerLog(h host.Machine, lines int) string {
	argv := []string{"journalctl", "-u", host.Unit, "-o", "cat", "--no-pager"}
	if lines > 0 {
		argv = append(argv, "-n", fmt.Sprint(lines))
	}
	if c.opt.Supervisor != "" && c.opt.Supervisor != "systemd" {
		argv = []string{"cat", LogFile}
		if lines > 0 {
			argv = []string{"tail", "-n", fmt.Sprint(lines), LogFile}
		}
	}
	out, _ := c.ground.exec(h, argv...) // A host that is gone has no lines.
	return out
}

// Calls counts how often schedulers were called by a method of their API, by
// their own logs: that outlives the process.
func (c *Cluster) Calls(method string) int {
	n := 0
	for _, h := range c.all {
		n += c.CallsOn(h, method)
	}
	return n
}

// CallsOn is Calls of one host.
func (c *Cluster) CallsOn(h host.Machine, method string) int {
	n := 0
	for line := range strings.Lines(c.SchedulerLog(h, 0)) {
		if strings.Contains(line, "LoggingInterceptor] "+method+"(") {
			n++
		}
	}
	return n
}

// CopyLogs copies every host's replica folder into dir/HOST/log. A folder that
// is missing is left out.
func (c *Cluster) CopyLogs(dir string) error {
	for _, h := range c.Hosts {
		from, to := c.LogDir(h), filepath.Join(dir, h.Name(), "log")
		if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			return fmt.Errorf("copy the log of %s: %w", h.Name(), err)
		}
	}
	return nil
}

// candidate tells whether a host's scheduler stands in ZooKeeper, among those
// that would lead and among the replicas of the log.
func (c *Cluster) candidate(ctx context.Context, h host.Machine) bool {
	conn, _, err := zk.Connect([]string{c.ZooKeeper}, 5*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return false
	}
	defer conn.Close()
	for _, path := range []string{serverset, logGroup} {
		children, _, err := conn.Children(path)
		if err != nil || ctx.Err() != nil {
			return false
		}
		found := false
		for _, child := range children {
			data, _, err := conn.Get(path + "/" + child)
			found = found || err == nil && bytes.Contains(data, []byte(c.IP(h)))
		}
		if !found {
			return false
		}
	}
	return true
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
