// Package tbinary reads and writes Thrift's binary protocol, strict and without framing.
//
// There are two ways in. [Reader] walks over a stream of any length in
// constant memory and calls nothing by reflection; [Decode] makes a tree of
// [Struct], [List] and [Map] that can be looked at, changed and written back
// byte for byte. Neither knows a schema: who reads a field names its number.
//
// Lengths and counts are checked before anything is allocated for them, and
// nesting is limited, so hostile bytes cost no more than their own length.
//
// The protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md
// (integers big-endian; strings and containers carry a 32-bit count).
package tbinary

import "fmt"

// Type is the one-byte mark that precedes a field or the elements of a container.
type Type byte

// The types of the protocol. Others do not occur in what a conforming writer writes.
const (
	TypeStop   Type = 0 // Ends a struct.
	TypeBool   Type = 2
	TypeByte   Type = 3
	TypeDouble Type = 4
	TypeI16    Type = 6
	TypeI32    Type = 8
	TypeI64    Type = 10
	TypeString Type = 11 // Text and binary: the wire does not tell them apart.
	TypeStruct Type = 12 // Structs, unions and exceptions.
	TypeMap    Type = 13
	TypeSet    Type = 14
	TypeList   Type = 15
)

// MaxDepth is how deep structs and containers may nest, counted from 1 at the outermost.
// The deepest value that Aurora writes is 12 levels deep.
const MaxDepth = 64

// least holds the smallest number of bytes that a value of a type takes; 0 means that
// the type is unknown.
var least = [256]uint8{
	TypeBool: 1, TypeByte: 1, TypeDouble: 8, TypeI16: 2, TypeI32: 4, TypeI64: 8,
	TypeString: 4, TypeStruct: 1, TypeMap: 6, TypeSet: 5, TypeList: 5,
}

// fixed holds the size of the values of types that have only one; 0 for the others.
var fixed = [256]uint8{TypeBool: 1, TypeByte: 1, TypeDouble: 8, TypeI16: 2, TypeI32: 4, TypeI64: 8}

// Known tells whether values of type t can be read.
func (t Type) Known() bool { return least[t] != 0 }

// String gives the type's name in the words of Thrift's interface language.
func (t Type) String() string {
	switch t {
	case TypeStop:
		return "stop"
	case TypeBool:
		return "bool"
	case TypeByte:
		return "byte"
	case TypeDouble:
		return "double"
	case TypeI16:
		return "i16"
	case TypeI32:
		return "i32"
	case TypeI64:
		return "i64"
	case TypeString:
		return "string"
	case TypeStruct:
		return "struct"
	case TypeMap:
		return "map"
	case TypeSet:
		return "set"
	case TypeList:
		return "list"
	}
	return fmt.Sprintf("unknown type 0x%02x", byte(t))
}

// Error says what is wrong with the bytes, and where.
type Error struct {
	Offset int64  // Offset of the first byte that is wrong, counted from 0; the length of the data where it ends too early.
	What   string // What is wrong there.
	Err    error  // The cause where there is one: [io.ErrUnexpectedEOF] for data that ends too early, or the error of the source.
}

// Error gives the position first, then what is wrong there.
func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.What) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
