package ssh_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner"
)

// Files go through commands where there is no SFTP. It is missing in three
// ways: no subsystem, a program that says something else, no program (TestRealWays).
func TestFilesWithoutSFTP(t *testing.T) {
	for _, tt := range []struct{ name, line string }{
		{"no subsystem", "Subsystem other /bin/true"}, {"another program", "Subsystem sftp /bin/echo Welcome to s1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, missing := startSSHD(t, tt.line)
			if missing != "" {
				t.Skipf("SKIPPED: %s", missing)
			}
			h, file := open(t, cfg), filepath.Join(t.TempDir(), "file")
			content := bytes.Repeat([]byte("0123456789abcdef"), 20000)
			if err := h.Put(t.Context(), runner.File{Path: file, Content: content, Mode: 0o640}); err != nil {
				t.Fatal(err)
			}
			if st, err := os.Stat(file); err != nil || st.Mode() != 0o640 {
				t.Errorf("%v, %v", st.Mode(), err)
			}
			var got bytes.Buffer
			if n, err := h.Get(t.Context(), file, "", &got); err != nil || n != int64(len(content)) || !bytes.Equal(got.Bytes(), content) {
				t.Errorf("%d bytes, %v", n, err)
			}
			if _, err := h.Get(t.Context(), file+"x", "", &got); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v, want fs.ErrNotExist", err)
			}
			// A put that fails leaves the old file, and nothing else.
			err := h.Put(t.Context(), runner.File{Path: file, Content: []byte("x"), SHA256: strings.Repeat("0", 64), Mode: 0o600})
			if now, _ := os.ReadFile(file); !errors.Is(err, runner.ErrNotStarted) || !bytes.Equal(now, content) {
				t.Errorf("%v; %d bytes", err, len(now))
			}
			left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}
