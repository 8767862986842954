package zookeeper

import "math"

// Flags of create (CreateMode of ZooKeeper 3.8).
const (
	flagPersistent          = 0
	flagEphemeral           = 1
	flagSequential          = 2
	flagEphemeralSequential = 3
	flagContainer           = 4
	flagTTL                 = 5
	flagSequentialTTL       = 6
)

// maxMulti is how many operations a multi may have; the size of a packet
// allows more than anybody needs.
const maxMulti = math.MaxUint16

// A write is one request that may change the tree, alone or within a multi.
type write struct {
	op      int32
	path    string // After apply of a create: the path made.
	data    []byte
	acl     []acl
	flags   int32
	version int32
}

func readWrite(op int32, d *decoder) *write {
	w := &write{op: op, path: d.string()}
	switch op {
	case opCreate, opCreate2, opCreateContainer, opCreateTTL:
		w.data, w.acl, w.flags = d.buffer(), d.acls(), d.int32()
		if op == opCreateTTL {
			_ = d.int64()
		}
	case opSetData:
		w.data, w.version = d.buffer(), d.int32()
	case opSetACL:
		w.acl, w.version = d.acls(), d.int32()
	default:
		w.version = d.int32()
	}
	return w
}

func (w *write) apply(t *tree, c *conn, by stamp) (change, error) {
	switch w.op {
	case opDelete:
		return t.delete(w.path, w.version, c.who, by)
	case opSetData:
		return t.setData(w.path, w.data, w.version, c.who, by)
	case opSetACL:
		return change{}, t.setACL(w.path, w.acl, w.version, c.who)
	case opCheck:
		_, err := t.check(w.path, w.version, permRead, c.who)
		return change{undo: func() {}}, err
	}
	return w.create(t, c, by)
}

func (w *write) create(t *tree, c *conn, by stamp) (change, error) {
	asked := creation{path: w.path, data: w.data, acl: w.acl}
	switch w.flags {
	case flagPersistent:
	case flagEphemeral:
		asked.owner = c.session.id
	case flagSequential:
		asked.sequential = true
	case flagEphemeralSequential:
		asked.owner, asked.sequential = c.session.id, true
	case flagContainer:
		asked.owner = containerOwner
	case flagTTL, flagSequentialTTL:
		return change{}, errUnimplemented // needs zookeeper.extendedTypesEnabled on a real server
	default:
		return change{}, errBadArguments
	}
	if asked.path == "" || asked.path[0] != '/' {
		return change{}, errBadArguments
	}
	made, ch, err := t.create(asked, c.who, by)
	if err == nil {
		w.path = made
	}
	return ch, err
}

// answer encodes the result of a write that took effect.
func (w *write) answer(t *tree, out *encoder) {
	switch w.op {
	case opCreate:
		out.string(w.path)
	case opCreate2, opCreateContainer, opCreateTTL:
		out.string(w.path)
		out.stat(t.nodes[w.path])
	case opSetData, opSetACL:
		out.stat(t.nodes[w.path])
	}
}

// multi does all of its operations, or none.
func (s *Server) multi(c *conn, d *decoder, out *encoder) error {
	var all []*write
	for {
		op, done, _ := d.int32(), d.bool(), d.int32()
		if d.bad || len(all) > maxMulti {
			d.bad = true
			return errMarshalling
		}
		if done {
			break
		}
		switch op {
		case opCreate, opCreate2, opCreateContainer, opCreateTTL, opDelete, opSetData, opCheck:
			all = append(all, readWrite(op, d))
		default:
			d.bad = true
		}
	}
	by := s.next()
	var changes []change
	var results encoder
	for i, w := range all {
		ch, err := w.apply(s.tree, c, by)
		if err != nil {
			for j := len(changes) - 1; j >= 0; j-- {
				changes[j].undo()
			}
			answerFailed(out, len(all), i, codeOf(err))
			return nil // the reply as a whole is no error, in ZooKeeper
		}
		changes = append(changes, ch)
		multiHead(&results, w.op, 0)
		w.answer(s.tree, &results)
	}
	for _, ch := range changes {
		s.fire(ch)
	}
	*out = append(*out, results...)
	multiEnd(out)
	return nil
}

// answerFailed encodes the reply to a multi of n operations of which the one
// at failed; those before it were undone, those after it not tried.
func answerFailed(out *encoder, n, failed int, why code) {
	for i := range n {
		var c code
		switch {
		case i == failed:
			c = why
		case i > failed:
			c = errRuntimeInconsistency
		}
		multiHead(out, opError, c)
		out.int32(int32(c))
	}
	multiEnd(out)
}

func multiHead(out *encoder, op int32, c code) {
	out.int32(op)
	out.bool(false)
	out.int32(int32(c))
}

func multiEnd(out *encoder) {
	out.int32(-1)
	out.bool(true)
	out.int32(-1)
}
