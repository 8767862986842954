//go:build !linux

package ssh

import (
	"fmt"
	"os"
)

// unnamed makes a file for a moment.
func unnamed(text []byte) (path string, end func(), err error) {
	f, err := os.CreateTemp("", "known_hosts-*")
	if err != nil {
		return "", nil, fmt.Errorf("known_hosts: %w", err)
	}
	defer f.Close()
	end = func() { _ = os.Remove(f.Name()) }
	if _, err := f.Write(text); err != nil {
		end()
		return "", nil, fmt.Errorf("known_hosts: %w", err)
	}
	return f.Name(), end, nil
}
