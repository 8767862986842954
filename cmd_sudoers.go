package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/runner/sudoers"
)

const sudoersUsage = `usage: aurorabot sudoers CLUSTER [--json] [--log-path DIR --backup-dir DIR]`

// A sudoersFile is what belongs on some hosts.
type sudoersFile struct {
	Hosts   []string `json:"hosts"`
	Login   string   `json:"login"`
	Sudoers string   `json:"sudoers"`
}

// sudoersCommand prints what the bot may do on the hosts of a cluster as
// somebody else. It asks every host where its log, its backups and its commands
// lie; with both options it asks none.
func sudoersCommand(ctx context.Context, words []string, file string, w world) int {
	asJSON, log, backups := false, "", ""
	var args []string
	for i := 0; i < len(words); i++ {
		name, value, given := strings.Cut(words[i], "=")
		option := map[string]*string{"--log-path": &log, "--backup-dir": &backups}[name]
		switch {
		case words[i] == "--json":
			asJSON = true
		case option != nil && given:
			*option = value
		case option != nil && i+1 < len(words):
			i++
			*option = words[i]
		default:
			args = append(args, words[i])
		}
	}
	if len(args) != 1 || strings.HasPrefix(args[0], "-") || (log == "") != (backups == "") || log != "" && !(filepath.IsAbs(log) && filepath.IsAbs(backups)) {
		fmt.Fprintf(w.err, "aurorabot: sudoers: wants a cluster; both folders, absolute, or neither\nhint: %s\n", sudoersUsage)
		return handlers.ExitUsage
	}
	cfg, err := load(file, w)
	if err != nil {
		return w.fail(err)
	}
	k := cfg.Cluster(args[0])
	if k == nil {
		return w.fail(fmt.Errorf("sudoers: there is no cluster %.60q", args[0]))
	}
	helper := &helper{files: cfg.Helpers}
	a := &app{cfg: cfg, w: w}
	r, err := a.recovery(k, helper)
	if err != nil {
		return w.fail(fmt.Errorf("cluster %s: %w", k.Name, err))
	}
	defer a.hangUp()
	sums, err := helper.all()
	if err != nil {
		return w.fail(err)
	}
	var files []sudoersFile
	for i := range k.Schedulers {
		s := &k.Schedulers[i]
		g := sudoers.Grounds{Log: log, Backups: backups, Helpers: sums, Path: sudoers.UsualPath}
		if log == "" {
			if g, err = sudoers.Ask(ctx, r.Node(s.Name), sums); err != nil {
				err = fmt.Errorf("sudoers: %w", err)
				return w.hinted(err, "where a host cannot be asked yet: --log-path DIR --backup-dir DIR, as -native_log_file_path and -backup_dir say")
			}
		}
		login := cfg.SSH[k.Name][s.Name].User
		text, err := sudoers.File(login, sudoers.Privileges(r.Nodes, s, g))
		if err != nil {
			return w.fail(err)
		}
		if n := slices.IndexFunc(files, func(f sudoersFile) bool { return f.Sudoers == text }); n >= 0 {
			files[n].Hosts = append(files[n].Hosts, s.Name)
			continue
		}
		files = append(files, sudoersFile{Hosts: []string{s.Name}, Login: login, Sudoers: text})
	}
	if asJSON {
		err = json.NewEncoder(w.out).Encode(files)
	} else {
		for _, f := range files {
			_, werr := fmt.Fprintf(w.out, "# On %s:\n%s\n", strings.Join(f.Hosts, ", "), f.Sudoers)
			err = errors.Join(err, werr)
		}
	}
	if err != nil {
		return w.fail(err)
	}
	return handlers.ExitDone
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
