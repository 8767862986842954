package aurora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"aurorabot/runner/bound"
)

// Bounds of an answer of the API. 100,000 tasks with their events and
// configurations are about 250 MB; they are read one by one, and what is kept of
// one takes some 250 bytes.
const (
	maxReply    = 1 << 30  // Bytes of an answer.
	maxPiece    = 16 << 20 // Bytes of one task with its configuration.
	maxKept     = 64 << 20 // Memory of what is kept of an answer, in bytes.
	maxMessages = 100      // What is said beside the result.

	perTask = 250 // Memory of a task beside its text, while the list of them grows.
)

// parseReply reads a Thrift JSON answer: [1,"method",2,seq,{"0":{"rec":{…}}}].
// Tasks are taken out one by one, so that a large answer never lies in memory
// as a whole.
func parseReply(r io.Reader, method string) (Reply, error) {
	return parseUpTo(r, method, maxReply)
}

// parseUpTo is parseReply of an answer of at most so many bytes.
func parseUpTo(r io.Reader, method string, most int64) (Reply, error) {
	t := &tjson{dec: bound.NewDecoder(r, most, maxPiece), left: maxKept, names: map[string]string{}}
	t.dec.UseNumber()
	reply := Reply{Code: -1}
	err := t.message(method, &reply)
	if err == nil && reply.Code < 0 {
		err = errors.New("the answer has no response code")
	}
	if err != nil {
		return Reply{}, fmt.Errorf("answer of %s: byte %d: %w", method, t.dec.InputOffset(), err)
	}
	return reply, nil
}

type tjson struct {
	dec   *bound.Decoder
	left  int // Of maxKept.
	names map[string]string
}

// keep counts what is kept: each bytes, and the text.
func (t *tjson) keep(each int, text ...string) error {
	for _, s := range text {
		each += len(s)
	}
	if t.left -= each; t.left < 0 {
		return fmt.Errorf("%w: what it holds would take over %d MiB of memory", bound.ErrTooMuch, maxKept>>20)
	}
	return nil
}

// name returns one copy of a name that many tasks have.
func (t *tjson) name(s string) string {
	if one, ok := t.names[s]; ok {
		return one
	}
	if t.keep(perTask, s) == nil { // Where there is no room the next task says so.
		t.names[s] = s
	}
	return s
}

func (t *tjson) delim(want json.Delim) error {
	tok, err := t.dec.Token()
	if err != nil {
		return err
	}
	if tok != want {
		return fmt.Errorf("found %v, want %v", tok, want)
	}
	return nil
}

func (t *tjson) message(method string, reply *Reply) error {
	if err := t.delim('['); err != nil {
		return err
	}
	var version, kind, seq int
	var name string
	for _, v := range []any{&version, &name, &kind, &seq} {
		if err := t.dec.Decode(v); err != nil {
			return err
		}
	}
	if name != method {
		return fmt.Errorf("it answers %q", name)
	}
	if kind != 2 {
		var what json.RawMessage
		if err := t.dec.Decode(&what); err != nil {
			return err
		}
		return fmt.Errorf("Thrift exception: %.200s", what)
	}
	return t.fields(func(id string) error {
		if id != "0" {
			return t.skip()
		}
		return t.rec(func(id string) error { return t.response(id, reply) })
	})
}

// response reads one field of Aurora's Response struct.
func (t *tjson) response(id string, reply *Reply) error {
	switch id {
	case "1":
		var code struct {
			I int `json:"i32"`
		}
		if err := t.dec.Decode(&code); err != nil {
			return err
		}
		reply.Code = code.I
		return nil
	case "3": // Result: a union with one field, whose first field is what counts.
		return t.rec(func(string) error {
			return t.rec(func(id string) error {
				if id != "1" {
					return t.skip()
				}
				return t.content(reply)
			})
		})
	case "6":
		return t.details(reply)
	}
	return t.skip()
}

