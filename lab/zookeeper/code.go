package zookeeper

import "fmt"

// A code is an error as the protocol numbers it (KeeperException.Code of
// ZooKeeper 3.8). Zero is no error and never held by an error value.
type code int32

const (
	errRuntimeInconsistency code = -2 // an operation of a multi that came after the one that failed
	errMarshalling          code = -5
	errUnimplemented        code = -6
	errBadArguments         code = -8
	errNoNode               code = -101
	errNoAuth               code = -102
	errBadVersion           code = -103
	errNoChildrenEphemeral  code = -108
	errNodeExists           code = -110
	errNotEmpty             code = -111
	errSessionExpired       code = -112
	errInvalidACL           code = -114
	errAuthFailed           code = -115
)

// Error names the code by its number.
func (c code) Error() string { return fmt.Sprintf("zookeeper: code %d", int32(c)) }

// codeOf returns the code that a reply carries for err.
func codeOf(err error) code {
	if err == nil {
		return 0
	}
	if c, ok := err.(code); ok { //nolint:errorlint // the tree's errors are bare codes, never wrapped
		return c
	}
	return errRuntimeInconsistency
}

// Operation codes (ZooDefs.OpCode of ZooKeeper 3.8).
const (
	opCreate          = 1
	opDelete          = 2
	opExists          = 3
	opGetData         = 4
	opSetData         = 5
	opGetACL          = 6
	opSetACL          = 7
	opGetChildren     = 8
	opSync            = 9
	opPing            = 11
	opGetChildren2    = 12
	opCheck           = 13
	opMulti           = 14
	opCreate2         = 15
	opCreateContainer = 19
	opCreateTTL       = 21
	opAuth            = 100
	opSetWatches      = 101
	opCloseSession    = -11
	opError           = -1
)

// Transaction identifiers that stand for no request of a client.
const (
	xidEvent = -1
	xidPing  = -2
)
