package rooted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Left is something that a run left behind at one place.
type Left struct {
	Run   string `json:"run"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"` // That its removal frees: files that lie elsewhere too count for nothing.
	Files int    `json:"files"`
}

// runName is the ID of a run, as it stands in names.
var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// asideTail is what may follow a run's ID in the name of what it moved aside.
var asideTail = regexp.MustCompile(`(\.(disabled|loaded)(-[0-9]{1,20})?|\.initialized|\.returned-[0-9]{1,20})?$`)

// named is a place of things of one run: a folder, and which of its names are.
type named struct {
	dir   string
	runOf func(name string) (run string, ok bool)
}

func whole(name string) (string, bool) { return name, runName.MatchString(name) }

// asides are what was moved aside beside p, as PATH.dr-RUN and what may follow it.
func asides(p string) named {
	return named{path.Dir(p), func(name string) (string, bool) {
		rest, ok := strings.CutPrefix(name, path.Base(p)+".dr-")
		run := strings.TrimSuffix(rest, asideTail.FindString(rest))
		return run, ok && runName.MatchString(run)
	}}
}

// ListLeft is what runs left in a run folder and beside a log; of all runs for "". A
// folder that is not there holds nothing.
func ListLeft(log, runDir, run string) ([]Left, error) {
	if path.Clean(log) != log || path.Clean(runDir) != runDir || !path.IsAbs(log) || !path.IsAbs(runDir) {
		return nil, errors.New("the paths are not clean and absolute")
	}
	inside := asides(log) // A log whose folder is a mount has them inside.
	inside.dir = log
	all := []Left{}
	for _, place := range []named{{path.Join(runDir, "runs"), whole}, {path.Join(runDir, "originals"), whole}, asides(log), inside} {
		dir, err := os.OpenRoot(place.dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := place.list(dir, run)
		if err = errors.Join(err, dir.Close()); err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (n named) list(dir *os.Root, run string) ([]Left, error) {
	names, err := names(dir)
	if err != nil {
		return nil, err
	}
	var found []Left
	for _, name := range names {
		of, ok := n.runOf(name)
		if !ok || run != "" && of != run {
			continue
		}
		l, err := measure(dir, name)
		if err != nil {
			return nil, err
		}
		l.Run, l.Path = of, path.Join(n.dir, name)
		found = append(found, l)
	}
	return found, nil
}

func names(dir *os.Root) ([]string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// measure counts what lies at name. Another file system below it is an error: that is
// nobody's leftovers.
func measure(dir *os.Root, name string) (Left, error) {
	var l Left
	top, err := dir.Lstat(name)
	if err != nil {
		return l, err
	}
	if !top.IsDir() { // A link is what lies there, and not what it points to.
		l.Files, l.Bytes = 1, top.Size()
		return l, nil
	}
	on, _ := deviceOf(top)
	err = fs.WalkDir(dir.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at, links := deviceOf(info)
		if d.IsDir() && at != on { // Of files an overlay tells the one below it.
			return fmt.Errorf("%s lies on another file system", p)
		}
		if info.Mode().IsRegular() {
			l.Files++
			if links < 2 {
				l.Bytes += info.Size()
			}
		}
		return nil
	})
	return l, err
}

// Clean removes what a run left: its folders below runDir, where only root may write, if
// that is given; else what lies beside p, in a folder that only root can write, or, for
// another account, in one that this account can. It follows no link, and touches no
// other name.
func Clean(runDir, p, run string) error {
	if !runName.MatchString(run) {
		return fmt.Errorf("%.60q is no run", run)
	}
	places := []named{asides(p)}
	if runDir != "" {
		places = []named{{path.Join(runDir, "runs"), whole}, {path.Join(runDir, "originals"), whole}}
	}
	for _, place := range places {
		dir, err := openToChange(place.dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err = errors.Join(place.clean(dir, run), dir.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (n named) clean(dir *os.Root, run string) error {
	found, err := n.list(dir, run)
	if err != nil {
		return err
	}
	for _, l := range found {
		if err := dir.RemoveAll(path.Base(l.Path)); err != nil {
			return err
		}
	}
	return nil
}
