package replica

import (
	"context"
	"fmt"
	"io"

	"aurorabot/runner/backup"
	"aurorabot/runner/tbinary"
)

// maxElement bounds one element of a snapshot, in bytes: a task with its
// configuration, or a whole snapshot that is not deduplicated.
const maxElement = 1 << 30

// expand reads a LogEntry that holds a snapshot, and gives each task of a
// deduplicated one its configuration back.
func expand(ctx context.Context, in io.Reader) (*backup.Snapshot, error) {
	e, err := openStream(ctx, in)
	if err != nil {
		return nil, err
	}
	var out *backup.Snapshot
	r := e.reader
	for t, id := r.Field(); t != tbinary.TypeStop; t, id = r.Field() {
		switch {
		case id == entrySnapshot && t == tbinary.TypeStruct:
			out, err = readSnapshot(r)
		case id == entryDeduplicated && t == tbinary.TypeStruct:
			out, err = readDeduplicated(r)
		default:
			r.Skip(t)
		}
		if err != nil {
			return nil, err
		}
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	if err := e.rest(); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, fmt.Errorf("no snapshot in it")
	}
	return out, nil
}

func readSnapshot(r *tbinary.Reader) (*backup.Snapshot, error) {
	b := r.Copy(nil, tbinary.TypeStruct, maxElement)
	if r.Err() != nil {
		return nil, r.Err()
	}
	return backup.Parse(b)
}

func readDeduplicated(r *tbinary.Reader) (*backup.Snapshot, error) {
	var out *backup.Snapshot
	var partial []backup.Element
	var configs []*tbinary.Struct
	for t, id := r.Field(); t != tbinary.TypeStop; t, id = r.Field() {
		switch {
		case id == 1 && t == tbinary.TypeStruct:
			var err error
			if out, err = readSnapshot(r); err != nil {
				return nil, err
			}
		case id == 2 && t == tbinary.TypeList:
			elem, n := r.List()
			for ; n > 0 && r.Err() == nil; n-- {
				partial = append(partial, r.Copy(nil, elem, maxElement))
			}
		case id == 3 && t == tbinary.TypeList:
			elem, n := r.List()
			for ; n > 0 && r.Err() == nil; n-- {
				b := r.Copy(nil, elem, maxElement)
				if r.Err() != nil {
					break
				}
				config, err := tbinary.DecodeAll(b)
				if err != nil {
					return nil, fmt.Errorf("configuration %d: %w", len(configs), err)
				}
				configs = append(configs, config)
			}
		default:
			r.Skip(t)
		}
	}
	switch {
	case r.Err() != nil:
		return nil, r.Err()
	case out == nil:
		return nil, fmt.Errorf("deduplicated snapshot without a snapshot")
	}
	tasks := append([]backup.Element(nil), out.Elements(backup.TaskSet)...)
	for i, e := range partial {
		p, err := e.Struct()
		if err != nil {
			return nil, fmt.Errorf("task %d: %w", i, err)
		}
		task, n := p.Struct(1), int(p.I32(2))
		if task == nil || n < 0 || n >= len(configs) {
			return nil, fmt.Errorf("task %d: configuration %d of %d", i, n, len(configs))
		}
		setConfig(task, configs[n])
		tasks = append(tasks, task.Encode())
		partial[i] = nil
	}
	out.SetElements(backup.TaskSet, tasks)
	return out, nil
}
