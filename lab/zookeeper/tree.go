package zookeeper

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// containerOwner in the owner's place marks a container node (EphemeralType
// of ZooKeeper 3.8).
const containerOwner = -1 << 63

// A node is one znode. Times are milliseconds since 1970.
type node struct {
	data                []byte
	acl                 []acl
	children            map[string]bool
	czxid, mzxid, pzxid int64
	ctime, mtime        int64
	version, aversion   int32
	creates             int32 // Children ever created: the next sequential child gets this number. It overflows to negative, as in ZooKeeper.
	owner               int64 // Session of an ephemeral node; 0 for a persistent one; containerOwner.
}

// cversion counts creations and deletions of children. ZooKeeper keeps only
// the creations and derives the rest, so that the root, whose first child
// nobody created, begins at -1.
func (n *node) cversion() int32 { return n.creates*2 - int32(len(n.children)) }

// shownOwner is what clients see: a container looks like a persistent node.
func (n *node) shownOwner() int64 {
	if n.ephemeral() {
		return n.owner
	}
	return 0
}

func (n *node) ephemeral() bool { return n.owner != 0 && n.owner != containerOwner }

// A tree holds the znodes and who owns the ephemeral ones. It is not safe for
// concurrent use: the server's lock guards it.
type tree struct {
	nodes map[string]*node
	owned map[int64]map[string]bool
}

// A stamp is the transaction that a change belongs to.
type stamp struct {
	zxid int64
	at   time.Time
}

// A change is what a write did: the events that watchers get once it is final,
// and the way back for a multi whose later operation fails.
type change struct {
	events []event
	undo   func()
}

func newTree() *tree {
	t := &tree{nodes: map[string]*node{}, owned: map[int64]map[string]bool{}}
	for _, path := range []string{"/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"} {
		t.nodes[path] = &node{children: map[string]bool{}, acl: openToAll, data: []byte{}}
		if parent, name := split(path); name != "" {
			t.nodes[parent].children[name] = true
		}
	}
	return t
}

// A creation is the request for a new node.
type creation struct {
	path       string
	data       []byte
	acl        []acl
	owner      int64
	sequential bool
}

// create makes a node and returns its path, which for a sequential one ends in
// the number that its parent gave out.
func (t *tree) create(c creation, who []identity, by stamp) (string, change, error) {
	list, err := fixACL(c.acl, who)
	if err != nil {
		return "", change{}, err
	}
	parentPath, _ := split(c.path)
	parent := t.nodes[parentPath]
	if parent == nil {
		return "", change{}, errNoNode
	}
	if !allowed(parent.acl, permCreate, who) {
		return "", change{}, errNoAuth
	}
	path := c.path
	if c.sequential {
		path += fmt.Sprintf("%010d", parent.creates)
	}
	if err := checkPath(path); err != nil {
		return "", change{}, err
	}
	if t.nodes[path] != nil {
		return "", change{}, errNodeExists
	}
	if parent.ephemeral() {
		return "", change{}, errNoChildrenEphemeral
	}
	_, name := split(path)
	pzxid := parent.pzxid
	parent.children[name] = true
	parent.creates++
	parent.pzxid = by.zxid
	ms := by.at.UnixMilli()
	t.nodes[path] = &node{
		data: c.data, acl: list, children: map[string]bool{}, owner: c.owner,
		czxid: by.zxid, mzxid: by.zxid, pzxid: by.zxid, ctime: ms, mtime: ms,
	}
	t.own(path)
	undo := func() {
		t.disown(path)
		delete(t.nodes, path)
		delete(parent.children, name)
		parent.creates--
		parent.pzxid = pzxid
	}
	return path, change{[]event{{nodeCreated, path}, {childrenChanged, parentPath}}, undo}, nil
}

// delete removes a node without children. Version -1 fits any.
func (t *tree) delete(path string, version int32, who []identity, by stamp) (change, error) {
	if err := checkPath(path); err != nil || special(path) {
		return change{}, errBadArguments
	}
	parentPath, name := split(path)
	parent := t.nodes[parentPath]
	if parent == nil {
		return change{}, errNoNode
	}
	if !allowed(parent.acl, permDelete, who) {
		return change{}, errNoAuth
	}
	n := t.nodes[path]
	switch {
	case n == nil:
		return change{}, errNoNode
	case version != -1 && version != n.version:
		return change{}, errBadVersion
	case len(n.children) > 0:
		return change{}, errNotEmpty
	}
	pzxid := parent.pzxid
	t.disown(path)
	delete(t.nodes, path)
	delete(parent.children, name)
	parent.pzxid = by.zxid
	undo := func() {
		t.nodes[path] = n
		t.own(path)
		parent.children[name] = true
		parent.pzxid = pzxid
	}
	return change{[]event{{nodeDeleted, path}, {childrenChanged, parentPath}}, undo}, nil
}

// setData replaces a node's data. Version -1 fits any.
func (t *tree) setData(path string, data []byte, version int32, who []identity, by stamp) (change, error) {
	n, err := t.check(path, version, permWrite, who)
	if err != nil {
		return change{}, err
	}
	before := *n
	n.data, n.mzxid, n.mtime = data, by.zxid, by.at.UnixMilli()
	n.version++
	undo := func() { n.data, n.mzxid, n.mtime, n.version = before.data, before.mzxid, before.mtime, before.version }
	return change{[]event{{dataChanged, path}}, undo}, nil
}

// setACL replaces a node's access list. Version, -1 for any, is that of the list.
func (t *tree) setACL(path string, asked []acl, version int32, who []identity) error {
	if err := checkPath(path); err != nil {
		return err
	}
	list, err := fixACL(asked, who)
	if err != nil {
		return err
	}
	n := t.nodes[path]
	switch {
	case n == nil:
		return errNoNode
	case !allowed(n.acl, permAdmin, who):
		return errNoAuth
	case version != -1 && version != n.aversion:
		return errBadVersion
	}
	n.acl = list
	n.aversion++
	return nil
}

// check returns the node if it exists, may be used for perms by who, and has
// the version, where -1 fits any.
func (t *tree) check(path string, version, perms int32, who []identity) (*node, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	n := t.nodes[path]
	switch {
	case n == nil:
		return nil, errNoNode
	case !allowed(n.acl, perms, who):
		return nil, errNoAuth
	case version != -1 && version != n.version:
		return nil, errBadVersion
	}
	return n, nil
}

// deleteOwned removes the ephemeral nodes of a session that ended.
func (t *tree) deleteOwned(session int64, by stamp) []event {
	var events []event
	for _, path := range slices.Sorted(maps.Keys(t.owned[session])) {
		parentPath, name := split(path)
		delete(t.nodes, path)
		parent := t.nodes[parentPath]
		delete(parent.children, name)
		parent.pzxid = by.zxid
		events = append(events, event{nodeDeleted, path}, event{childrenChanged, parentPath})
	}
	delete(t.owned, session)
	return events
}

func (t *tree) own(path string) {
	n := t.nodes[path]
	if !n.ephemeral() {
		return
	}
	if t.owned[n.owner] == nil {
		t.owned[n.owner] = map[string]bool{}
	}
	t.owned[n.owner][path] = true
}

func (t *tree) disown(path string) {
	if n := t.nodes[path]; n.ephemeral() {
		delete(t.owned[n.owner], path)
	}
}
