package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"aurorabot/runner/backup"
	"aurorabot/runner/golden"
)

// spoil changes one file of the folder at every step-th byte and calls each, until it
// returns false; then the file is as it was.
func spoil(t *testing.T, dir, file string, step int, change func(b []byte, at int) []byte, each func(at int, dir string) (more bool)) {
	t.Helper()
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); at += step {
		if err := os.WriteFile(path, change(append([]byte(nil), b...), at), 0o644); err != nil {
			t.Fatal(err)
		}
		if !each(at, dir) {
			break
		}
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A flipped bit is noticed wherever it is: in the log, in a table, in MANIFEST
// and CURRENT. There is no byte that no checksum or comparison covers.
func TestEveryFlipIsNoticed(t *testing.T) {
	for _, tt := range []struct {
		archive, file string
		step          int
	}{
		{"d-holes-unlearned-promise-only.log", "000004.log", 1},
		{"h0-base40-wal.log", "000004.log", 241},
		{"h0-base40-ldb.log", "000011.ldb", 241},
		{"h0-base40-ldb.log", "MANIFEST-000006", 1},
		{"h0-base40-ldb.log", "CURRENT", 1},
		{"c-voting-400-zeros-snappy.log", "", 37},
		{"g-wrong-init-2-after.replica2", "CURRENT", 1},
	} {
		t.Run(tt.archive+"/"+tt.file, func(t *testing.T) {
			t.Parallel()
			dir := golden.Unpack(t, "testdata/mesos/"+tt.archive+".tar.gz")
			if tt.file == "" {
				tables, _ := filepath.Glob(filepath.Join(dir, "*.ldb"))
				tt.file = filepath.Base(tables[0])
			}
			flip := func(b []byte, at int) []byte { b[at] ^= 1 << (at % 8); return b }
			spoil(t, dir, tt.file, tt.step, flip, func(at int, dir string) bool {
				r := inspect(t, dir)
				if r.State.Whole() {
					t.Errorf("bit %d of byte %d: state %s, damage %v", at%8, at, r.State, r.Damage)
				}
				return true
			})
		})
	}
}

// The index and the footer are few bytes, so all of them are flipped.
func TestEveryFlipOfIndexAndFooterIsNoticed(t *testing.T) {
	t.Parallel()
	dir := golden.Unpack(t, "testdata/mesos/h0-base40-ldb.log.tar.gz")
	flip := func(b []byte, at int) []byte { b[len(b)-1-at] ^= 0x10; return b }
	n := 0
	spoil(t, dir, "000011.ldb", 1, flip, func(at int, dir string) bool {
		n++
		if r := inspect(t, dir); r.State != StateDamaged {
			t.Errorf("byte %d from the end: state %s", at, r.State)
		}
		return n < 600
	})
}

// A file that ends early is noticed, but for a write-ahead log that ends
// exactly behind a record: nothing in one folder can tell.
func TestEveryTruncationIsNoticed(t *testing.T) {
	cut := func(b []byte, at int) []byte { return b[:at] }
	for _, tt := range []struct {
		archive, file string
		step          int
		silent        int // Cuts between records.
	}{
		{"d-holes-unlearned-promise-only.log", "000004.log", 1, 17},
		{"h0-base40-ldb.log", "000011.ldb", 997, 0},
		{"h0-base40-ldb.log", "MANIFEST-000006", 1, 0},
		{"h0-base40-ldb.log", "CURRENT", 1, 0},
	} {
		t.Run(tt.archive+"/"+tt.file, func(t *testing.T) {
			t.Parallel()
			dir := golden.Unpack(t, "testdata/mesos/"+tt.archive+".tar.gz")
			silent := 0
			spoil(t, dir, tt.file, tt.step, cut, func(at int, dir string) bool {
				if r := inspect(t, dir); r.State.Whole() {
					silent++
				}
				return true
			})
			if silent > tt.silent {
				t.Errorf("%d cuts were not noticed, want at most %d", silent, tt.silent)
			}
		})
	}
}

// Damage in Aurora's own log: a salvage refuses, or gives the whole backup.
func TestSalvageOfDamage(t *testing.T) {
	folder := "testdata/aurora/a-small-mutations-after-snapshot"
	want := readBackup(t, folder)
	dir := golden.Unpack(t, folder+"/replica1.tar.gz")
	flip := func(b []byte, at int) []byte { b[at] ^= 4; return b }
	refused := 0
	ctx := context.Background()
	spoil(t, dir, "000012.log", 1999, flip, func(at int, dir string) bool {
		got, _, err := Salvage(ctx, []string{dir}, SalvageOptions{})
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			refused++
			part, out, err := Salvage(ctx, []string{dir}, SalvageOptions{UpToDamage: true})
			if (err == nil) != refusal.Partial {
				t.Errorf("byte %d: up to damage: %v, though partial is %v", at, err, refusal.Partial)
			}
			if err == nil && (len(out.Dropped) == 0 || (out.Position != refusal.Position && len(out.Missing) > 0)) {
				t.Errorf("byte %d: went to %d, drops %q; refusal said %d", at, out.Position, out.Dropped, refusal.Position)
			}
			_ = part
		case err != nil:
			t.Errorf("byte %d: %v", at, err)
		case !backup.Equal(got, want):
			t.Errorf("byte %d: a salvage of a damaged log differs from the truth and says nothing", at)
		}
		return true
	})
	if refused == 0 {
		t.Error("nothing was refused")
	}
	// With two whole replicas beside it the damaged one harms nothing.
	b, err := os.ReadFile(filepath.Join(dir, "000012.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "000012.log"), b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	others := []string{golden.Unpack(t, folder+"/replica2.tar.gz"), golden.Unpack(t, folder+"/replica3.tar.gz")}
	got, out, err := Salvage(ctx, append(others, dir), SalvageOptions{})
	if err != nil || !backup.Equal(got, want) || out.From[2].State != StateDamaged {
		t.Errorf("with two whole replicas: %v, %+v", err, out.From)
	}
	b[len(b)/4] ^= 1 // A flipped byte and not a torn tail only.
	if err := os.WriteFile(filepath.Join(dir, "000012.log"), b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Salvage(ctx, append(others[:1:1], dir), SalvageOptions{}); err == nil {
		t.Error("one whole replica of two proves nothing about the end, but was enough")
	}
}

// Positions that two replicas have learned differently stop a salvage.
func TestSalvageRefusesDivergedReplicas(t *testing.T) {
	var dirs []string
	for i := range 2 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("replica", i))
		l := newLog(t, dir)
		l.metadata(Voting, 1)
		l.action(Action{Learned: true, Type: Nop})
		l.learned(1, transaction(saveQuota("a", 1)))
		l.learned(2, transaction(saveQuota("b", float64(i))))
		l.learned(3, transaction(saveQuota("c", 3)))
		l.close()
		dirs = append(dirs, dir)
	}
	_, _, err := Salvage(context.Background(), dirs, SalvageOptions{})
	var refusal *Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "different entries at position 2") || refusal.Position != 1 {
		t.Fatalf("%v, want a refusal for position 2", err)
	}
	got, out, err := Salvage(context.Background(), dirs, SalvageOptions{UpToDamage: true})
	if err != nil || out.Position != 1 || len(got.Elements(backup.Quotas)) != 1 {
		t.Errorf("up to damage: %v, %+v", err, out)
	}
	if one, _, err := Salvage(context.Background(), dirs[1:], SalvageOptions{}); err != nil || len(one.Elements(backup.Quotas)) != 3 {
		t.Errorf("a single one: %v", err)
	}
}

// An empty log and a log of something else are no backup.
func TestSalvageOfNothing(t *testing.T) {
	for _, name := range []string{"a-empty.log", "b-voting-zero-entries.log", "b-auto-initialized.replica1", "c-voting-400-zeros-wal.log", "h-empty-folder.log"} {
		_, _, err := Salvage(context.Background(), []string{golden.Unpack(t, "testdata/mesos/"+name+".tar.gz")}, SalvageOptions{UpToDamage: true})
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if !reflect.DeepEqual(Ranges{{1, 2}}.gaps(0, 4), Ranges{{0, 0}, {3, 4}}) {
		t.Error("gaps")
	}
}
