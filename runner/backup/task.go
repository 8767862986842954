package backup

import "aurorabot/runner/tbinary"

// row is one task while it is walked over. Its text is overwritten by the next one.
type row struct {
	at       int64 // Offset of the task in the file.
	id, host []byte
	status   Status
	instance int32
	key      key // The job (TaskConfig.job, from 0.7).
	old      key // The job as releases to 0.12 say it: owner.role, environment, jobName.

	configs    *configs // Where known configurations are; nil for a walk over all.
	same       *config  // The configuration, if it is a known one; then its own key and old count.
	configured bool     // A configuration was read.
}

// key is the text of a job key.
type key struct{ role, env, name []byte }

func (k *key) reset() { k.role, k.env, k.name = k.role[:0], k.env[:0], k.name[:0] }

// set makes k a copy of from.
func (k *key) set(from *key) {
	k.role, k.env, k.name = append(k.role[:0], from.role...), append(k.env[:0], from.env...), append(k.name[:0], from.name...)
}

func (k *key) empty() bool { return len(k.role) == 0 && len(k.env) == 0 && len(k.name) == 0 }

func (k *key) whole() bool { return len(k.role) > 0 && len(k.env) > 0 && len(k.name) > 0 }

// path appends role/environment/name.
func (k *key) path(dst []byte) []byte {
	dst = append(append(dst, k.role...), '/')
	dst = append(append(dst, k.env...), '/')
	return append(dst, k.name...)
}

// job returns the key that counts: the newer form wherever it is there, as in Aurora itself.
func (t *row) job() *key {
	k, old := &t.key, &t.old
	if t.same != nil {
		k, old = &t.same.key, &t.same.old
	}
	if k.empty() {
		return old
	}
	return k
}

// read walks over one ScheduledTask.
func (t *row) read(r *tbinary.Reader) {
	t.at, t.status, t.instance = r.Offset(), unset, 0
	t.id, t.host = t.id[:0], t.host[:0]
	t.key.reset()
	t.old.reset()
	t.same, t.configured = nil, false
	for {
		switch ft, id := r.Field(); {
		case ft == tbinary.TypeStop:
			return
		case id == 1 && ft == tbinary.TypeStruct:
			t.assigned(r)
		case id == 2 && ft == tbinary.TypeI32:
			// A negative number must not look like no status at all.
			t.status = Status(r.I32())
			if t.status == unset {
				t.status--
			}
		default:
			r.Skip(ft)
		}
	}
}

// assigned walks over an AssignedTask.
func (t *row) assigned(r *tbinary.Reader) {
	for {
		switch ft, id := r.Field(); {
		case ft == tbinary.TypeStop:
			return
		case id == 1 && ft == tbinary.TypeString:
			t.id = text(r, t.id)
		case id == 3 && ft == tbinary.TypeString:
			t.host = text(r, t.host)
		case id == 4 && ft == tbinary.TypeStruct:
			t.configs.read(t, r)
		case id == 6 && ft == tbinary.TypeI32:
			t.instance = r.I32()
		default:
			r.Skip(ft)
		}
	}
}

// config walks over a TaskConfig.
func (t *row) config(r *tbinary.Reader) {
	for {
		switch ft, id := r.Field(); {
		case ft == tbinary.TypeStop:
			return
		case id == 28 && ft == tbinary.TypeStruct:
			t.key.read(r)
		case id == 17 && ft == tbinary.TypeStruct:
			t.owner(r)
		case id == 3 && ft == tbinary.TypeString:
			t.old.name = text(r, t.old.name)
		case id == 26 && ft == tbinary.TypeString:
			t.old.env = text(r, t.old.env)
		default:
			r.Skip(ft)
		}
	}
}

// owner walks over an Identity.
func (t *row) owner(r *tbinary.Reader) {
	for {
		switch ft, id := r.Field(); {
		case ft == tbinary.TypeStop:
			return
		case id == 1 && ft == tbinary.TypeString:
			t.old.role = text(r, t.old.role)
		default:
			r.Skip(ft)
		}
	}
}

// read walks over a JobKey.
func (k *key) read(r *tbinary.Reader) {
	for {
		ft, id := r.Field()
		if ft == tbinary.TypeString {
			switch id {
			case 1:
				k.role = text(r, k.role)
				continue
			case 2:
				k.env = text(r, k.env)
				continue
			case 3:
				k.name = text(r, k.name)
				continue
			}
		}
		if ft == tbinary.TypeStop {
			return
		}
		r.Skip(ft)
	}
}

// text reads a short string into dst. One that is too long to be a name is passed over, and counts as empty.
func text(r *tbinary.Reader, dst []byte) []byte {
	b, _ := r.View()
	return append(dst[:0], b...)
}
