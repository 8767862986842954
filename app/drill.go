package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aurorabot/handlers/metrics"
	"aurorabot/handlers/view"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/drill"
	"aurorabot/runner/durable"
	"aurorabot/runner/recovery"
)

// A driller rehearses the recovery of one cluster's newest backup. Of the
// cluster it only reads: its backups are checked, as for every report, and one
// file is copied.
type driller struct {
	cluster string
	hosts   map[string]runner.Host
	lab     string // The lab's program.
	dir     string // Where what became of drills is kept.
	w       World
}

// drilled is what is kept of a cluster's drills.
type drilled struct {
	Last      view.Drill `json:"last"`
	Recovered time.Time  `json:"recovered,omitzero"` // Inner time of the backup of the last one that recovered.
}

// run rehearses with what a check found.
func (d *driller) Run(ctx context.Context, r check.Result) (view.Drill, error) {
	began := d.w.Now()
	got := view.Drill{Cluster: d.cluster, At: began.UTC(), Phases: []view.DrillPhase{}, Unasked: unasked(&r)}
	newest := latest(&r)
	switch {
	case newest == nil && got.Unasked != "":
		return got, errors.New(got.Unasked)
	case newest == nil:
		got.Why = "the backup folders of all hosts hold no file that is named like a backup"
	default:
		if err := d.rehearse(ctx, &got, newest); err != nil {
			return got, err
		}
	}
	if n := r.Newest; !got.Proved && n != nil && (n.Host != got.Host || n.Name != got.Backup) {
		got.Usable = n.Name + " on " + n.Host
	}
	got.Took = d.w.Now().Sub(began).Seconds()
	return got, d.keep(got)
}

// unasked is why hosts could not be asked; "" if all were. The leader may have
// written a newer one there.
func unasked(r *check.Result) string {
	var list []string
	for i := range r.Hosts {
		if h := &r.Hosts[i]; !h.Listed {
			list = append(list, h.Host+": "+cmp.Or(h.Why, "its backup folder is not known"))
		}
	}
	return strings.Join(list, "; ")
}

// latest is the newest of all files that are named like a backup, whatever is in
// it: by its inner time where it has one, else by the file's.
func latest(r *check.Result) *check.Backup {
	when := func(b *check.Backup) time.Time {
		if b.Time.IsZero() || b.Finding == "backup-future" {
			return b.Written
		}
		return b.Time
	}
	var newest *check.Backup
	for i := range r.Hosts {
		for j := range r.Hosts[i].Backups {
			if b := &r.Hosts[i].Backups[j]; newest == nil || when(b).After(when(newest)) {
				newest = b
			}
		}
	}
	return newest
}

// rehearse takes one backup through the lab. A backup that a recovery would
// refuse fails the drill without a lab.
func (d *driller) rehearse(ctx context.Context, got *view.Drill, b *check.Backup) error {
	got.Backup, got.Host, got.Timestamp = b.Name, b.Host, b.Time
	got.Bytes, got.Tasks, got.SHA256, got.Version = b.Bytes, b.Tasks, b.SHA256, b.Version
	switch {
	case b.Counts:
	case b.Valid || b.Finding == "backup-odd":
		got.Why = "the backup decodes, but it is none to recover from: " + b.Why
		return nil
	default:
		got.Why = "the backup is broken: " + strings.TrimPrefix(b.Why, "it does not decode to its end: ")
		return nil
	}
	dir, err := os.MkdirTemp(d.dir, "drill-")
	if err != nil {
		return fmt.Errorf("folder of the drill: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, got.Backup)
	if err := d.fetch(ctx, b, file); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	r, err := drill.Lab{Program: d.lab, Bot: self, Temp: d.w.Env("TMPDIR")}.Play(ctx, file, d.w.Env)
	if err != nil {
		return err
	}
	got.Proved, got.Why, got.Step, got.Proof, got.People = r.Proved, r.Why, r.Step, r.Proof, r.People
	for _, p := range r.Phases {
		got.Phases = append(got.Phases, view.DrillPhase{ID: p.ID, Steps: p.Steps, Took: p.Took.Seconds(), Skipped: p.Skipped, Done: p.Done})
	}
	return nil
}

// fetch copies the backup, and compares it with what was decoded on the host.
func (d *driller) fetch(ctx context.Context, b *check.Backup, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("copy of the backup: %w", err)
	}
	sum := sha256.New()
	_, err = d.hosts[b.Host].Get(ctx, b.Path, io.MultiWriter(f, sum))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("copy %s from %s: %w", b.Path, b.Host, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != b.SHA256 {
		return fmt.Errorf("copy %s from %s: its SHA-256 is %.12s, and %.12s when it was decoded there", b.Path, b.Host, got, b.SHA256)
	}
	return nil
}

func (d *driller) file() string { return filepath.Join(d.dir, d.cluster+".json") }

// keep remembers the drill over restarts, for metrics.
func (d *driller) keep(got view.Drill) error {
	all, err := d.last()
	if err != nil {
		all = drilled{} // What cannot be read any more is replaced by what is known now.
	}
	all.Last = got
	if got.Proved {
		all.Recovered = got.Timestamp
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = durable.Replace(d.file(), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember the drill: %w", err)
	}
	return nil
}

// last is what is kept of the cluster's drills; the zero value if there was none.
func (d *driller) last() (drilled, error) {
	var all drilled
	text, err := os.ReadFile(d.file())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return all, fmt.Errorf("what is kept of drills: %w", err)
	}
	return all, nil
}

// values is the last drill, for metrics.
func (d *driller) values() (metrics.Drill, error) {
	all, err := d.last()
	if err != nil || all.Last.At.IsZero() {
		return metrics.Drill{}, err
	}
	lasted := time.Duration(all.Last.Took * float64(time.Second))
	return metrics.Drill{Cluster: d.cluster, Ended: all.Last.At.Add(lasted), Took: lasted, Proved: all.Last.Proved, Backup: all.Recovered}, nil
}

// driller makes the driller of a cluster.
func (a *app) driller(r *recovery.Recovery) (*driller, error) {
	dir := filepath.Join(a.cfg.StateDir, "drills")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the drills: %w", err)
	}
	return &driller{cluster: r.Cluster.Name, hosts: r.Hosts, lab: a.cfg.Drill.Lab, dir: dir, w: a.w}, nil
}
