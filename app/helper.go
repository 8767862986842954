package app

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"aurorabot/runner/durable"
)

// helper is this program, as it is put on scheduler hosts.
type helper struct {
	files map[string]string // By architecture, from the configuration.

	mu   sync.Mutex
	sums map[string]string
}

func (h *helper) of(arch string) (func() (io.ReadCloser, error), string, error) {
	file := h.files[arch]
	if file == "" && arch == runtime.GOARCH {
		self, err := os.Executable()
		if err != nil {
			return nil, "", fmt.Errorf("find this program: %w", err)
		}
		file = self
	}
	if file == "" {
		return nil, "", fmt.Errorf("no program for %s hosts: name one built for it under helpers.%s", arch, arch)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sums == nil {
		h.sums = map[string]string{}
	}
	if h.sums[file] == "" {
		sum, _, err := durable.Hash(file)
		if err != nil {
			return nil, "", fmt.Errorf("program for the hosts: %w", err)
		}
		h.sums[file] = sum
	}
	return func() (io.ReadCloser, error) { return os.Open(file) }, h.sums[file], nil
}

// all are the hashes of every program that may be put on a host.
func (h *helper) all() ([]string, error) {
	archs := []string{runtime.GOARCH}
	for arch := range h.files {
		archs = append(archs, arch)
	}
	slices.Sort(archs)
	var sums []string
	for _, arch := range slices.Compact(archs) {
		_, sum, err := h.of(arch)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return slices.Compact(sums), nil
}
