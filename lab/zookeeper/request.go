package zookeeper

import (
	"maps"
	"slices"
)

// serve handles one packet after the handshake and queues its reply. False
// means that the connection has ended.
func (s *Server) serve(c *conn, p []byte) bool {
	d := decoder{rest: p}
	xid, op := d.int32(), d.int32()
	if d.bad || !s.enter() {
		return false
	}
	defer s.mu.Unlock()
	if c.session == nil || s.sessions[c.session.id] == nil {
		return false // expired, or moved to another connection, while this packet was under way
	}
	s.received++
	s.touch(c.session)
	var body encoder
	err := s.handle(c, op, &d, &body)
	if d.bad {
		return false // as ZooKeeper does with what it cannot read
	}
	if op == opPing {
		xid = xidPing
	}
	var e encoder
	e.int32(xid)
	e.int64(s.zxid)
	e.int32(int32(codeOf(err)))
	if err == nil {
		e = append(e, body...)
	}
	c.send(e)
	s.sent++
	return op != opCloseSession && codeOf(err) != errAuthFailed
}

// handle does what a request asks and encodes the answer.
func (s *Server) handle(c *conn, op int32, d *decoder, out *encoder) error {
	switch op {
	case opPing:
		return nil
	case opSync:
		out.string(d.string())
		return nil
	case opExists, opGetData, opGetChildren, opGetChildren2, opGetACL:
		return s.look(c, op, d, out)
	case opSetWatches:
		since, data, exist, child := d.int64(), d.strings(), d.strings(), d.strings()
		if !d.bad {
			s.reset(c, since, data, exist, child)
		}
		return nil
	case opAuth:
		return c.authenticate(d)
	case opCloseSession:
		s.end(c.session)
		return nil
	case opMulti:
		return s.multi(c, d, out)
	case opCreate, opCreate2, opCreateContainer, opCreateTTL, opDelete, opSetData, opSetACL, opCheck:
		w := readWrite(op, d)
		if d.bad {
			return errMarshalling
		}
		by := s.next() // a write that fails takes a number too
		ch, err := w.apply(s.tree, c, by)
		if err != nil {
			return err
		}
		s.fire(ch)
		w.answer(s.tree, out)
		return nil
	}
	return errUnimplemented
}

// look answers the requests that change nothing.
func (s *Server) look(c *conn, op int32, d *decoder, out *encoder) error {
	path := d.string()
	watch := op != opGetACL && d.bool()
	if d.bad {
		return errMarshalling
	}
	n := s.tree.nodes[path]
	if op == opExists {
		if watch {
			add(s.watches.data, path, c)
		}
		if n == nil {
			return errNoNode
		}
		out.stat(n)
		return nil
	}
	if n == nil {
		return errNoNode
	}
	perms := int32(permRead)
	if op == opGetACL {
		perms |= permAdmin
	}
	if !allowed(n.acl, perms, c.who) {
		return errNoAuth
	}
	switch op {
	case opGetData:
		out.buffer(n.data)
		out.stat(n)
		if watch {
			add(s.watches.data, path, c)
		}
	case opGetACL:
		list := n.acl
		if !allowed(list, permAdmin, c.who) {
			list = withoutDigests(list)
		}
		out.acls(list)
		out.stat(n)
	default:
		out.strings(slices.Sorted(maps.Keys(n.children)))
		if op == opGetChildren2 {
			out.stat(n)
		}
		if watch {
			add(s.watches.child, path, c)
		}
	}
	return nil
}

// authenticate takes a user and password for what they are: ZooKeeper too
// compares them only where an access list asks.
func (c *conn) authenticate(d *decoder) error {
	_ = d.int32() // type, always 0
	scheme, credentials := d.string(), d.buffer()
	if d.bad {
		return errMarshalling
	}
	if scheme != "digest" {
		return errAuthFailed
	}
	if id := digestOf(string(credentials)); !slices.Contains(c.who, id) {
		c.who = append(c.who, id)
	}
	return nil
}
