//go:build !linux

package cli

import "os"

// IsTerminal reports whether f is a terminal. On systems where nobody looked how to
// ask it is none: whoever approves names the digest, then.
func IsTerminal(*os.File) bool { return false }
