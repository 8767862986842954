package cluster

import (
	"bufio"
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

	"aurorabot/lab/host"
	"aurorabot/lab/tools"
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

// Leader returns the host whose scheduler leads and is registered with the
// Mesos master, or nil.
func (c *Cluster) Leader(ctx context.Context) *host.Host {
	for _, h := range c.Hosts {
		body, err := get(ctx, c.HTTP(h), "/vars")
		if err == nil && slices.Contains(strings.Split(string(body), "\n"), "framework_registered 1") {
			return h
		}
	}
	return nil
}

// WaitLeader waits for a registered leader, a minute at most.
func (c *Cluster) WaitLeader(ctx context.Context) (*host.Host, error) {
	var leader *host.Host
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
func (c *Cluster) TaskIDs(ctx context.Context, h *host.Host) ([]string, error) {
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

// startTasks starts n tasks of a job of its own.
func (c *Cluster) startTasks(ctx context.Context, leader *host.Host, n int) ([]string, error) {
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
func (c *Cluster) Systemctl(h *host.Host, args ...string) (string, error) {
	var out, errs bytes.Buffer
	env := []string{tools.RootVariable + "=" + h.Root(), "USER=root"}
	if status := tools.Systemctl(args, nil, &out, &errs, env); status != 0 {
		return out.String(), fmt.Errorf("%s: systemctl %s: exit status %d: %s", h.Name(), strings.Join(args, " "), status, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// Ruleset is what `nft list ruleset` prints on a host.
func (c *Cluster) Ruleset(h *host.Host) (string, error) {
	var out, errs bytes.Buffer
	env := []string{tools.RootVariable + "=" + h.Root(), "USER=root"}
	if status := tools.Nft([]string{"list", "ruleset"}, nil, &out, &errs, env); status != 0 {
		return "", fmt.Errorf("%s: nft list ruleset: exit status %d: %s", h.Name(), status, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// Calls counts how often schedulers were called by a method of their API, by
// their own logs: that outlives the process.
func (c *Cluster) Calls(method string) (int, error) {
	n := 0
	for _, h := range c.all {
		f, err := os.Open(h.Path("/var/log/journal/journal.jsonl"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if line := lines.Text(); strings.Contains(line, "LoggingInterceptor") && strings.Contains(line, method+"(") && !strings.Contains(line, "while handling") {
				n++
			}
		}
		err = errors.Join(lines.Err(), f.Close())
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// SchedulerLog returns the last lines that a host's journal holds.
func (c *Cluster) SchedulerLog(h *host.Host, lines int) string {
	var out bytes.Buffer
	env := []string{tools.RootVariable + "=" + h.Root(), "USER=root"}
	tools.Journalctl([]string{"-u", host.Unit, "-o", "cat", "--no-pager", "-n", fmt.Sprint(lines)}, nil, &out, io.Discard, env)
	return out.String()
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
