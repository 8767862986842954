package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// ReadJSON reads a file into v. One that is not there leaves v as it is, and is no
// error.
func ReadJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// WriteJSON writes v so that it is there whole or not at all, for the bot alone.
// It makes the folder where that is missing.
func WriteJSON(file string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = Replace(file, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// Values are values by name in one file.
type Values[T any] struct {
	File string

	mu sync.Mutex
}

// Load returns all of them; none if there is no file, or it cannot be read.
func (v *Values[T]) Load() (map[string]T, error) {
	all := map[string]T{}
	if err := ReadJSON(v.File, &all); err != nil {
		return map[string]T{}, err
	}
	return all, nil
}

// Save replaces all of them.
func (v *Values[T]) Save(all map[string]T) error { return WriteJSON(v.File, all) }

// Put replaces one of them.
func (v *Values[T]) Put(name string, value T) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	all, err := v.Load()
	if err != nil {
		return err
	}
	all[name] = value
	return v.Save(all)
}
