package mesoslog

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Status is a replica's standing in the group, as the metadata record and the
// recover protocol number it.
type Status int

// The statuses of a replica.
const (
	Voting     Status = 1 // Answers promise and write requests.
	Recovering Status = 2 // Catches up from a quorum of voting replicas.
	Starting   Status = 3 // First half of automatic initialization.
	Empty      Status = 4 // Holds no metadata record: new, or lost.
)

// String returns the status as the log lines spell it.
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
	return fmt.Sprintf("Status(%d)", int(s))
}

// actionType says what an action does. Zero means that nothing was performed
// at the position yet: it is only promised.
type actionType int

const (
	actionNop      actionType = 1
	actionAppend   actionType = 2
	actionTruncate actionType = 3
)

func (t actionType) String() string {
	switch t {
	case actionNop:
		return "NOP"
	case actionAppend:
		return "APPEND"
	case actionTruncate:
		return "TRUNCATE"
	}
	return fmt.Sprintf("actionType(%d)", int(t))
}

// action is one position of the log. Fields that the record may leave out
// have a Has… beside them, because a record with learned=false and one
// without the field are printed differently.
type action struct {
	Position     uint64
	Promised     uint64
	Performed    uint64
	HasPerformed bool
	Learned      bool
	HasLearned   bool
	Type         actionType
	Tombstone    bool
	HasTombstone bool
	Bytes        []byte // Payload of an append.
	To           uint64 // First position that a truncation keeps.
}

// promiseOnly says that the position is promised but nothing was performed.
func (a action) promiseOnly() bool { return !a.HasPerformed }

// record is one value of the database: exactly one of the pointers is set.
type record struct {
	Action   *action
	Metadata *metadata
	Promise  *uint64 // Written instead of metadata by releases before 0.16.
}

type metadata struct {
	Status   Status
	Promised uint64
}

const (
	recordPromise  = 1
	recordAction   = 2
	recordMetadata = 3
)

// positionKey is the database key of position p: ten digits of p+1, or the
// letter A and twenty digits where ten do not suffice. A sorts after the
// digits, so the order of the keys is the order of the positions.
func positionKey(p uint64) []byte {
	if p+1 <= 9999999999 {
		return fmt.Appendf(nil, "%010d", p+1)
	}
	return fmt.Appendf(nil, "A%020d", p+1)
}

// metadataKey is the key of the metadata record.
var metadataKey = []byte("0000000000")

func encodeMetadata(m metadata) []byte {
	var body []byte
	body = protowire.AppendTag(body, 1, protowire.VarintType)
	body = protowire.AppendVarint(body, uint64(m.Status))
	body = protowire.AppendTag(body, 2, protowire.VarintType)
	body = protowire.AppendVarint(body, m.Promised)
	return encodeRecord(recordMetadata, 4, body)
}

func encodeRecord(kind uint64, field protowire.Number, body []byte) []byte {
	b := make([]byte, 0, len(body)+12)
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, kind)
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, body)
}

func encodeAction(a action) []byte {
	body := make([]byte, 0, len(a.Bytes)+48)
	varint := func(n protowire.Number, v uint64) {
		body = protowire.AppendTag(body, n, protowire.VarintType)
		body = protowire.AppendVarint(body, v)
	}
	varint(1, a.Position)
	varint(2, a.Promised)
	if a.HasPerformed {
		varint(3, a.Performed)
	}
	if a.HasLearned {
		varint(4, protowire.EncodeBool(a.Learned))
	}
	if a.Type != 0 {
		varint(5, uint64(a.Type))
	}
	switch a.Type {
	case actionNop:
		var nop []byte
		if a.HasTombstone {
			nop = protowire.AppendTag(nop, 1, protowire.VarintType)
			nop = protowire.AppendVarint(nop, protowire.EncodeBool(a.Tombstone))
		}
		body = protowire.AppendTag(body, 6, protowire.BytesType)
		body = protowire.AppendBytes(body, nop)
	case actionAppend:
		inner := protowire.SizeTag(1) + protowire.SizeBytes(len(a.Bytes))
		body = protowire.AppendTag(body, 7, protowire.BytesType)
		body = protowire.AppendVarint(body, uint64(inner))
		body = protowire.AppendTag(body, 1, protowire.BytesType)
		body = protowire.AppendBytes(body, a.Bytes)
	case actionTruncate:
		var to []byte
		to = protowire.AppendTag(to, 1, protowire.VarintType)
		to = protowire.AppendVarint(to, a.To)
		body = protowire.AppendTag(body, 8, protowire.BytesType)
		body = protowire.AppendBytes(body, to)
	}
	return encodeRecord(recordAction, 3, body)
}

