package zookeeper

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Load adds the nodes of a dump in either form to the tree, with their
// transaction numbers, times and owners, so that a test can begin where a
// recording was made. Parents that the dump leaves out are made. Owners of
// ephemeral nodes become sessions without a client and with the longest
// timeout: they expire unless somebody stops the clock.
func (s *Server) Load(dump string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var path string
	for i, line := range strings.Split(dump, "\n") {
		var err error
		field := strings.TrimLeft(line, " ")
		switch {
		case line == "":
		case strings.HasPrefix(line, "/"):
			path = line
			err = s.plant(path)
		case path == "":
			err = fmt.Errorf("%q before any path", line)
		case strings.HasPrefix(field, "data="):
			s.tree.nodes[path].data = []byte(strings.TrimPrefix(field, "data="))
		case strings.HasPrefix(field, "hex="):
			s.tree.nodes[path].data, err = hex.DecodeString(strings.TrimPrefix(field, "hex="))
		default:
			err = s.number(path, strings.Fields(field))
		}
		if err != nil {
			return fmt.Errorf("load a dump: line %d: %w", i+1, err)
		}
	}
	return nil
}

// plant makes the node at path, and those above it, unless they are there.
func (s *Server) plant(path string) error {
	if err := checkPath(path); err != nil {
		return fmt.Errorf("path %q: %w", path, err)
	}
	if s.tree.nodes[path] != nil {
		return nil
	}
	parentPath, name := split(path)
	if err := s.plant(parentPath); err != nil {
		return err
	}
	parent := s.tree.nodes[parentPath]
	parent.children[name] = true
	parent.creates++
	if len(name) >= 10 {
		if n, err := strconv.ParseInt(name[len(name)-10:], 10, 32); err == nil && n < math.MaxInt32 {
			parent.creates = max(parent.creates, int32(n)+1)
		}
	}
	s.tree.nodes[path] = &node{acl: openToAll, children: map[string]bool{}, data: []byte{}}
	return nil
}

// number sets what the line of numbers says. What follows from the tree, and
// access lists, are left alone.
func (s *Server) number(path string, fields []string) error {
	n := s.tree.nodes[path]
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		var err error
		switch key {
		case "ephemeralOwner":
			n.owner, err = strconv.ParseInt(value, 0, 64)
		case "czxid":
			n.czxid, err = strconv.ParseInt(value, 0, 64)
			n.mzxid, n.pzxid = n.czxid, n.czxid
		case "mzxid":
			n.mzxid, err = strconv.ParseInt(value, 0, 64)
		case "version":
			var v int64
			v, err = strconv.ParseInt(value, 10, 32)
			n.version = int32(v)
		case "ctime":
			var at time.Time
			at, err = time.Parse(time.RFC3339, value)
			n.ctime, n.mtime = at.UnixMilli(), at.UnixMilli()
		}
		if err != nil {
			return err
		}
	}
	s.zxid = max(s.zxid, n.czxid, n.mzxid)
	s.adopt(path)
	return nil
}

// adopt gives an ephemeral node a session.
func (s *Server) adopt(path string) {
	n := s.tree.nodes[path]
	if !n.ephemeral() {
		return
	}
	s.tree.own(path)
	if s.sessions[n.owner] == nil {
		s.sessions[n.owner] = &session{id: n.owner, password: newPassword(), timeout: s.opts.MaxTimeout}
		s.touch(s.sessions[n.owner])
	}
	s.lastID = max(s.lastID, n.owner)
}
