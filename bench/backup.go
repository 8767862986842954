package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"

	"aurorabot/runner/backup"
	"aurorabot/runner/tbinary"
)

// recording reads a backup that a real scheduler wrote.
func recording(path string) (*backup.Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return backup.Read(z)
}

// grow gives the snapshot n tasks, copies of those that it has: in each copy
// the jobs have other names, and the ids fit them.
func grow(s *backup.Snapshot, n int) error {
	old := s.Elements(backup.TaskSet)
	if len(old) == 0 {
		return fmt.Errorf("no task in the recording")
	}
	out := make([]backup.Element, 0, n)
	for i := 0; len(out) < n; i++ {
		for _, e := range old[:min(len(old), n-len(out))] {
			task, err := e.Struct()
			if err != nil {
				return err
			}
			rename(task, i)
			out = append(out, task.Encode())
		}
	}
	s.SetElements(backup.TaskSet, out)
	return nil
}

// rename makes a task one of another job.
func rename(task *tbinary.Struct, i int) {
	assigned := task.Struct(1)
	key := assigned.Struct(4).Struct(28)
	name := fmt.Sprintf("%s-%d", key.Str(3), i)
	assigned.SetStr(1, strings.Replace(assigned.Str(1), key.Str(3), name, 1))
	key.SetStr(3, name)
}

func writeBackup(from, to string, tasks int) error {
	s, err := recording(from)
	if err != nil {
		return err
	}
	if err := grow(s, tasks); err != nil {
		return fmt.Errorf("make a backup of %s: %w", from, err)
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	if err := backup.Write(f, s); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// decode is the command without its hash, and without what prints.
func decode(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := backup.Inspect(io.Reader(f), backup.Options{Name: path, Size: info.Size(), Unhashed: true})
	if err == nil && !r.Clean() {
		err = fmt.Errorf("inspect %s: %s %v", path, r.Error, r.Warnings)
	}
	fmt.Println(r.Tasks.Total, "tasks")
	return err
}