// errRecord is the replica's own word for a value that is no record.
var errRecord = errors.New("Failed to deserialize record") // the recorded text

// decodeRecord reads one value of the database. A value that is not a
// protobuf, or that lacks a required field, gives errRecord, as the real
// replica's parser does.
func decodeRecord(b []byte) (record, error) {
	var r record
	var kind uint64
	var body [5][]byte
	err := fields(b, func(n protowire.Number, v uint64, p []byte) {
		switch {
		case n == 1:
			kind = v
		case n >= 2 && n <= 4 && p != nil:
			body[n] = p
		}
	})
	if err != nil {
		return r, err
	}
	switch kind {
	case recordPromise:
		if body[2] == nil {
			return r, errRecord
		}
		var p uint64
		err = fields(body[2], func(n protowire.Number, v uint64, _ []byte) {
			if n == 1 {
				p = v
			}
		})
		r.Promise = &p
	case recordAction:
		if body[3] == nil {
			return r, errRecord
		}
		r.Action, err = decodeAction(body[3])
	case recordMetadata:
		if body[4] == nil {
			return r, errRecord
		}
		m := metadata{}
		err = fields(body[4], func(n protowire.Number, v uint64, _ []byte) {
			switch n {
			case 1:
				m.Status = Status(v)
			case 2:
				m.Promised = v
			}
		})
		if m.Status < Voting || m.Status > Empty {
			return r, errRecord
		}
		r.Metadata = &m
	default:
		return r, errRecord
	}
	return r, err
}

func decodeAction(b []byte) (*action, error) {
	a := &action{}
	var position, promised bool
	var inner error
	err := fields(b, func(n protowire.Number, v uint64, p []byte) {
		switch n {
		case 1:
			a.Position, position = v, true
		case 2:
			a.Promised, promised = v, true
		case 3:
			a.Performed, a.HasPerformed = v, true
		case 4:
			a.Learned, a.HasLearned = v != 0, true
		case 5:
			a.Type = actionType(v)
		case 6, 7, 8:
			inner = errors.Join(inner, fields(p, func(m protowire.Number, v uint64, p []byte) {
				switch {
				case n == 6 && m == 1:
					a.Tombstone, a.HasTombstone = v != 0, true
				case n == 7 && m == 1:
					a.Bytes = append([]byte{}, p...)
				case n == 8 && m == 1:
					a.To = v
				}
			}))
		}
	})
	if err != nil || inner != nil || !position || !promised {
		return nil, errRecord
	}
	return a, nil
}

// fields calls f for every field of a protobuf message: v for numbers, p
// (never nil) for bytes. Unknown fields are passed too.
func fields(b []byte, f func(n protowire.Number, v uint64, p []byte)) error {
	for len(b) > 0 {
		n, t, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errRecord
		}
		b = b[size:]
		switch t {
		case protowire.VarintType:
			v, size := protowire.ConsumeVarint(b)
			if size < 0 {
				return errRecord
			}
			f(n, v, nil)
			b = b[size:]
		case protowire.BytesType:
			p, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return errRecord
			}
			f(n, 0, append([]byte{}, p...)[:len(p):len(p)])
			b = b[size:]
		default:
			size := protowire.ConsumeFieldValue(n, t, b)
			if size < 0 {
				return errRecord
			}
			b = b[size:]
		}
	}
	return nil
}
