package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is put comes back, beside what was there; a file that cannot be read is
// neither taken for empty nor overwritten.
func TestValues(t *testing.T) {
	v := &Values[int]{File: filepath.Join(t.TempDir(), "made", "values.json")}
	if all, err := v.Load(); err != nil || len(all) != 0 {
		t.Errorf("without a file: %v, %v", all, err)
	}
	for name, n := range map[string]int{"a": 1, "b": 2} {
		if err := v.Put(name, n); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := v.Load(); err != nil || len(all) != 2 || all["a"] != 1 || all["b"] != 2 {
		t.Errorf("%v, %v", all, err)
	}
	if st, err := os.Stat(v.File); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if err := os.WriteFile(v.File, []byte(`{"a": `), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Load(); err == nil || !strings.Contains(err.Error(), v.File) {
		t.Errorf("of a torn file: %v", err)
	}
	if err := v.Put("c", 3); err == nil {
		t.Error("a file that cannot be read was overwritten")
	}
}
