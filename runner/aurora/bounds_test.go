package aurora

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
)

// counted gives lines or elements that are all different, without end.
type counted struct {
	head, each string
	n          int
	rest       []byte
}

func (c *counted) Read(p []byte) (int, error) {
	if c.n == 0 {
		c.rest = []byte(c.head)
	}
	for len(c.rest) < len(p) {
		c.n++
		c.rest = fmt.Appendf(c.rest, c.each, c.n)
	}
	n := copy(p, c.rest)
	c.rest = append(c.rest[:0], c.rest[n:]...)
	return n, nil
}

// A scheduler that answers without end, whatever with, takes what the bounds say.
func TestEndlessAnswersAreBounded(t *testing.T) {
	const (
		head = `[1,"getTasksWithoutConfigs",2,1,{"0":{"rec":{"1":{"i32":1}`
		set  = head + `,"3":{"rec":{"1":{"rec":{"1":{"set":["%s",1`
	)
	api := func(r io.Reader) error { _, err := parseUpTo(r, "getTasksWithoutConfigs", 96<<20); return err }
	vars := func(r io.Reader) error { _, err := ParseVars(r); return err }
	for name, tt := range map[string]struct {
		from io.Reader
		read func(io.Reader) error
	}{
		"empty tasks":          {boundtest.Endless(fmt.Sprintf(set, "rec"), ",{}"), api},
		"tasks with an id":     {&counted{head: fmt.Sprintf(set, "rec"), each: `,{"1":{"rec":{"1":{"str":"%d"}}}}`}, api},
		"tasks of many roles":  {&counted{head: fmt.Sprintf(set, "rec"), each: `,{"1":{"rec":{"4":{"rec":{"28":{"rec":{"1":{"str":"%d"}}}}}}}}`}, api},
		"names":                {boundtest.Endless(fmt.Sprintf(set, "str"), `,""`), api},
		"one task":             {boundtest.Endless(fmt.Sprintf(set, "rec")+`,{"a":[{}`, ",{}"), api},
		"a name":               {boundtest.Endless(fmt.Sprintf(set, "str")+`,"`, "x"), api},
		"messages":             {boundtest.Endless(head+`,"6":{"lst":["rec",1`, `,{"1":{"str":"`+strings.Repeat("x", 8000)+`"}}`), api},
		"one message":          {boundtest.Endless(head+`,"6":{"lst":["rec",1,[{}`, ",{}"), api},
		"an unknown field":     {boundtest.Endless(head+`,"9":{"lst":["rec",1`, ",{}"), api},
		"fields":               {boundtest.Endless(head, `,"9":1`), api},
		"an exception":         {boundtest.Endless(`[1,"getTasksWithoutConfigs",3,1,[{}`, ",{}"), api},
		"spaces":               {boundtest.Endless("", " "), api},
		"depth":                {boundtest.Endless(head+`,"9":`, "["), api},
		"variables":            {&counted{each: "a%d 1\n"}, vars},
		"one variable":         {boundtest.Endless("", "x"), vars},
		"lines without a name": {boundtest.Endless("", "\n"), vars},
	} {
		grown := boundtest.Grown(func() {
			if err := tt.read(tt.from); !errors.Is(err, bound.ErrTooMuch) {
				t.Errorf("%s: %v", name, err)
			}
		})
		most := int64(96)
		if strings.Contains(name, "variable") {
			most = 40
		}
		if grown > most<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
}

// What aurora_admin prints becomes a message of a length that people read.
func TestWhatAdminPrintsIsBounded(t *testing.T) {
	for name, again := range map[string]string{"a line": "x", "lines": "x\n", "empty lines": "\n", "a response": "Response from scheduler: OK (message: " + strings.Repeat("x", 10000)} {
		out := bytes.Repeat([]byte(again), MaxAdmin/len(again))
		if name == "a response" {
			out = append(out, ')')
		}
		before := boundtest.Allocated()
		if a := ParseAdmin(nil, out, 1); len(a.Message) > 5000 {
			t.Errorf("%s: a message of %d bytes", name, len(a.Message))
		}
		for range RecoveryTasks(out) {
			t.Errorf("%s: a task", name)
		}
		if took := boundtest.Allocated() - before; took > 16<<20 {
			t.Errorf("%s: %d MiB were taken", name, took>>20)
		}
	}
}

// The header of an answer is bounded, too.
func TestEndlessHeaderIsBounded(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		// Asked first: what comes before a request is no answer to it.
		if _, err := http.ReadRequest(bufio.NewReader(there)); err != nil {
			return
		}
		_, _ = io.Copy(there, boundtest.Endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"))
	}()
	c := &Client{Address: "s1:8081", Dial: dialed(here)}
	grown := boundtest.Grown(func() {
		if _, err := c.Vars(t.Context()); err == nil || !strings.Contains(err.Error(), "exceeded") {
			t.Errorf("got %v", err)
		}
	})
	if grown > 8<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func dialed(conn net.Conn) Dialer {
	return func(context.Context, string) (net.Conn, error) { return conn, nil }
}
