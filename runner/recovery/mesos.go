package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"aurorabot/runner"
	"aurorabot/runner/backup"
)

// runningTasks asks Mesos what runs of the framework. While the schedulers are
// down Mesos usually is not: it says what a restore will find.
func (r *Recovery) runningTasks(ctx context.Context, s *runner.State, framework string) (now *backup.State, master string, err error) {
	n := r.node(s, r.anyScheduler(s))
	l, err := n.Known()
	if err != nil {
		return nil, "", err
	}
	var tasks []backup.Task
	// Without a limit a master answers with 100 tasks.
	master, err = n.Mesos(ctx, l.Flags["mesos_master_address"], "/tasks?limit=10000000", func(page io.Reader) (err error) {
		tasks, err = parseMesosTasks(page, framework)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return backup.NewState(r.Now(), tasks), master, nil
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
