package zookeeper

import "strings"

// checkPath returns errBadArguments for a path that ZooKeeper's PathUtils
// refuses: relative, ending in a slash, with empty, "." or ".." elements, or
// with control characters.
func checkPath(path string) error {
	if path == "/" {
		return nil
	}
	if !strings.HasPrefix(path, "/") {
		return errBadArguments
	}
	for _, element := range strings.Split(path[1:], "/") {
		if element == "" || element == "." || element == ".." {
			return errBadArguments
		}
	}
	for _, r := range path {
		switch {
		case r <= 0x1f, r >= 0x7f && r <= 0x9f, r >= 0xf000 && r <= 0xf8ff, r >= 0xfff0 && r <= 0xffff && r != 0xfffd:
			return errBadArguments
		}
	}
	return nil
}

// split returns the parent and the last element; the root is its own parent.
func split(path string) (parent, name string) {
	at := strings.LastIndexByte(path, '/')
	if at <= 0 {
		return "/", path[at+1:]
	}
	return path[:at], path[at+1:]
}

// special reports whether path is one of those that a server keeps for itself.
func special(path string) bool {
	switch path {
	case "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config":
		return true
	}
	return false
}
