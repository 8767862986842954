package recovery

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
	"aurorabot/runner/durable"
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

// A copy onto the bot that fails, here because its run is stopped, leaves nothing.
func TestCopyThatFailsLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup")
	ctx, stop := context.WithCancelCause(t.Context())
	reason := errors.New("stopped")
	err := fetch(ctx, file, "", func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		stop(reason)
		_, err := io.Copy(w, boundtest.Endless("", "x"))
		return err
	})
	if left, _ := filepath.Glob(file + "*"); !errors.Is(err, reason) || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, _, err := durable.HashWithin(ctx, os.Args[0]); !errors.Is(err, reason) {
		t.Errorf("a hash is made all the same: %v", err)
	}
}
