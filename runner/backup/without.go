package backup

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// Without is a backup less the tasks with the given ids. All else stays as it is, byte
// for byte; ids that it does not have are no error.
func Without(r io.Reader, ids []string) ([]byte, error) {
	s, err := Read(r)
	if err != nil {
		return nil, err
	}
	drop := map[string]bool{}
	for _, id := range ids {
		drop[id] = true
	}
	tasks := s.Elements(TaskSet)
	kept := make([]Element, 0, len(tasks))
	for i, e := range tasks {
		task, err := e.Struct()
		if err != nil {
			return nil, fmt.Errorf("task %d: %w", i, err)
		}
		if assigned := task.Struct(1); assigned == nil || !drop[assigned.Str(1)] {
			kept = append(kept, e)
		}
	}
	if len(kept) < len(tasks) {
		s.SetElements(TaskSet, slices.Clip(kept))
	}
	var b bytes.Buffer
	err = Write(&b, s)
	return b.Bytes(), err
}
