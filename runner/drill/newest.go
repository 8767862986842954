package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/durable"
)

// A Drill is what became of the rehearsal of a cluster's newest backup. Its JSON
// form is what `drill --json` prints.
type Drill struct {
	Cluster string    `json:"cluster"`
	At      time.Time `json:"at"` // When it began.
	Took    float64   `json:"took_seconds"`

	Backup    string    `json:"backup"` // Its name; "" if there is none.
	Host      string    `json:"host"`   // Where it lies.
	Timestamp time.Time `json:"timestamp,omitzero"`
	Bytes     int64     `json:"bytes"`
	Tasks     int       `json:"tasks"`
	SHA256    string    `json:"sha256"`
	Version   string    `json:"version"` // Of Aurora that wrote it, if it says.

	Result

	// Usable names the newest backup that decodes, where the newest one does
	// not; "" where it is the same or there is none.
	Usable string `json:"usable"`

	// Unasked is why hosts could not be asked; "" if all were. A newer backup
	// may lie on them.
	Unasked string `json:"unasked,omitempty"`
}

// A Driller rehearses the recovery of one cluster's newest backup. Of the
// cluster it only reads: its backups are checked, as for every report, and one
// file is copied.
type Driller struct {
	Cluster string
	Hosts   map[string]runner.Host
	User    string // Whose the backups are, and who reads them where the login account may not.
	Lab     string // The lab's program.
	Dir     string // Where it keeps what became of drills; it is made when missing.
	Now     func() time.Time
	Env     func(string) string
}

// Kept is what is kept of a cluster's drills over restarts.
type Kept struct {
	Last      Drill     `json:"last"`
	Recovered time.Time `json:"recovered,omitzero"` // Inner time of the backup of the last one that recovered.
}

// Run rehearses with what a check found. An error means that nothing was found out.
func (d *Driller) Run(ctx context.Context, r check.Result) (Drill, error) {
	began := d.Now()
	got := Drill{Cluster: d.Cluster, At: began.UTC(), Result: Result{Phases: []Phase{}}, Unasked: unasked(&r)}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return got, fmt.Errorf("folder of the drills: %w", err)
	}
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
	got.Took = d.Now().Sub(began).Seconds()
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
func (d *Driller) rehearse(ctx context.Context, got *Drill, b *check.Backup) error {
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
	dir, err := os.MkdirTemp(d.Dir, "drill-")
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
	got.Result, err = Lab{Program: d.Lab, Bot: self, Temp: d.Env("TMPDIR")}.Play(ctx, file, d.Env)
	return err
}

// maxDrills bounds what drills of all clusters put on the bot's disk, in bytes.
const maxDrills = 8 << 30

// fetch copies the backup, and compares it with what was decoded on the host.
func (d *Driller) fetch(ctx context.Context, b *check.Backup, to string) error {
	err := durable.Room{Dir: d.Dir, Most: maxDrills}.Fetch(ctx, to, durable.Content{SHA256: b.SHA256, Bytes: b.Bytes}, func(w io.Writer) error {
		_, err := d.Hosts[b.Host].Get(ctx, b.Path, d.User, w)
		return err
	}, nil)
	if err != nil {
		return fmt.Errorf("copy %s from %s: %w", b.Path, b.Host, err)
	}
	return nil
}

// keep remembers the drill over restarts.
func (d *Driller) keep(got Drill) error {
	all, err := d.Last()
	if err != nil {
		all = Kept{} // What cannot be read any more is replaced by what is known now.
	}
	all.Last = got
	if got.Proved {
		all.Recovered = got.Timestamp
	}
	if err := durable.WriteJSON(d.file(), all); err != nil {
		return fmt.Errorf("remember the drill: %w", err)
	}
	return nil
}

func (d *Driller) file() string { return filepath.Join(d.Dir, d.Cluster+".json") }

// Last returns what is kept of the cluster's drills; the zero value if there was none.
func (d *Driller) Last() (Kept, error) {
	var all Kept
	if err := durable.ReadJSON(d.file(), &all); err != nil {
		return Kept{}, fmt.Errorf("what is kept of drills: %w", err)
	}
	return all, nil
}
