package zookeeper

import (
	"fmt"
	"strings"
)

// version is what srvr and mntr say. It begins as a real server's does, and
// does not pretend to be one.
const version = "3.8.0-embedded, built on 2022-02-25 08:49 UTC"

// isWord reports whether four bytes that should be a length are a four-letter
// word: no packet is that long.
func isWord(word string) bool {
	for _, r := range word {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	return len(word) == 4
}

// answerWord answers a four-letter word in plain text.
func (s *Server) answerWord(c *conn, word string) {
	if !s.enter() {
		return
	}
	defer s.mu.Unlock()
	var answer string
	switch word {
	case "ruok":
		answer = "imok"
	case "srvr":
		answer = s.srvr()
	case "mntr":
		answer = s.mntr()
	default:
		answer = word + " is not executed because it is not in the whitelist.\n"
	}
	c.sendRaw([]byte(answer))
}

func (s *Server) srvr() string {
	return fmt.Sprintf("Zookeeper version: %s\nLatency min/avg/max: 0/0.0/0\nReceived: %d\nSent: %d\nConnections: %d\n"+
		"Outstanding: 0\nZxid: 0x%x\nMode: standalone\nNode count: %d\n",
		version, s.received, s.sent, len(s.conns), s.zxid, s.count())
}

func (s *Server) mntr() string {
	ephemerals := 0
	for _, paths := range s.tree.owned {
		ephemerals += len(paths)
	}
	var b strings.Builder
	for _, line := range []struct {
		key   string
		value any
	}{
		{"version", version},
		{"server_state", "standalone"},
		{"packets_received", s.received},
		{"packets_sent", s.sent},
		{"num_alive_connections", len(s.conns)},
		{"outstanding_requests", 0},
		{"znode_count", s.count()},
		{"watch_count", s.watches.count()},
		{"ephemerals_count", ephemerals},
		{"global_sessions", len(s.sessions)},
	} {
		fmt.Fprintf(&b, "zk_%s\t%v\n", line.key, line.value)
	}
	return b.String()
}

// count is the number of nodes as ZooKeeper gives it: its tree has the root
// under two names.
func (s *Server) count() int { return len(s.tree.nodes) + 1 }
