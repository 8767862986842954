package mesoslog

import (
	"fmt"
	"strings"
)

// actionText is an action as `mesos-log read` prints it: protobuf's text form.
func actionText(a action) string {
	var b strings.Builder
	fmt.Fprintf(&b, "position: %d\npromised: %d\n", a.Position, a.Promised)
	if a.HasPerformed {
		fmt.Fprintf(&b, "performed: %d\n", a.Performed)
	}
	if a.HasLearned {
		fmt.Fprintf(&b, "learned: %v\n", a.Learned)
	}
	if a.Type != 0 {
		fmt.Fprintf(&b, "type: %s\n", a.Type)
	}
	switch a.Type {
	case actionNop:
		b.WriteString("nop {\n")
		if a.HasTombstone {
			fmt.Fprintf(&b, "  tombstone: %v\n", a.Tombstone)
		}
		b.WriteString("}\n")
	case actionAppend:
		b.WriteString("append {\n  bytes: \"")
		escape(&b, a.Bytes)
		b.WriteString("\"\n}\n")
	case actionTruncate:
		fmt.Fprintf(&b, "truncate {\n  to: %d\n}\n", a.To)
	}
	return b.String()
}

// escape writes p as protobuf's text form does: C escapes, octal for the rest.
func escape(b *strings.Builder, p []byte) {
	b.Grow(len(p) * 3)
	for _, c := range p {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '"' || c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c >= 0x7f:
			b.WriteByte('\\')
			b.WriteByte('0' + c>>6)
			b.WriteByte('0' + c>>3&7)
			b.WriteByte('0' + c&7)
		default:
			b.WriteByte(c)
		}
	}
}
