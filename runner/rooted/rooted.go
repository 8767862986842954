// Package rooted is what the bot's own program does on a host as root, and how
// it is told whether root may act at a path at all: below a folder that another
// account can write, whatever root opens may be a link that somebody put there a
// moment before. Root works only in folders that nobody else can write, and on
// the way there follows no link but those that root made in such folders.
package rooted

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// An Entry is what lstat says of a file.
type Entry struct {
	UID, GID int
	Mode     fs.FileMode
	Link     string // Where it points, if it is a symbolic link.
}

// A Way is how one gets to a path.
type Way struct {
	Real  string   `json:"real"`            // The path without its links, as far as it is there.
	Links []string `json:"links,omitempty"` // "FROM -> TO": those of root's, in folders that only root can write.
	Loose string   `json:"loose,omitempty"` // "FROM -> TO": the first one that is none of those. Real ends before it.
	Open  string   `json:"open,omitempty"`  // In words: the first folder on the way in which others than root can put something else. Empty: only root can.
}

// maxLinks is after how many links a way is a circle, as for the kernel.
const maxLinks = 40

// Follow goes from / to the absolute path p. look is lstat; an error of it that
// is not [fs.ErrNotExist] ends the way, whose Real then is what is left to look
// at. root is who counts as root besides user and group 0: rehearsal hosts have
// one account only.
func Follow(p string, root Owner, look func(string) (Entry, error)) (Way, error) {
	w, rest := Way{Real: "/"}, parts(p)
	for links := 0; len(rest) > 0; {
		dir, err := look(w.Real)
		if err != nil {
			err = fmt.Errorf("look at %s: %w", w.Real, err)
			w.Real = path.Join(append([]string{w.Real}, rest...)...)
			return w, err
		}
		name := rest[0]
		if rest = rest[1:]; name == ".." { // Of a link's target. Real has no links, so its parent is its words'.
			w.Real = path.Dir(w.Real)
			continue
		}
		at := path.Join(w.Real, name)
		e, err := look(at)
		gone := errors.Is(err, fs.ErrNotExist)
		if err != nil && !gone {
			w.Real = path.Join(append([]string{at}, rest...)...)
			return w, fmt.Errorf("look at %s: %w", at, err)
		}
		if w.Open == "" {
			w.Open = writable(w.Real, dir, !gone && root.is(e.UID), root)
		}
		switch {
		case gone:
			w.Real = path.Join(append([]string{at}, rest...)...)
			return w, nil
		case e.Mode&fs.ModeSymlink == 0:
			w.Real = at
			continue
		}
		said := at + " -> " + e.Link
		if links++; w.Open != "" || !root.is(e.UID) || links > maxLinks {
			w.Loose = said
			return w, nil
		}
		w.Links = append(w.Links, said)
		if rest = append(parts(e.Link), rest...); path.IsAbs(e.Link) {
			w.Real = "/"
		}
	}
	return w, nil
}

// An Owner is a user and a group.
type Owner struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// is reports whether a user is root, who is root besides 0.
func (root Owner) is(uid int) bool { return uid == 0 || uid == root.UID }

// Alone reports whether only root, who is root besides 0, can write a file.
func (root Owner) Alone(e Entry) bool {
	return root.is(e.UID) && e.Mode&0o002 == 0 && !root.lets(e)
}

// lets reports whether a group of others than root can write.
func (root Owner) lets(e Entry) bool {
	return e.Mode&0o020 != 0 && e.GID != 0 && e.GID != root.GID
}

// writable says in words why others than root can put something else in the place
// of an entry of dir, "" if they can't. In a sticky folder nobody can replace what
// is root's.
func writable(name string, dir Entry, rootsEntry bool, root Owner) string {
	switch {
	case !root.is(dir.UID):
		return fmt.Sprintf("%s belongs to user %d", name, dir.UID)
	case dir.Mode&fs.ModeSticky != 0 && rootsEntry:
	case dir.Mode&0o002 != 0:
		return name + " can be written by everybody"
	case root.lets(dir):
		return fmt.Sprintf("%s can be written by group %d", name, dir.GID)
	}
	return ""
}

// parts are the components of a path.
func parts(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// Above are the path p and all folders above it, / first.
func Above(p string) []string {
	list, at := []string{"/"}, "/"
	for _, name := range parts(p) {
		at = path.Join(at, name)
		list = append(list, at)
	}
	return list
}
