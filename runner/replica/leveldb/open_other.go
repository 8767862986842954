//go:build !linux

package leveldb

import (
	"os"
	"path/filepath"
)

// openDir opens a folder for listing. Only Linux can keep its access time.
func openDir(path string) (*os.File, error) { return os.Open(path) }

// openFile opens name within dir for reading.
func openFile(dir *os.File, name string) (*os.File, error) {
	return os.Open(filepath.Join(dir.Name(), name))
}

// holder cannot be found out here without taking the lock ourselves.
func (f *folder) holder() (string, error) { return "", nil }
