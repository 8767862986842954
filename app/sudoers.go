package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/handlers"
	privileges "aurorabot/runner/sudoers"
)

// A sudoersFile is what belongs on some hosts.
type sudoersFile struct {
	Hosts   []string `json:"hosts"`
	Login   string   `json:"login"`
	Sudoers string   `json:"sudoers"`
}

// sudoers prints what the bot may do on the hosts of a cluster as
// somebody else. It asks every host where its log, its backups and its commands
// lie; with both options it asks none.
func sudoers(ctx context.Context, in *input) int {
	log, backups := in.given["log-path"], in.given["backup-dir"]
	if (log == "") != (backups == "") || log != "" && !(filepath.IsAbs(log) && filepath.IsAbs(backups)) {
		return in.misused("sudoers: wants both folders, absolute, or neither", in.hint())
	}
	w := in.World
	cfg, err := load(in.config, w)
	if err != nil {
		return w.fail(err)
	}
	k := cfg.Cluster(in.args[0])
	if k == nil {
		return w.fail(fmt.Errorf("sudoers: there is no cluster %.60q", in.args[0]))
	}
	helper := &helper{files: cfg.Helpers}
	a := &app{cfg: cfg, w: w, ways: ways{w: w}}
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
		g := privileges.Grounds{Log: log, Backups: backups, Helpers: sums, Path: privileges.UsualPath}
		if log == "" {
			if g, err = privileges.Ask(ctx, r.Node(s.Name), sums); err != nil {
				err = fmt.Errorf("sudoers: %w", err)
				return w.hinted(err, "where a host cannot be asked yet: --log-path DIR --backup-dir DIR, as -native_log_file_path and -backup_dir say")
			}
		}
		login := cfg.SSH[k.Name][s.Name].User
		text, err := privileges.File(login, privileges.Privileges(r.Nodes, s, g))
		if err != nil {
			return w.fail(err)
		}
		if n := slices.IndexFunc(files, func(f sudoersFile) bool { return f.Sudoers == text }); n >= 0 {
			files[n].Hosts = append(files[n].Hosts, s.Name)
			continue
		}
		files = append(files, sudoersFile{Hosts: []string{s.Name}, Login: login, Sudoers: text})
	}
	if in.json {
		err = json.NewEncoder(w.Out).Encode(files)
	} else {
		for _, f := range files {
			_, werr := fmt.Fprintf(w.Out, "# On %s:\n%s\n", strings.Join(f.Hosts, ", "), f.Sudoers)
			err = errors.Join(err, werr)
		}
	}
	if err != nil {
		return w.fail(err)
	}
	return handlers.ExitDone
}
