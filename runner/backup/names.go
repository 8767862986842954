package backup

import (
	"strconv"
	"unicode/utf8"
)

// The characters of names. Aurora's identifiers are [\w\-.]+
// (JobKeys.isValid and MesosUtil of 0.5 to 0.22); host names may have colons, as addresses of IPv6.
const (
	idChar   = 1 << iota // Stays as it is in a task's id; others become "-".
	nameChar             // May stand in a role, environment or job name.
	hostChar
	hexDigit
)

var chars = func() (c [256]uint8) {
	for i := range c {
		b := byte(i)
		digit, letter := b >= '0' && b <= '9', b|0x20 >= 'a' && b|0x20 <= 'z'
		if digit || letter || b == '_' || b == '-' {
			c[i] |= idChar | nameChar | hostChar
		}
		if b == '.' {
			c[i] |= nameChar | hostChar
		}
		if b == ':' {
			c[i] |= hostChar
		}
		if digit || b|0x20 >= 'a' && b|0x20 <= 'f' {
			c[i] |= hexDigit
		}
	}
	return c
}()

func allOf(b []byte, class uint8) bool {
	for _, c := range b {
		if chars[c]&class == 0 {
			return false
		}
	}
	return true
}

// idPrefix appends what the ids of a job's tasks begin with, up to the instance:
// role-env-name-, each other character than [\w-] made a "-" (TaskIdGenerator).
func idPrefix(out []byte, k *key) []byte {
	for _, part := range [][]byte{k.role, k.env, k.name} {
		for len(part) > 0 {
			r, n := utf8.DecodeRune(part)
			switch {
			case n == 1 && chars[part[0]]&idChar != 0:
				out = append(out, part[0])
			case r > 0xffff: // Two UTF-16 units, each of which becomes a "-".
				out = append(out, "--"...)
			default:
				out = append(out, '-')
			}
			part = part[n:]
		}
		out = append(out, '-')
	}
	return out
}

// fits tells whether a task's id is one that Aurora makes for an instance of
// the job with the given prefix: prefix, instance, UUID; in old releases the
// time in milliseconds stands in front.
func fits(id, prefix []byte, instance int32) bool {
	const uuid = len("-3a027a4f-66c4-4ed4-9733-eb7e10a1cd0e")
	if len(id) < uuid || !isUUID(id[len(id)-uuid:]) {
		return false
	}
	id = id[:len(id)-uuid]
	var digits [12]byte
	number := strconv.AppendInt(digits[:0], int64(instance), 10)
	front := len(id) - len(number) - len(prefix)
	if front < 0 || string(id[front+len(prefix):]) != string(number) || string(id[front:front+len(prefix)]) != string(prefix) {
		return false
	}
	if front == 0 {
		return true
	}
	if front < 2 || id[front-1] != '-' {
		return false
	}
	for _, c := range id[:front-1] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isUUID tells whether b is a "-" and a UUID.
func isUUID(b []byte) bool {
	for i, c := range b {
		switch i {
		case 0, 9, 14, 19, 24:
			if c != '-' {
				return false
			}
		default:
			if chars[c]&hexDigit == 0 {
				return false
			}
		}
	}
	return true
}
