package replica

import (
	"aurorabot/runner/golden"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// contents is the bytes of all files of a folder, hashed.
func contents(t *testing.T, dir string) string {
	t.Helper()
	out := ""
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("%s %x\n", f.Name(), sha256.Sum256(b))
	}
	return out
}

// Nothing in a folder changes by looking at it: no byte, no name, no time.
func TestNothingIsTouched(t *testing.T) {
	archives, _ := mesosCases(t)
	paths := []string{"testdata/aurora/f-leader-killed-during-framed-snapshot/replica1.tar.gz"}
	for _, p := range archives {
		paths = append(paths, p)
	}
	ctx := context.Background()
	for _, p := range paths {
		dir := golden.Unpack(t, p)
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		old := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		bytes := contents(t, dir)
		for _, f := range files { // An old access time, which any reading would renew.
			if err := os.Chtimes(filepath.Join(dir, f.Name()), old, old); err != nil {
				t.Fatal(err)
			}
		}
		before := lstats(t, dir)
		if _, err := Inspect(ctx, dir); err != nil {
			t.Fatal(p, err)
		}
		_ = Entries(ctx, dir, func(Entry) error { return nil })
		_, _, _ = Salvage(ctx, []string{dir}, SalvageOptions{UpToDamage: true})
		if after := lstats(t, dir); after != before {
			t.Errorf("%s: stat before\n%safter\n%s", p, before, after)
		}
		if contents(t, dir) != bytes {
			t.Errorf("%s: bytes changed", p)
		}
	}
}

// lstats is what stat says of a folder and its files, access times of files included.
func lstats(t *testing.T, dir string) string {
	t.Helper()
	out := ""
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range append([]string{dir}, files...) {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		s := *info.Sys().(*syscall.Stat_t)
		if i == 0 {
			s.Atim = syscall.Timespec{} // Listing it for this test sets it.
		}
		out += fmt.Sprintf("%s %+v\n", filepath.Base(path), s)
	}
	return out
}
