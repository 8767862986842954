package durable

import (
	"os"
	"path/filepath"
	"testing"
)

// The content is the new one and nothing lies beside it; where it cannot be
// written the old one stays, and nothing lies beside it either.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state")
	for _, text := range []string{"first", "second and longer", "3"} {
		if err := Replace(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
	}
	if st, err := os.Stat(file); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	inTheWay := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(inTheWay, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if err := Replace(filepath.Join(dir, "nowhere", "state"), nil, 0o600); err == nil {
		t.Error("written into a folder that is not there")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestHash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "abc")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum, n, err := Hash(file)
	if err != nil || n != 3 || sum != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%s, %d, %v", sum, n, err)
	}
	if _, _, err := Hash(file + ".not"); err == nil {
		t.Error("a file that is not there has a hash")
	}
}
