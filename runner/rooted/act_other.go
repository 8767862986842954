//go:build !linux

package rooted

import (
	"errors"
	"io/fs"
	"os"
)

var errLinux = errors.New("root's folders are worked in on Linux only, where schedulers run")

// Root is the account that this runs as.
func Root() Owner { return Owner{os.Geteuid(), os.Getegid()} }

// Rename is there on Linux only.
func Rename(string, string) error { return errLinux }

// MakeFolder is there on Linux only.
func MakeFolder(string, uint32, Owner) error { return errLinux }

func openToChange(string) (*os.Root, error) { return nil, errLinux }

func deviceOf(fs.FileInfo) (device, links uint64) { return 0, 0 }
