package zookeeper

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Dump lists nodes, depth first, in the form of the recordings
// golden/aurora/zookeeper: path, data, and the numbers that matter. With no
// roots it lists everything but the root and ZooKeeper's own nodes; a root
// that does not exist is left out.
func (s *Server) Dump(roots ...string) string {
	var b strings.Builder
	s.walk(roots, func(path string, n *node) {
		fmt.Fprintf(&b, "%s\n    data=%s\n", path, n.data)
		fmt.Fprintf(&b, "    ephemeralOwner=0x%x czxid=0x%x mzxid=0x%x ctime=%s version=%d dataLength=%d numChildren=%d\n",
			uint64(n.shownOwner()), n.czxid, n.mzxid, time.UnixMilli(n.ctime).UTC().Format("2006-01-02T15:04:05.000Z"),
			n.version, len(n.data), len(n.children))
	})
	return b.String()
}

// DumpBytes lists nodes in the form of the recordings golden/mesos/zk: with
// access lists, and data also in hexadecimal.
func (s *Server) DumpBytes(roots ...string) string {
	var b strings.Builder
	s.walk(roots, func(path string, n *node) {
		fmt.Fprintf(&b, "%s\n  ephemeralOwner=0x%x czxid=0x%x version=%d dataLength=%d numChildren=%d acl=[%s]\n",
			path, uint64(n.shownOwner()), n.czxid, n.version, len(n.data), len(n.children), aclText(n.acl))
		fmt.Fprintf(&b, "  data=%s\n  hex=%x\n", bytesText(n.data), n.data)
	})
	return b.String()
}

func (s *Server) walk(roots []string, visit func(string, *node)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(roots) == 0 {
		for _, name := range slices.Sorted(maps.Keys(s.tree.nodes["/"].children)) {
			if name != "zookeeper" {
				roots = append(roots, "/"+name)
			}
		}
	}
	for _, root := range roots {
		s.descend(root, visit)
	}
}

func (s *Server) descend(path string, visit func(string, *node)) {
	n := s.tree.nodes[path]
	if n == nil {
		return
	}
	visit(path, n)
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		s.descend(strings.TrimSuffix(path, "/")+"/"+name, visit)
	}
}

// aclText writes an access list as the recordings' Python client does.
func aclText(list []acl) string {
	names := []string{"READ", "WRITE", "CREATE", "DELETE", "ADMIN"}
	var out []string
	for _, a := range list {
		var perms []string
		for i, name := range names {
			if a.perms&(1<<i) != 0 {
				perms = append(perms, "'"+name+"'")
			}
		}
		if a.perms == permAll {
			perms = []string{"'ALL'"}
		}
		out = append(out, fmt.Sprintf("ACL(perms=%d, acl_list=[%s], id=Id(scheme='%s', id='%s'))",
			a.perms, strings.Join(perms, ", "), a.scheme, a.id))
	}
	return strings.Join(out, ", ")
}

// bytesText writes bytes as a Python literal.
func bytesText(data []byte) string {
	var b strings.Builder
	b.WriteString("b'")
	for _, c := range data {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c <= '~':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "\\x%02x", c)
		}
	}
	return b.String() + "'"
}
