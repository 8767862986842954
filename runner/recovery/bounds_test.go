package recovery

import (
	"errors"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
	"aurorabot/runner/node"
)

// A Mesos master that names tasks without end takes what the bound says.
func TestTasksOfMesosAreBounded(t *testing.T) {
	grown := boundtest.Grown(func() {
		_, err := parseMesosTasks(node.MesosPage(boundtest.Endless(`{"tasks":[{}`, `,{"id":"","state":"TASK_RUNNING"}`)), "")
		if !errors.Is(err, bound.ErrTooMuch) {
			t.Errorf("got %v", err)
		}
	})
	if grown > 96<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
