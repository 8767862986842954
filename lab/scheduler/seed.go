package scheduler

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aurorabot/lab/mesoslog"
)

// SeedLog makes a fresh replica folder that holds one snapshot: the state of a
// backup, as release 0.22 would have written it to its log. It is how a lab
// gives a cluster a past: the same folder, copied to every host before the
// first scheduler starts. The path must not exist.
func SeedLog(path string, backup []byte) error {
	snap, err := decodeSnapshot(backup)
	if err != nil {
		return fmt.Errorf("seed log %s: decode backup: %w", path, err)
	}
	if err := InitLog(path); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log, err := mesoslog.Open(ctx, mesoslog.Options{Path: path, Quorum: 1, Listen: "127.0.0.1:0", WriteTimeout: time.Minute})
	if err != nil {
		return fmt.Errorf("seed log %s: %w", path, err)
	}
	defer log.Close()
	writer := log.Writer()
	if _, ok, err := writer.Start(ctx); err != nil || !ok {
		return fmt.Errorf("seed log %s: elect the writer: won %v: %w", path, ok, err)
	}
	v := version{22, 0}
	entry, _ := snap.encodeForLog(v.build())
	first := uint64(0)
	for i, f := range frames(entry, 512<<10) {
		at, err := writer.Append(ctx, f)
		if err != nil {
			return fmt.Errorf("seed log %s: append: %w", path, err)
		}
		if i == 0 {
			first = at
		}
	}
	if _, err := writer.Truncate(ctx, first); err != nil {
		return fmt.Errorf("seed log %s: truncate: %w", path, err)
	}
	if err := log.Close(); err != nil {
		return fmt.Errorf("seed log %s: %w", path, err)
	}
	return nil
}

// Loaded is the backup that release 0.22 would write right after it had loaded
// one: what its classes do not know, as of an older release, is gone.
func Loaded(backup []byte) ([]byte, error) {
	snap, err := decodeSnapshot(backup)
	if err != nil {
		return nil, fmt.Errorf("decode backup: %w", err)
	}
	return snap.encode(version{22, 0}.build()), nil
}

// InitLog makes a folder that mesos-log has initialised: an empty replica that
// votes. The path must not exist.
func InitLog(path string) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("initialise log %s: it exists", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var out bytes.Buffer
	if status := mesoslog.Main([]string{"mesos-log", "initialize", "--path=" + path}, nil, io.Discard, &out, nil); status != 0 {
		return fmt.Errorf("initialise log %s: exit status %d: %s", path, status, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}
