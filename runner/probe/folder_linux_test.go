package probe

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// A known file that its reader may not read any more is said to be one.
func TestKnownFileThatIsClosed(t *testing.T) {
	dir, data := t.TempDir(), small(t)
	put(t, dir, backupName, data)
	first := byName(t, ask(t, Request{Folder: &FolderAsk{Dir: dir}}).Folder, backupName)
	for path, mode := range map[string]os.FileMode{filepath.Join(dir, backupName): 0, dir: 0o755, filepath.Dir(dir): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		// Root may read everything, but not while its thread is somebody else to the
		// file system. The thread ends with this goroutine.
		runtime.LockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setfsuid(0); err != nil {
				t.Fatal(err)
			}
			runtime.UnlockOSThread()
		}()
	}
	if x := byName(t, lookIn(t.Context(), FolderAsk{Dir: dir, Known: []FileID{first.ID}}), backupName); x.Known || x.Error != "permission denied" {
		t.Errorf("%+v", x)
	}
}
