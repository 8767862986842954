//go:build !unix

package cli

import "os"

func columns(*os.File) int { return 0 }
