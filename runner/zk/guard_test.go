package zk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A canned connection gives bytes and then ends.
type canned struct {
	net.Conn
	r io.Reader
}

func (c canned) Read(p []byte) (int, error) { return c.r.Read(p) }

func framed(bodies ...[]byte) []byte {
	var all []byte
	for _, body := range bodies {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(body))), body...)
	}
	return all
}

// reply is an answer's body: head with an error code, then content.
func reply(xid int32, code int32, content ...byte) []byte {
	body := binary.BigEndian.AppendUint32(nil, uint32(xid))
	body = binary.BigEndian.AppendUint64(body, 7)
	body = binary.BigEndian.AppendUint32(body, uint32(code))
	return append(body, content...)
}

// greeting is an answer to a handshake.
func greeting() []byte {
	body := make([]byte, 37)
	binary.BigEndian.PutUint32(body[4:], 10000)
	binary.BigEndian.PutUint64(body[8:], 42)
	binary.BigEndian.PutUint32(body[16:], 16)
	return body
}

func TestGuard(t *testing.T) {
	for _, tt := range []struct {
		name string
		sent []byte
		want string // in the error; "" if all comes through
	}{
		{"usual", framed(greeting(), reply(1, 0, 0, 0, 0, 0), reply(-2, 0), reply(2, -101)), ""},
		{"no data at all", framed(greeting(), reply(1, 0, 0xff, 0xff, 0xff, 0xff)), ""},
		{"nothing", nil, "the server closed the connection"},
		{"banner", []byte("SSH-2.0-x\r\n"), "not a ZooKeeper"},
		{"short greeting", framed(make([]byte, 19)), "not a ZooKeeper"},
		{"greeting with a huge password", framed(append(make([]byte, 16), 0x7f, 0xff, 0xff, 0xff)), "not a ZooKeeper"},
		{"greeting with a negative password", framed(append(make([]byte, 16), 0xff, 0xff, 0xff, 0xff)), "not a ZooKeeper"},
		{"largest greeting", framed(append(greeting(), make([]byte, maxGreeting-37)...)), ""},
		{"larger greeting", framed(append(greeting(), make([]byte, maxGreeting-36)...)), "not a ZooKeeper"},
		{"cut greeting", framed(greeting())[:20], "cut off"},
		{"large answer", append(framed(greeting()), 0, 0x40, 0, 1), "too large"},
		{"negative length", append(framed(greeting()), 0xff, 0xff, 0xff, 0xff), "too large"},
		{"answer without a head", framed(greeting(), make([]byte, 15)), "too short"},
		{"a million children in four bytes", framed(greeting(), reply(1, 0, 0, 0x0f, 0xff, 0xff, 1, 2, 3, 4)), "says 1048575"},
		{"negative count", framed(greeting(), reply(1, 0, 0xff, 0xff, 0xff, 0xfe)), "says -2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told error
			g := &guard{Conn: canned{r: bytes.NewReader(tt.sent)}, fail: func(err error) { told = err }}
			got, err := io.ReadAll(g)
			if told == nil || !errors.Is(err, told) {
				t.Errorf("read error %v, told %v", err, told)
			}
			if tt.want == "" {
				if !bytes.Equal(got, tt.sent) {
					t.Errorf("let %x through, want all of %x", got, tt.sent)
				}
				return
			}
			if !strings.Contains(told.Error(), tt.want) {
				t.Errorf("error %q does not say %q", told, tt.want)
			}
		})
	}
}

// A server that lies about lengths ends a look, and not the program.
func TestServerThatLies(t *testing.T) {
	for name, lie := range map[string][]byte{
		"frame without a head": make([]byte, 3),
		"count":                reply(1, 0, 0x7f, 0xff, 0xff, 0xff),
		"negative count":       reply(1, 0, 0x80, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			addr := listening(t, func(nc net.Conn) {
				_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
				buf := make([]byte, 256)
				_, _ = nc.Read(buf)
				_, _ = nc.Write(framed(greeting()))
				_, _ = nc.Read(buf)
				_, _ = nc.Write(framed(lie))
				_, _ = nc.Read(buf)
			})
			list, err := client(addr).Candidates(context.Background(), "/a")
			if err == nil || list != nil || !strings.Contains(err.Error(), "cannot tell") {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}
