// Package golden gives to tests what real programs left behind, and compares
// what a test finds with its golden file.
package golden

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Compare compares got with a golden file, which the flag -update writes first.
func Compare(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (go test -update writes it anew; read the change like code):\n%s", file, diff)
	}
}

// Gunzip returns what a file of gzip holds.
func Gunzip(t testing.TB, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}

// Unpack extracts a recorded folder, with its time stamps, and returns its path,
// which the test may change.
func Unpack(t testing.TB, archive string) string {
	t.Helper()
	f, err := os.Open(archive)
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	root, top := t.TempDir(), ""
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return top
		}
		must(t, err)
		name := strings.TrimPrefix(filepath.Clean("/"+h.Name), "/")
		if top == "" {
			top = filepath.Join(root, strings.SplitN(name, "/", 2)[0])
		}
		path := filepath.Join(root, name)
		if h.Typeflag == tar.TypeDir {
			must(t, os.MkdirAll(path, 0o755)) //nolint:gosec // As schedulers leave it: tests read it from other accounts.
			continue
		}
		b, err := io.ReadAll(in)
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755)) //nolint:gosec // As schedulers leave it: tests read it from other accounts.
		must(t, os.WriteFile(path, b, 0o644))           //nolint:gosec // As schedulers leave it: tests read it from other accounts.
		must(t, os.Chtimes(path, h.ModTime, h.ModTime))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
