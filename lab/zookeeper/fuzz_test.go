package zookeeper

import (
	"encoding/binary"
	"net"
	"testing"
)

// Whatever a client sends, nothing panics and the tree stays a tree.
func FuzzPackets(f *testing.F) {
	request := func(op int32, build func(*encoder)) []byte {
		var e encoder
		e.int32(1)
		e.int32(op)
		build(&e)
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(e))), e...)
	}
	create := func(path string, flags int32) func(*encoder) {
		return func(e *encoder) {
			e.string(path)
			e.buffer([]byte("x"))
			e.acls(openToAll)
			e.int32(flags)
		}
	}
	f.Add(request(opCreate, create("/a", 0)))
	f.Add(append(request(opCreate2, create("/a", flagContainer)), request(opCreate, create("/a/b-", flagEphemeralSequential))...))
	f.Add(append(request(opCreate, create("/e", flagEphemeral)), request(opDelete, func(e *encoder) {
		e.string("/e")
		e.int32(-1)
	})...))
	f.Add(request(opMulti, func(e *encoder) {
		for _, path := range []string{"/a", "/a/b", "/a"} {
			multiHead(e, opCreate, 0)
			create(path, flagEphemeral)(e)
		}
		multiEnd(e)
	}))
	f.Add(request(opSetWatches, func(e *encoder) {
		e.int64(0)
		e.strings([]string{"/"})
		e.strings([]string{"/a"})
		e.strings([]string{"/zookeeper"})
	}))
	f.Add(request(opCloseSession, func(*encoder) {}))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &Server{opts: Options{}.withDefaults(), done: make(chan struct{}), tree: newTree(), watches: newWatches(),
			sessions: map[int64]*session{}, conns: map[*conn]bool{}}
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		c := newConn(s, near)
		c.session = s.open(s.opts.MaxTimeout)
		for len(data) >= 2 {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			if !s.serve(c, data[2:2+n]) {
				break
			}
			data = data[2+n:]
		}
		checkTree(t, s.tree)
	})
}

// checkTree says what does not hold together: parents and children, owners and
// what they own.
func checkTree(t *testing.T, tr *tree) {
	t.Helper()
	children, owned := 0, 0
	for path, n := range tr.nodes {
		parentPath, name := split(path)
		if parent := tr.nodes[parentPath]; path != "/" && (parent == nil || !parent.children[name]) {
			t.Errorf("%q is nobody's child", path)
		}
		if n.ephemeral() {
			owned++
			if !tr.owned[n.owner][path] {
				t.Errorf("%q: its owner does not know of it", path)
			}
			if len(n.children) > 0 {
				t.Errorf("%q: ephemeral, with children", path)
			}
		}
		children += len(n.children)
	}
	for _, paths := range tr.owned {
		owned -= len(paths)
	}
	if children != len(tr.nodes)-1 || owned != 0 {
		t.Errorf("%d children of %d nodes; %d ephemeral nodes not owned", children, len(tr.nodes), owned)
	}
}
