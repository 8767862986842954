package zookeeper

// Kinds of events (Watcher.Event.EventType of ZooKeeper 3.8).
const (
	nodeCreated     = 1
	nodeDeleted     = 2
	dataChanged     = 3
	childrenChanged = 4
)

// stateConnected is the session state that every event carries.
const stateConnected = 3

// An event is one change that watchers of a path may wait for.
type event struct {
	kind int32
	path string
}

// encode returns the event as the server sends it, unasked.
func (ev event) encode() []byte {
	var e encoder
	e.int32(xidEvent)
	e.int64(-1)
	e.int32(0)
	e.int32(ev.kind)
	e.int32(stateConnected)
	e.string(ev.path)
	return e
}

// watches holds who waits for what. A watch fires once, and belongs to a
// connection, not to a session: clients set theirs anew when they reconnect.
type watches struct {
	data  map[string]map[*conn]bool // Set by getData, and by exists whether the node is there or not.
	child map[string]map[*conn]bool // Set by getChildren.
}

func newWatches() watches {
	return watches{map[string]map[*conn]bool{}, map[string]map[*conn]bool{}}
}

func add(table map[string]map[*conn]bool, path string, c *conn) {
	if table[path] == nil {
		table[path] = map[*conn]bool{}
	}
	table[path][c] = true
}

// fire sends ev to those who wait for it, each once.
func (w watches) fire(ev event) {
	told := map[*conn]bool{}
	for _, table := range w.tables(ev.kind) {
		for c := range table[ev.path] {
			if !told[c] {
				c.send(ev.encode())
			}
			told[c] = true
		}
		delete(table, ev.path)
	}
}

func (w watches) tables(kind int32) []map[string]map[*conn]bool {
	switch kind {
	case childrenChanged:
		return []map[string]map[*conn]bool{w.child}
	case nodeDeleted:
		return []map[string]map[*conn]bool{w.data, w.child}
	default:
		return []map[string]map[*conn]bool{w.data}
	}
}

// forget drops what a connection that is gone waited for.
func (w watches) forget(c *conn) {
	for _, table := range []map[string]map[*conn]bool{w.data, w.child} {
		for path, waiting := range table {
			delete(waiting, c)
			if len(waiting) == 0 {
				delete(table, path)
			}
		}
	}
}

// count returns how many watches are set.
func (w watches) count() (n int) {
	for _, table := range []map[string]map[*conn]bool{w.data, w.child} {
		for _, waiting := range table {
			n += len(waiting)
		}
	}
	return n
}

// reset sets the watches of a client that reconnected. What changed since the
// last transaction that it saw fires at once.
func (s *Server) reset(c *conn, since int64, data, exist, child []string) {
	for _, path := range data {
		switch n := s.tree.nodes[path]; {
		case n == nil:
			c.send(event{nodeDeleted, path}.encode())
		case n.mzxid > since:
			c.send(event{dataChanged, path}.encode())
		default:
			add(s.watches.data, path, c)
		}
	}
	for _, path := range exist {
		if s.tree.nodes[path] != nil {
			c.send(event{nodeCreated, path}.encode())
			continue
		}
		add(s.watches.data, path, c)
	}
	for _, path := range child {
		switch n := s.tree.nodes[path]; {
		case n == nil:
			c.send(event{nodeDeleted, path}.encode())
		case n.pzxid > since:
			c.send(event{childrenChanged, path}.encode())
		default:
			add(s.watches.child, path, c)
		}
	}
}
