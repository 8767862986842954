package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/zk"
)

// maxMesosTasks bounds the answer of a Mesos master's /tasks, in bytes: a task
// takes about 1 KB of it.
const maxMesosTasks = 512 << 20

// runningTasks asks the leading Mesos master, which is found through the real
// -mesos_master_address, what runs of the framework. While the schedulers are
// down Mesos usually is not: it says what a restore will find.
func (r *Recovery) runningTasks(ctx context.Context, s *runner.State, framework string) (*backup.State, string, error) {
	l, err := look(s, r.anyScheduler(s))
	if err != nil {
		return nil, "", err
	}
	address, err := zk.ParseURL(l.Flags["mesos_master_address"])
	if err != nil {
		return nil, "", fmt.Errorf("-mesos_master_address: %w", err)
	}
	z, err := r.zookeeper(s, map[string]string{"zk_endpoints": strings.Join(address.Servers, ",")})
	if err != nil {
		return nil, "", err
	}
	masters, err := z.MesosMaster(ctx, address.Path)
	if err != nil {
		return nil, "", err
	}
	if len(masters) == 0 {
		return nil, "", errors.New("no Mesos master is in ZooKeeper")
	}
	lead := masters[0]
	if lead.Unsupported != "" {
		return nil, "", fmt.Errorf("leading Mesos master: %s", lead.Unsupported)
	}
	tasks, err := r.mesosTasks(ctx, r.Hosts[r.anyScheduler(s)], lead.Address.String(), framework)
	if err != nil {
		return nil, "", err
	}
	return backup.NewState(r.Now(), tasks), lead.Address.String(), nil
}

// mesosTasks reads /tasks of a master, as a scheduler's host sees it.
func (r *Recovery) mesosTasks(ctx context.Context, host runner.Host, address, framework string) ([]backup.Task, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tr := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return host.Dial(ctx, address) },
		DisableKeepAlives: true,
	}
	defer tr.CloseIdleConnections()
	// Without a limit a master answers with 100 tasks.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/tasks?limit=10000000", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("/tasks of %s: %w", address, err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("/tasks of %s: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/tasks of %s: HTTP status %d", address, resp.StatusCode)
	}
	return parseMesosTasks(io.LimitReader(resp.Body, maxMesosTasks), framework)
}

// parseMesosTasks reads {"tasks":[{…}]} one by one and keeps those of the
// framework that run or are about to. framework "" keeps all.
func parseMesosTasks(in io.Reader, framework string) ([]backup.Task, error) {
	dec := json.NewDecoder(in)
	if err := toTasks(dec); err != nil {
		return nil, err
	}
	var tasks []backup.Task
	for dec.More() {
		var t struct {
			ID        string `json:"id"`
			Framework string `json:"framework_id"`
			Agent     string `json:"slave_id"`
			State     string `json:"state"`
		}
		if err := dec.Decode(&t); err != nil {
			return nil, fmt.Errorf("/tasks: %w", err)
		}
		if framework != "" && t.Framework != framework {
			continue
		}
		switch t.State {
		case "TASK_RUNNING", "TASK_STARTING", "TASK_STAGING", "TASK_KILLING":
			status, _ := backup.ParseStatus("RUNNING")
			tasks = append(tasks, backup.Task{ID: t.ID, Status: status, Host: t.Agent})
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("/tasks: %w", err)
	}
	return tasks, nil
}

// toTasks goes on to the first element of the list.
func toTasks(dec *json.Decoder) error {
	depth := 0
	for {
		tok, err := dec.Token()
		if err != nil {
			return fmt.Errorf("/tasks: no list of tasks: %w", err)
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		case "tasks":
			if depth != 1 {
				continue
			}
			if tok, err = dec.Token(); err != nil || tok != json.Delim('[') {
				return fmt.Errorf("/tasks: the tasks are no list: %v %w", tok, err)
			}
			return nil
		}
	}
}
