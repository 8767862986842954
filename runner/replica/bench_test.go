package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// largeLog is a folder of 200,000 learned transactions, 140 MB, made once. The
// environment variable REPLICA_BENCH_LOG names one to use instead.
func largeLog(b *testing.B) string {
	if dir := os.Getenv("REPLICA_BENCH_LOG"); dir != "" {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		writeLarge(b, dir)
		return dir
	}
	dir := filepath.Join(b.TempDir(), "log")
	writeLarge(b, dir)
	return dir
}

func writeLarge(b *testing.B, dir string) {
	l := newLog(b, dir)
	l.metadata(Voting, 1)
	l.action(Action{Learned: true, Type: Nop})
	for p := uint64(1); p <= 200_000; p++ {
		l.learned(p, transaction(saveTasks(task(fmt.Sprintf("role-prod-job-%d", p), 2, 420))))
	}
	l.close()
}

func folderSize(b *testing.B, dir string) (n int64) {
	files, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			b.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// BenchmarkInspect reads a log of 200,000 entries with every checksum verified
// and Aurora's entries decoded.
func BenchmarkInspect(b *testing.B) {
	dir := largeLog(b)
	b.SetBytes(folderSize(b, dir))
	for b.Loop() {
		r, err := Inspect(context.Background(), dir)
		if err != nil || r.State != StateOK || r.Aurora.Transactions != 200_000 {
			b.Fatalf("%v %+v", err, r.Aurora)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
}

// BenchmarkPeer reads the same with goleveldb, checksums verified, nothing decoded.
func BenchmarkPeer(b *testing.B) {
	dir := largeLog(b)
	b.SetBytes(folderSize(b, dir))
	for b.Loop() {
		db, err := leveldb.OpenFile(dir, &opt.Options{ReadOnly: true, Strict: opt.StrictAll})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		it := db.NewIterator(nil, nil)
		for it.Next() {
			n += len(it.Value())
		}
		it.Release()
		if err := it.Error(); err != nil && !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
