package zookeeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A raw is a connection without a client library.
type raw struct {
	b   *table
	net net.Conn
}

func (b *table) raw() raw {
	nc, err := net.DialTimeout("tcp", b.addr, 5*time.Second)
	b.must(err)
	b.t.Cleanup(func() { _ = nc.Close() })
	b.must(nc.SetDeadline(time.Now().Add(10 * time.Second)))
	return raw{b, nc}
}

// send writes one packet. A server that has closed the connection meanwhile may
// answer with a reset: receive then finds it closed, which is what scenes compare.
func (r raw) send(body []byte) {
	_, err := r.net.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return
	}
	r.b.must(err)
}

// receive returns one packet, or nil if the server has closed the connection.
func (r raw) receive() []byte {
	var head [4]byte
	if _, err := io.ReadFull(r.net, head[:]); err != nil {
		return nil
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(r.net, body); err != nil {
		return nil
	}
	return body
}

func (r raw) connect(timeout time.Duration, id int64, password []byte, readOnly bool) []byte {
	var e encoder
	e.int32(0)
	e.int64(0)
	e.int32(int32(timeout / time.Millisecond))
	e.int64(id)
	e.buffer(password)
	if readOnly {
		e.bool(false)
	}
	r.send(e)
	return r.receive()
}

// ask sends one request and returns the code of its answer, or "closed".
func (r raw) ask(op int32, body []byte) string {
	var e encoder
	e.int32(7)
	e.int32(op)
	r.send(append(e, body...))
	answer := decoder{rest: r.receive()}
	if len(answer.rest) == 0 {
		return "closed"
	}
	xid := answer.int32()
	_ = answer.int64()
	return fmt.Sprintf("xid %d code %d", xid, answer.int32())
}

func reattachment(b *table) {
	zeros := make([]byte, 16)
	greeting := func(p []byte) (id int64, password []byte, text string) {
		d := decoder{rest: p}
		version, timeout := d.int32(), d.int32()
		id, password = d.int64(), d.buffer()
		return id, password, fmt.Sprintf("version=%d timeout=%d session=%t password=%d bytes, zero=%t, rest=%x",
			version, timeout, id != 0, len(password), bytes.Equal(password, zeros), d.rest)
	}
	first := b.raw()
	id, password, text := greeting(first.connect(3*time.Second, 0, zeros, true))
	b.say("new session", text)
	_, _, text = greeting(b.raw().connect(10*time.Millisecond, 0, zeros, false))
	b.say("too short a timeout, from an old client", text)
	_, _, text = greeting(b.raw().connect(time.Hour, 0, zeros, true))
	b.say("too long a timeout", text)
	wrong := b.raw()
	_, _, text = greeting(wrong.connect(3*time.Second, id, zeros, true))
	b.say("a wrong password", text)
	b.say("and then", wrong.receive() == nil)
	_, _, text = greeting(b.raw().connect(3*time.Second, 12345, password, true))
	b.say("an unknown session", text)
	second := b.raw()
	again, _, text := greeting(second.connect(3*time.Second, id, password, true))
	b.say("the right password", text, again == id)
	b.say("the first connection is closed", first.receive() == nil)
	b.say("ping", second.ask(opPing, nil))
	b.say("close", second.ask(opCloseSession, nil))
	b.say("and then", second.receive() == nil)
	_, _, text = greeting(b.raw().connect(3*time.Second, id, password, true))
	b.say("after the close", text)
}

// rawWatches counts events, which a client library would gather or drop.
func rawWatches(b *table) {
	c := b.client()
	for _, path := range []string{"/rw", "/rw/both", "/rw/list", "/rw/data"} {
		b.make(c, path, 0)
	}
	r := b.raw()
	r.connect(3*time.Second, 0, make([]byte, 16), true)
	watch := func(op int32, path string) {
		var e encoder
		e.string(path)
		e.bool(true)
		b.say(fmt.Sprintf("watch %s by operation %d", path, op), r.ask(op, e))
	}
	watch(opGetData, "/rw/both")
	watch(opExists, "/rw/both")
	watch(opGetChildren, "/rw/both")
	watch(opGetChildren, "/rw/list")
	watch(opGetData, "/rw/data")
	for _, path := range []string{"/rw/both", "/rw/list", "/rw/list-that-is-not-watched"} {
		b.say("delete "+path, c.Delete(path, -1))
	}
	for range 3 {
		_, err := c.Set("/rw/data", nil, -1)
		b.must(err)
	}
	var e encoder
	e.int32(xidPing)
	e.int32(opPing)
	r.send(e)
	for {
		d := decoder{rest: r.receive()}
		xid, zxid, code := d.int32(), d.int64(), d.int32()
		if xid != xidEvent {
			b.say("and no more", xid, code)
			return
		}
		b.say("event", zxid, code, d.int32(), d.int32(), d.string(), len(d.rest))
	}
}

// juteMaxBuffer is what a real server takes at most, unless it is told otherwise.
const juteMaxBuffer = 0xfffff

func limits(b *table) {
	zeros := make([]byte, 16)
	fresh := func() raw {
		r := b.raw()
		r.connect(3*time.Second, 0, zeros, true)
		return r
	}
	create := func(path string, size int) []byte {
		var e encoder
		e.string(path)
		e.buffer(make([]byte, size))
		e.acls(openToAll)
		e.int32(0)
		return e
	}
	overhead := 8 + len(create("/big", 0))
	b.say("the largest packet", fresh().ask(opCreate, create("/big", juteMaxBuffer-overhead)))
	b.say("one byte more", fresh().ask(opCreate, create("/bigger", juteMaxBuffer-overhead+len("/big")-len("/bigger")+1)))
	negative := fresh()
	_, err := negative.net.Write([]byte{0xff, 0xff, 0xff, 0xff})
	b.must(err)
	b.say("a negative length", negative.receive() == nil)
	for _, path := range []string{"relative", "/a//b", "/slash/", "/a/../b", "/./a", "/null\x00", "/esc\x1b", ""} {
		b.say(fmt.Sprintf("create %q", path), fresh().ask(opCreate, create(path, 0)))
	}
	b.say("an unknown operation", fresh().ask(77, nil))
	var flags encoder
	flags.string("/flags")
	flags.buffer(nil)
	flags.acls(openToAll)
	flags.int32(99)
	b.say("unknown flags", fresh().ask(opCreate, flags))
	var auth encoder
	auth.int32(0)
	auth.string("odd")
	auth.buffer([]byte("x"))
	odd := fresh()
	b.say("an unknown scheme", odd.ask(opAuth, auth))
	b.say("and then", odd.receive() == nil)
	var path encoder
	path.string("/big")
	path.bool(false)
	r := fresh()
	b.say("exists", r.ask(opExists, path))
	b.say("children without stat", r.ask(opGetChildren, path))
	b.say("create2", r.ask(opCreate2, create("/two", 1)))
	b.say("create2 again", r.ask(opCreate2, create("/two", 1)))
}

var figures = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+(\.[0-9]+)?`)

func words(b *table) {
	ask := func(word string) string {
		r := b.raw()
		_, err := r.net.Write([]byte(word))
		b.must(err)
		answer, err := io.ReadAll(r.net)
		b.must(err)
		return string(answer)
	}
	b.say("ruok", ask("ruok"))
	lines := strings.Split(ask("srvr"), "\n")
	b.say("srvr", figures.ReplaceAllString(strings.Join(lines[1:], "; "), "N"))
	b.say("srvr begins", strings.HasPrefix(lines[0], "Zookeeper version: 3.8.0-"))
	b.say("wchs", ask("wchs"))
	monitor := ask("mntr")
	for _, key := range []string{"zk_version", "zk_server_state", "zk_znode_count", "zk_watch_count", "zk_ephemerals_count", "zk_num_alive_connections", "zk_packets_received", "zk_packets_sent", "zk_outstanding_requests", "zk_global_sessions"} {
		b.say("mntr has "+key, strings.Contains("\n"+monitor, "\n"+key+"\t"))
	}
}
