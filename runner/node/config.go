package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"aurorabot/runner/flagfile"
	"aurorabot/runner/probe"
)

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

// ReadConfig reads the scheduler's configuration file.
func (n *Node) ReadConfig(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	file := n.Scheduler.ConfigFile
	size, err := n.Host.Get(ctx, file, "root", &limited{w: &b, left: maxConfig})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if size == 0 {
		return nil, fmt.Errorf("read %s: it is empty", file)
	}
	return b.Bytes(), nil
}

// Config reads the configuration file and what it sets.
func (n *Node) Config(ctx context.Context) (text []byte, file *flagfile.File, err error) {
	if text, err = n.ReadConfig(ctx); err == nil {
		file, err = ParseConfig(n, text)
	}
	return text, file, err
}

// ParseConfig reads the text of the configuration file, in the cluster's format.
func ParseConfig(n *Node, text []byte) (*flagfile.File, error) {
	return flagfile.Parse(n.Cluster.Configuration, n.Scheduler.ConfigFile, text)
}

// A reloader is a [Supervisor] that reads the configuration file itself, or a part of
// it, and must be told when that was replaced; one whose scheduler's start reads the
// file is none. Reload is called both after a change and after its undoing, and may be
// called when nothing changed.
type reloader interface {
	Reload(ctx context.Context) error
}

var errTooLong = errors.New("longer than expected")

// limited is a writer that refuses more than left bytes.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		return 0, errTooLong
	}
	l.left -= int64(len(p))
	return l.w.Write(p)
}

// Original is where the configuration file as it was is kept: 0600, root's.
func (n *Node) Original() string {
	return path.Join(KeptFolder(n.Scheduler.RunDir, n.RunID), "original-configuration")
}

// ReplaceConfig puts the content of from in the place of the configuration
// file, with its owner and mode as they were, whole or not at all.
func (n *Node) ReplaceConfig(ctx context.Context, was probe.Path, from string) error {
	file := n.Scheduler.ConfigFile
	if err := asRoot(ctx, n, replaceCommands(from, AsideOf(file, n.RunID), file, was)...); err != nil {
		return err
	}
	if r, ok := n.Supervisor().(reloader); ok {
		return r.Reload(ctx)
	}
	return nil
}

// replaceCommands are those of ReplaceConfig. The copy is as closed as from is,
// 0600, until it has its owner: it may hold secrets.
func replaceCommands(from, beside, file string, was probe.Path) [][]string {
	return [][]string{
		{"cp", "-T", "--", from, beside},
		{"chown", fmt.Sprintf("%d:%d", was.UID, was.GID), beside},
		{"chmod", fmt.Sprintf("%04o", was.Mode), beside},
		{"mv", "-T", "--", beside, file},
	}
}

// TidyConfig moves what a replacement that was cut short left beside the file
// into the run's folder.
func (n *Node) TidyConfig(ctx context.Context) error {
	beside := AsideOf(n.Scheduler.ConfigFile, n.RunID)
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{beside}})
	if err != nil || !facts.Paths[beside].Exists {
		return err
	}
	return asRoot(ctx, n, []string{"mv", "-T", "--", beside, path.Join(path.Dir(n.Original()), "half-written-configuration")})
}
