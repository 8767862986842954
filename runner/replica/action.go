package replica

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Status is what a replica says of itself in its metadata record.
type Status int

// The statuses of mesos.internal.log.Metadata. Empty is never written: it is
// what a log without a metadata record has.
const (
	Voting     Status = 1
	Recovering Status = 2
	Starting   Status = 3
	Empty      Status = 4
)

func (s Status) String() string {
	switch s {
	case Voting:
		return "VOTING"
	case Recovering:
		return "RECOVERING"
	case Starting:
		return "STARTING"
	case Empty:
		return "EMPTY"
	}
	return fmt.Sprintf("status %d", int(s))
}

// ActionType is what an action does to the log. Zero is a promise only.
type ActionType int

// The types of mesos.internal.log.Action.
const (
	Nop      ActionType = 1
	Append   ActionType = 2
	Truncate ActionType = 3
)

func (t ActionType) String() string {
	switch t {
	case 0:
		return "PROMISE"
	case Nop:
		return "NOP"
	case Append:
		return "APPEND"
	case Truncate:
		return "TRUNCATE"
	}
	return fmt.Sprintf("type %d", int(t))
}

// Action is one position of the log.
type Action struct {
	Position  uint64
	Promised  uint64
	Performed uint64 // Meaningless unless Type is set.
	Learned   bool
	Type      ActionType
	Tombstone bool   // Of a Nop: everything up to here was cut off.
	To        uint64 // Of a Truncate: everything below was cut off.
	Bytes     []byte // Of an Append: part of the value that it was decoded from.
}

// record is one value of the database.
type record struct {
	kind     recordKind
	status   Status
	promised uint64
	action   Action
}

type recordKind int

const (
	recordPromise  recordKind = 1 // Before Mesos 0.16: a replica that votes.
	recordAction   recordKind = 2
	recordMetadata recordKind = 3
)

var errCut = errors.New("cut")

// decode reads one mesos.internal.log.Record (src/messages/log.proto of
// Mesos). Unknown fields are passed over; a missing required one is an error,
// as it is for the replica.
func (r *record) decode(p []byte) error {
	*r = record{}
	var promise, action, metadata []byte
	err := fields(p, func(id protowire.Number, v uint64, sub []byte) {
		switch id {
		case 1:
			r.kind = recordKind(v)
		case 2:
			promise = sub
		case 3:
			action = sub
		case 4:
			metadata = sub
		}
	})
	if err != nil {
		return err
	}
	switch r.kind {
	case recordPromise:
		return r.promise(promise)
	case recordAction:
		return r.action.decode(action)
	case recordMetadata:
		return r.metadata(metadata)
	}
	return fmt.Errorf("record type %d", r.kind)
}

func (r *record) promise(p []byte) error {
	has := false
	if err := fields(p, func(id protowire.Number, v uint64, _ []byte) {
		if id == 1 {
			r.promised, has = v, true
		}
	}); err != nil {
		return fmt.Errorf("promise: %w", err)
	}
	if !has {
		return errors.New("promise without a proposal")
	}
	r.status = Voting
	return nil
}

func (r *record) metadata(p []byte) error {
	has := 0
	if err := fields(p, func(id protowire.Number, v uint64, _ []byte) {
		switch id {
		case 1:
			r.status = Status(v)
			has |= 1
		case 2:
			r.promised = v
			has |= 2
		}
	}); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if has != 3 || r.status < Voting || r.status > Empty {
		return errors.New("metadata without a known status and a promise")
	}
	return nil
}

func (a *Action) decode(p []byte) error {
	var has [6]bool
	err := fields(p, func(id protowire.Number, v uint64, sub []byte) {
		if id <= 5 {
			has[id] = true
		}
		switch id {
		case 1:
			a.Position = v
		case 2:
			a.Promised = v
		case 3:
			a.Performed = v
		case 4:
			a.Learned = v != 0
		case 5:
			a.Type = ActionType(v)
		case 6:
			a.Tombstone = firstVarint(sub) != 0
		case 7:
			a.Bytes = firstBytes(sub)
		case 8:
			a.To = firstVarint(sub)
		}
	})
	switch {
	case err != nil:
		return fmt.Errorf("action: %w", err)
	case !has[1] || !has[2]:
		return errors.New("action without position and promise")
	case has[3] != has[5] || (has[5] && (a.Type < Nop || a.Type > Truncate)):
		return fmt.Errorf("action %d: performed without a known type", a.Position)
	case a.Learned && !has[3]:
		return fmt.Errorf("action %d: learned but not performed", a.Position)
	case a.Type == Append && a.Bytes == nil:
		return fmt.Errorf("action %d: append without bytes", a.Position)
	}
	return nil
}

// fields calls each for every field of a message: v holds a varint, sub a
// length-delimited value.
func fields(p []byte, each func(id protowire.Number, v uint64, sub []byte)) error {
	for len(p) > 0 {
		id, kind, n := protowire.ConsumeTag(p)
		if n < 0 {
			return errCut
		}
		p = p[n:]
		var v uint64
		var sub []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(p)
		case protowire.BytesType:
			sub, n = protowire.ConsumeBytes(p)
			if n >= 0 && sub == nil {
				sub = p[:0]
			}
		default:
			if n = protowire.ConsumeFieldValue(id, kind, p); n >= 0 {
				p = p[n:]
				continue
			}
		}
		if n < 0 {
			return errCut
		}
		each(id, v, sub)
		p = p[n:]
	}
	return nil
}

func firstVarint(p []byte) (out uint64) {
	_ = fields(p, func(id protowire.Number, v uint64, _ []byte) {
		if id == 1 {
			out = v
		}
	})
	return out
}

func firstBytes(p []byte) (out []byte) {
	_ = fields(p, func(id protowire.Number, _ uint64, sub []byte) {
		if id == 1 {
			out = sub
		}
	})
	return out
}

// keyPosition reads the position out of a key: its digits, with an A before
// the long form, are one more. Key 0 is the metadata.
func keyPosition(key []byte) (position uint64, metadata, ok bool) {
	switch {
	case len(key) == 21 && key[0] == 'A':
		key = key[1:]
	case len(key) != 10:
		return 0, false, false
	}
	var n uint64
	for _, c := range key {
		d := uint64(c - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			return 0, false, false
		}
		n = n*10 + d
	}
	if n == 0 {
		return 0, true, len(key) == 10
	}
	return n - 1, false, true
}
