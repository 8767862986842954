// Package durable writes files of the bot so that a power failure leaves the old
// one or the new one, whole, and hashes files.
package durable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"aurorabot/runner/bound"
)

// Replace gives file a new content: written beside it as FILE.new, synced, renamed,
// and the folder synced. One process at a time may do it.
func Replace(file string, content []byte, mode fs.FileMode) error {
	beside := file + ".new"
	f, err := os.OpenFile(beside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(beside, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return SyncDir(filepath.Dir(file))
}

// SyncDir makes names that were given or taken in a folder last.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Hash is the SHA-256 of a file in hexadecimal, and its length in bytes.
func Hash(file string) (sum string, size int64, err error) {
	return HashWithin(context.Background(), file)
}

// HashWithin is [Hash], and ends when ctx does.
func HashWithin(ctx context.Context, file string) (sum string, size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, bound.Within(ctx, f))
	if err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
