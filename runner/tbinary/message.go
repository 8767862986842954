package tbinary

import (
	"encoding/binary"
	"math"
)

// MessageType tells a call from its answer.
type MessageType byte

// The types of messages.
const (
	Call      MessageType = 1
	Reply     MessageType = 2
	Exception MessageType = 3 // The body is a TApplicationException: 1 message, 2 type.
	Oneway    MessageType = 4
)

// Message is a call of a Thrift service or the answer to one. Backups and log entries have no such head.
type Message struct {
	Name string
	Type MessageType
	Seq  int32
	Body *Struct // The arguments by number; in a reply field 0 holds the result.
}

const version1 = 0x80010000 // In the upper half of a strict message's first word.

// DecodeMessage reads one message that takes up the whole of b. The strings of its body are parts of b.
func DecodeMessage(b []byte) (Message, error) {
	d := decoder{b: b, left: math.MaxInt}
	head, err := d.take(4, "a message's head")
	if err != nil {
		return Message{}, err
	}
	word := binary.BigEndian.Uint32(head)
	if word&0xffff0000 != version1 {
		return Message{}, d.wrong(0, "no head of a strict message: 0x%08x", word)
	}
	name, err := d.value(TypeString, 1)
	if err != nil {
		return Message{}, err
	}
	seq, err := d.value(TypeI32, 1)
	if err != nil {
		return Message{}, err
	}
	body, err := d.structure(1)
	if err != nil {
		return Message{}, err
	}
	if d.pos < len(b) {
		return Message{}, d.wrong(d.pos, "%d bytes after the end", len(b)-d.pos)
	}
	return Message{string(name.([]byte)), MessageType(word), seq.(int32), body}, nil
}

// Append appends the bytes of m to dst.
func (m Message) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, version1|uint32(m.Type))
	dst = AppendI32(AppendString(dst, m.Name), m.Seq)
	return m.Body.Append(dst)
}