// details reads list<ResponseDetail>: {"lst":["rec",1,{"1":{"str":"…"}}]}.
func (t *tjson) details(reply *Reply) error {
	if err := t.delim('{'); err != nil {
		return err
	}
	if _, err := t.dec.Token(); err != nil {
		return err
	}
	if err := t.delim('['); err != nil {
		return err
	}
	for i := 0; t.dec.More(); i++ {
		if i < 2 || len(reply.Messages) >= maxMessages {
			if err := t.skip(); err != nil {
				return err
			}
			continue
		}
		var one struct {
			Message tstr `json:"1"`
		}
		if err := t.dec.Decode(&one); err != nil {
			return err
		}
		if s := one.Message.S; s != "" {
			reply.Messages = append(reply.Messages, shown([]byte(s)))
		}
	}
	if err := t.delim(']'); err != nil {
		return err
	}
	return t.delim('}')
}

// content reads a set or list of tasks or of names; anything else is skipped.
func (t *tjson) content(reply *Reply) error {
	if err := t.delim('{'); err != nil {
		return err
	}
	kind, err := t.dec.Token()
	if err != nil {
		return err
	}
	if kind != "set" && kind != "lst" {
		if err := t.skip(); err != nil {
			return err
		}
		return t.delim('}')
	}
	if err := t.delim('['); err != nil {
		return err
	}
	var element string
	var count int
	if err := t.dec.Decode(&element); err != nil {
		return err
	}
	if err := t.dec.Decode(&count); err != nil {
		return err
	}
	for t.dec.More() {
		if err := t.element(element, reply); err != nil {
			return err
		}
	}
	if got := len(reply.Tasks) + len(reply.Names); (element == "rec" || element == "str") && got != count {
		return fmt.Errorf("%d elements announced, %d found", count, got)
	}
	if err := t.delim(']'); err != nil {
		return err
	}
	return t.delim('}')
}

func (t *tjson) element(kind string, reply *Reply) error {
	switch kind {
	case "str":
		var s string
		if err := t.dec.Decode(&s); err != nil {
			return err
		}
		if err := t.keep(perTask, s); err != nil {
			return err
		}
		reply.Names = append(reply.Names, s)
		return nil
	case "rec":
		var st scheduledTask
		if err := t.dec.Decode(&st); err != nil {
			return err
		}
		a, k := st.Assigned.Rec, st.Assigned.Rec.Config.Rec.Key.Rec
		task := Task{ID: a.ID.S, Status: st.Status.I, Role: t.name(k.Role.S), Env: t.name(k.Env.S), Job: t.name(k.Name.S)}
		if err := t.keep(perTask, task.ID); err != nil {
			return err
		}
		reply.Tasks = append(reply.Tasks, task)
		return nil
	}
	return t.skip()
}

type tstr struct {
	S string `json:"str"`
}

// scheduledTask is ScheduledTask as far as it is compared, by field number.
type scheduledTask struct {
	Assigned struct {
		Rec struct {
			ID     tstr `json:"1"`
			Config struct {
				Rec struct {
					Key struct {
						Rec struct {
							Role tstr `json:"1"`
							Env  tstr `json:"2"`
							Name tstr `json:"3"`
						} `json:"rec"`
					} `json:"28"`
				} `json:"rec"`
			} `json:"4"`
		} `json:"rec"`
	} `json:"1"`
	Status struct {
		I int `json:"i32"`
	} `json:"2"`
}

// rec reads {"rec":{fields}}.
func (t *tjson) rec(field func(id string) error) error {
	if err := t.delim('{'); err != nil {
		return err
	}
	kind, err := t.dec.Token()
	if err != nil {
		return err
	}
	if kind != "rec" {
		return fmt.Errorf("found type %v, want a struct", kind)
	}
	if err := t.fields(field); err != nil {
		return err
	}
	return t.delim('}')
}

// fields reads {"id":value,…}; field must read the value.
func (t *tjson) fields(field func(id string) error) error {
	if err := t.delim('{'); err != nil {
		return err
	}
	for t.dec.More() {
		tok, err := t.dec.Token()
		if err != nil {
			return err
		}
		id, ok := tok.(string)
		if !ok {
			return fmt.Errorf("found %v, want a field number", tok)
		}
		if err := field(id); err != nil {
			return err
		}
	}
	return t.delim('}')
}

func (t *tjson) skip() error { return t.dec.Skip() }
