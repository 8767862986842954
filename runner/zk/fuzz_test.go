package zk

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// What is accepted can be written and read again, and never shows a password.
func FuzzParseURL(f *testing.F) {
	for _, url := range []string{"zk://h1:2181,h2/mesos", "zk://u:canary@[::1]:1/x/", "zk://digest!u:p@h", "u:p@h", "zk://u:a b/c@h:1/"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		a, err := ParseURL(url)
		if err != nil {
			return
		}
		if len(a.Servers) == 0 || !strings.HasPrefix(a.Path, "/") {
			t.Fatalf("ParseURL(%q) = %+v", url, a)
		}
		if len(a.Password) > 3 && !strings.Contains(strings.Join(a.Servers, ",")+a.User+a.Path+":***@", a.Password) && strings.Contains(a.String(), a.Password) {
			t.Errorf("ParseURL(%q) shows its password: %s", url, a)
		}
		again, err := ParseURL(Address{Servers: a.Servers, Path: a.Path}.String())
		if err != nil || strings.Join(again.Servers, ",") != strings.Join(a.Servers, ",") || again.Path != a.Path {
			t.Errorf("ParseURL(%q) = %s, read again: %s, %v", url, a, again, err)
		}
	})
}

// Whatever a node is called and holds: no panic, and what comes out is usable.
func FuzzNodes(f *testing.F) {
	for _, file := range []string{"during-failover-after-commit.txt", "leader-sigkilled-9s.txt"} {
		for _, path := range []string{"/aurora/scheduler", "/aurora/replicated-log", "/mesos"} {
			for _, n := range recorded(f, file, path) {
				f.Add(n.name, n.data)
			}
		}
	}
	f.Add("singleton_candidate_-2147483648", []byte{10, 1, 2, 3})
	f.Add("info_0000000001", []byte{10, 1})
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		nodes := []znode{{name, data, 1, time.UnixMilli(0)}, {name, data, 2, time.UnixMilli(1)}}
		if list, err := parseCandidates(nodes); err == nil {
			for _, c := range list {
				if c.Host != "" && !isHost(c.Host) || !strings.HasSuffix(c.Node, c.Sequence) {
					t.Errorf("candidate %+v", c)
				}
			}
		}
		if list, err := parseMembers(nodes); err == nil {
			for _, m := range list {
				if !isHost(m.Host) || m.Port < 1 || m.Port > 65535 {
					t.Errorf("member %+v", m)
				}
			}
		}
		if list, err := parseReplicas(nodes); err == nil && len(list) == 2 {
			if !list[0].Stale || list[1].Stale || !list[0].Address.IsValid() {
				t.Errorf("replicas %+v", list)
			}
		}
		if list, err := parseMasters(nodes); err == nil {
			for _, m := range list {
				if m.Address.IsValid() == (m.Unsupported != "") {
					t.Errorf("master %+v", m)
				}
			}
		}
	})
}

// The guard lets through what a server sent, a prefix of it, or nothing.
func FuzzGuard(f *testing.F) {
	f.Add(framed(greeting(), reply(1, 0, 0, 0, 0, 1, 'x'), reply(2, -101)))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		g := &guard{Conn: canned{r: bytes.NewReader(sent)}, fail: func(error) {}}
		got, err := io.ReadAll(g)
		if err == nil || !bytes.HasPrefix(sent, got) {
			t.Errorf("let %x through of %x, %v", got, sent, err)
		}
	})
}
