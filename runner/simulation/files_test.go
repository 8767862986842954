package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/probe"
)

// A node is a file or a folder of a host. A replica's folder is one node whose
// content is the log.
type node struct {
	dir      bool
	content  []byte
	log      *logDir
	mode     uint32
	uid, gid int
	inode    uint64
	mtime    time.Time
}

func (n *node) clone() *node {
	c := *n
	if n.log != nil {
		c.log = n.log.clone()
	}
	return &c
}

func (n *node) hash() string {
	if n.log != nil {
		return n.log.hash()
	}
	sum := sha256.Sum256(n.content)
	return hex.EncodeToString(sum[:])
}

// files is the file system of a host, by path.
type files struct {
	nodes map[string]*node
	inode uint64
}

func newFiles() *files { return &files{nodes: map[string]*node{}} }

func (f *files) put(p string, n *node) *node {
	f.inode++
	n.inode = f.inode
	f.nodes[p] = n
	return n
}

func (f *files) at(p string) *node { return f.nodes[p] }

// below are the paths of p and of all that lies in it.
func (f *files) below(p string) []string {
	var all []string
	for q := range f.nodes {
		if q == p || strings.HasPrefix(q, p+"/") {
			all = append(all, q)
		}
	}
	slices.Sort(all)
	return all
}

// move renames; what lies at to and is a file is gone.
func (f *files) move(from, to string) {
	if n := f.nodes[to]; n != nil && !n.dir {
		delete(f.nodes, to)
	}
	for _, p := range f.below(from) {
		f.nodes[to+strings.TrimPrefix(p, from)] = f.nodes[p]
		delete(f.nodes, p)
	}
}

func (f *files) copyTree(from, to string) {
	for _, p := range f.below(from) {
		f.put(to+strings.TrimPrefix(p, from), f.nodes[p].clone())
	}
}

func (f *files) mkdir(p string, mode uint32, uid, gid int, now time.Time) {
	if n := f.nodes[p]; n != nil {
		n.mode, n.uid, n.gid = mode, uid, gid
		return
	}
	f.put(p, &node{dir: true, mode: mode, uid: uid, gid: gid, mtime: now})
}

// names lists the regular files of a folder.
func (f *files) names(dir string) []string {
	var names []string
	for p, n := range f.nodes {
		if path.Dir(p) == dir && !n.dir {
			names = append(names, path.Base(p))
		}
	}
	slices.Sort(names)
	return names
}

// look is probe's stat.
func (f *files) look(p string) probe.Path {
	n := f.nodes[p]
	if n == nil {
		return probe.Path{UID: -1, GID: -1, Free: 10 << 30}
	}
	l := probe.Path{Exists: true, Dir: n.dir, Mode: n.mode, UID: n.uid, GID: n.gid, Inode: n.inode, Device: 1, MTime: n.mtime.UTC(), Free: 10 << 30, Writes: n.dir}
	if n.log != nil {
		l.Size = int64(1000 + 100*len(n.log.entries))
	}
	if !n.dir {
		l.Size, l.SHA256 = int64(len(n.content)), n.hash()
	}
	return l
}

// tree is probe's hash of a folder.
func (f *files) tree(p string) probe.Tree {
	n := f.nodes[p]
	if n == nil {
		return probe.Tree{}
	}
	if !n.dir {
		return probe.Tree{Error: "no folder"}
	}
	sum := sha256.New()
	t := probe.Tree{Exists: true}
	for _, q := range f.below(p) {
		if c := f.nodes[q]; !c.dir || c.log != nil {
			t.Files++
			fmt.Fprintf(sum, "%s\x00%s\n", strings.TrimPrefix(q, p), c.hash())
		}
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return t
}

// holds tells whether a log with this hash lies anywhere on the host.
func (f *files) holds(hash string) bool {
	for _, p := range slices.Sorted(maps.Keys(f.nodes)) {
		if n := f.nodes[p]; n.log != nil && n.log.hash() == hash {
			return true
		}
	}
	return false
}
