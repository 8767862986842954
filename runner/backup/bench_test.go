package backup

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner/tbinary"

	"github.com/apache/thrift/lib/go/thrift"
)

// manyTasks makes a backup of 10 n tasks from the recording of 10,000: in the
// copies the job has another name, and the id fits it.
func manyTasks(t testing.TB, n int) *Snapshot {
	t.Helper()
	s, err := Parse(load(t, recorded(t, "10k/*")[0]))
	if err != nil {
		t.Fatal(err)
	}
	tasks := s.Elements(TaskSet)
	out := make([]Element, 0, len(tasks)*n/1000)
	for copyNo := 0; len(out) < 10*n; copyNo++ {
		for _, e := range tasks[:min(len(tasks), 10*n-len(out))] {
			task, err := e.Struct()
			if err != nil {
				t.Fatal(err)
			}
			assigned := task.Struct(1)
			key := assigned.Struct(4).Struct(28)
			name := fmt.Sprintf("%s-%d", key.Str(3), copyNo)
			assigned.SetStr(1, strings.Replace(assigned.Str(1), key.Str(3), name, 1))
			key.SetStr(3, name)
			out = append(out, task.Encode())
		}
	}
	s.SetElements(TaskSet, out)
	return s
}

// fileOf writes a backup into a temporary file.
func fileOf(t testing.TB, s *Snapshot) (path string, size int64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "scheduler-backup-2026-11-23-09-04")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(f, s); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, info.Size()
}

// BenchmarkInspect100k: the whole command with its SHA-256, its parts, and a
// bare walk over the same 140 MB that looks at nothing.
func BenchmarkInspect100k(b *testing.B) {
	path, size := fileOf(b, manyTasks(b, 10_000))
	run := func(name string, f func(io.Reader) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				file, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				if err := f(file); err != nil {
					b.Fatal(err)
				}
				file.Close()
			}
		})
	}
	run("inspect", func(r io.Reader) error {
		report, err := Inspect(r, Options{Now: lately})
		if err == nil && (!report.Clean() || report.Tasks.Total != 100_000) {
			err = fmt.Errorf("report: %v %v, %d tasks", report.Error, report.Warnings, report.Tasks.Total)
		}
		return err
	})
	run("decode", func(r io.Reader) error {
		in := &inspector{r: tbinary.NewReader(r), tally: newTally()}
		in.row.configs = newConfigs(&in.warn)
		in.report.Quotas, in.report.CronJobs, in.report.Metadata = map[string]Quota{}, map[string]string{}, map[string]string{}
		lenient(in.r, &in.warn)
		eachField(in.r, &in.warn, in.field)
		return in.r.Err()
	})
	run("tasks", func(r io.Reader) error { return Tasks(r, func(Task) error { return nil }) })
	// Code that Thrift generates does this and makes a Go value of each field besides.
	run("thrift skips", func(r io.Reader) error {
		p := thrift.NewTBinaryProtocolConf(thrift.NewStreamTransportR(bufio.NewReaderSize(r, 256<<10)), nil)
		return thrift.SkipDefaultDepth(context.Background(), p, thrift.STRUCT)
	})
	run("walk", func(r io.Reader) error {
		in := tbinary.NewReader(r)
		in.Skip(tbinary.TypeStruct)
		return in.Err()
	})
	run("read", func(r io.Reader) error {
		_, err := io.Copy(io.Discard, bufio.NewReaderSize(struct{ io.Reader }{r}, 256<<10))
		return err
	})
	run("state", func(r io.Reader) error {
		_, err := ReadState(r)
		return err
	})
	run("whole", func(r io.Reader) error {
		s, err := Read(r)
		if err == nil && len(s.Append(nil)) != int(size) {
			err = fmt.Errorf("other size")
		}
		return err
	})
}
