// Package probe is what the bot's own program answers when it runs on a
// scheduler host: many questions in one session, asked as JSON on standard
// input, answered as JSON on standard output. It looks and changes nothing.
//
// The bot uploads itself for this (checked by hash), because what a host's own
// ps, stat and ss print differs by release, and because a log may be gigabytes:
// it is read where it lies.
package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"aurorabot/runner/rooted"
)

// A Request is what is asked of one host. Empty parts are not asked.
type Request struct {
	Paths     []string     `json:"paths,omitempty"` // Files and folders to stat.
	Ways      []string     `json:"ways,omitempty"`  // Paths: which links and whose folders lead there. Root is then who Root says, besides 0.
	Root      rooted.Owner `json:"root,omitzero"`
	Trees     []string     `json:"trees,omitempty"`     // Folders to hash, file by file.
	Backups   string       `json:"backups,omitempty"`   // Folder of backups to list.
	Folder    *FolderAsk   `json:"folder,omitempty"`    // Folder of backups to decode.
	Dials     []string     `json:"dials,omitempty"`     // "host:port": does somebody listen?
	Processes bool         `json:"processes,omitempty"` // Processes with a scheduler's arguments.
}

// Facts are the answers.
type Facts struct {
	Now       time.Time             `json:"now"` // UTC, by the host's clock.
	Zone      string                `json:"zone"`
	Arch      string                `json:"arch"`
	UID       int                   `json:"uid"`
	GID       int                   `json:"gid"`
	Processes []Process             `json:"processes,omitempty"`
	Paths     map[string]Path       `json:"paths,omitempty"`
	Ways      map[string]rooted.Way `json:"ways,omitempty"`
	Trees     map[string]Tree       `json:"trees,omitempty"`
	Backups   []File                `json:"backups,omitempty"`
	Folder    *Folder               `json:"folder,omitempty"`
	Dials     map[string]string     `json:"dials,omitempty"` // "open", "refused", or the error.
	Errors    []string              `json:"errors,omitempty"`
}

// A Process is one running program.
type Process struct {
	PID   int       `json:"pid"`
	Start uint64    `json:"start"` // Clock ticks since boot: with the PID it names the process.
	Since time.Time `json:"since"` // About when it started, UTC.
	UID   int       `json:"uid"`
	Argv  []string  `json:"argv"`

	// Parent is the PID of the process that started it. Listens is whether it has a
	// listening TCP socket: told only where several processes have a scheduler's
	// arguments, and false where its files can't be read.
	Parent  int  `json:"parent,omitempty"`
	Listens bool `json:"listens,omitempty"`

	// Above are the processes that started it, the nearest first, as far as they can
	// be read, and at most maxAbove.
	Above []Ancestor `json:"above,omitempty"`
}

// An Ancestor is a process that started another one, or whose child did.
type Ancestor struct {
	PID  int    `json:"pid"`
	Name string `json:"name"` // As the kernel has it: cut to 15 bytes.
}

// A Path is what stat says, and the file system around it.
type Path struct {
	Exists bool      `json:"exists"`
	Error  string    `json:"error,omitempty"` // Why it can't be told.
	Dir    bool      `json:"dir,omitempty"`
	Link   string    `json:"link,omitempty"` // Where a symbolic link points.
	Mode   uint32    `json:"mode,omitempty"`
	UID    int       `json:"uid"`
	GID    int       `json:"gid"`
	Inode  uint64    `json:"inode,omitempty"`
	Device uint64    `json:"device,omitempty"`
	Mount  bool      `json:"mount,omitempty"` // It is a mount point itself.
	Size   int64     `json:"size,omitempty"`  // Of a folder: of all files in it.
	MTime  time.Time `json:"mtime,omitzero"`
	SHA256 string    `json:"sha256,omitempty"` // Of a regular file.
	Free   int64     `json:"free,omitempty"`   // Bytes free for an ordinary user, on its file system.
	Writes bool      `json:"writes,omitempty"` // A folder in which whoever asks may make and rename entries.
}

// A File is one file of a folder.
type File struct {
	Name   string    `json:"name"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	SHA256 string    `json:"sha256,omitempty"`
}

// Answer answers r.
func Answer(ctx context.Context, r Request, now time.Time) Facts {
	zone, _ := now.Zone()
	f := Facts{Now: now.UTC(), Zone: zone, Arch: runtime.GOARCH, UID: os.Getuid(), GID: os.Getgid()}
	if r.Processes {
		var err error
		if f.Processes, err = schedulers("/proc"); err != nil {
			f.Errors = append(f.Errors, err.Error())
		}
	}
	if len(r.Paths) > 0 {
		f.Paths = map[string]Path{}
		for _, p := range r.Paths {
			f.Paths[p] = look(ctx, p)
		}
	}
	for _, p := range r.Ways {
		w, err := rooted.Follow(p, r.Root, rooted.Lstat)
		if err != nil {
			f.Errors = append(f.Errors, fmt.Sprintf("the way to %s: %v", p, err))
		} else if f.Ways == nil {
			f.Ways = map[string]rooted.Way{p: w}
		} else {
			f.Ways[p] = w
		}
	}
	if len(r.Trees) > 0 {
		f.Trees = map[string]Tree{}
		for _, p := range r.Trees {
			f.Trees[p] = hashTree(ctx, p)
		}
	}
	if r.Backups != "" {
		var err error
		if f.Backups, err = list(r.Backups); err != nil {
			f.Errors = append(f.Errors, err.Error())
		}
	}
	if r.Folder != nil {
		f.Folder = lookIn(ctx, *r.Folder)
	}
	f.Dials = dial(ctx, r.Dials)
	return f
}

// Main reads a Request from in and writes Facts to out.
func Main(ctx context.Context, in io.Reader, out io.Writer, now func() time.Time) error {
	var r Request
	dec := json.NewDecoder(io.LimitReader(in, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return fmt.Errorf("read the questions: %w", err)
	}
	if err := json.NewEncoder(out).Encode(Answer(ctx, r, now())); err != nil {
		return fmt.Errorf("write the answers: %w", err)
	}
	return nil
}

// dial tries addresses, all at once.
func dial(ctx context.Context, addresses []string) map[string]string {
	if len(addresses) == 0 {
		return nil
	}
	answers := make(map[string]string, len(addresses))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, a := range addresses {
		wg.Go(func() {
			d := net.Dialer{Timeout: 3 * time.Second}
			conn, err := d.DialContext(ctx, "tcp", a)
			answer := "open"
			switch {
			case err == nil:
				conn.Close()
			case isRefused(err):
				answer = "refused"
			default:
				answer = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			answers[a] = answer
		})
	}
	wg.Wait()
	return answers
}

func isRefused(err error) bool {
	var errno syscall.Errno
	return asErrno(err, &errno) && errno == syscall.ECONNREFUSED
}

// list returns the regular files of a folder that look like backups, by name.
func list(dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	var files []File
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		files = append(files, File{Name: e.Name(), Size: info.Size(), MTime: info.ModTime().UTC()})
	}
	slices.SortFunc(files, func(a, b File) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return files, nil
}
