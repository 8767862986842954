package slack

import (
	"encoding/json"
	"time"
)

// What becomes of something that a person does.
const (
	Acked          = "ack"               // The app acknowledged it in time.
	DispatchFailed = "dispatch_failed"   // There was no link to the app.
	TimedOut       = "operation_timeout" // The app did not acknowledge it within 3 s.
	Refused        = "refused"           // Slack did not let the person do it; Why says so. Nothing was sent to the app.
	Incomplete     = "incomplete"        // A modal lacks required input; Errors says which. Nothing was sent.
	BadResponse    = "invalid_response"  // The app acknowledged it with something that Slack does not take; Why says what.
)

// An Outcome is what a person sees after an act.
type Outcome struct {
	Result     string            `json:"result"`            // One of the constants.
	Why        string            `json:"why,omitempty"`     // For Refused and BadResponse.
	Payload    json.RawMessage   `json:"payload,omitempty"` // What the app acknowledged with. Nil means nothing.
	Errors     map[string]string `json:"errors,omitempty"`  // By block_id: what the modal says at each input.
	EnvelopeID string            `json:"envelope_id,omitempty"`
	Took       time.Duration     `json:"took"` // From sending to the acknowledgement.
}

// OK says that the app took the act, and had nothing to object.
func (o Outcome) OK() bool { return o.Result == Acked && len(o.Errors) == 0 }

func refused(why string) Outcome { return Outcome{Result: Refused, Why: why} }

// envelope is one that waits for its acknowledgement.
type envelope struct {
	link  *link
	acked chan json.RawMessage
}

// deliver sends a frame of Socket Mode to one link and waits for its
// acknowledgement. A link that cannot be written to is passed over.
func (s *Server) deliver(frame map[string]any) Outcome {
	k, id := &s.socket, uuid()
	frame["envelope_id"] = id
	e := &envelope{acked: make(chan json.RawMessage, 1)}
	began, tried := time.Now(), map[*link]bool{}
	for {
		l := k.turn(tried)
		if l == nil {
			k.forget(id)
			return Outcome{Result: DispatchFailed, EnvelopeID: id}
		}
		k.expect(id, e, l)
		if l.write(frame) == nil {
			break
		}
		tried[l] = true
		l.conn.Close()
	}
	k.mu.Lock()
	k.stats.Sent++
	k.mu.Unlock()
	t := time.NewTimer(s.opt.AckWithin)
	defer t.Stop()
	out := Outcome{Result: TimedOut, EnvelopeID: id}
	select {
	case out.Payload = <-e.acked:
		out.Result = Acked
	case <-t.C:
	case <-s.ctx.Done():
	}
	out.Took = time.Since(began)
	k.forget(id)
	return out
}

func (k *socket) expect(id string, e *envelope, l *link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == nil {
		k.pending = map[string]*envelope{}
	}
	e.link = l
	k.pending[id] = e
}

func (k *socket) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.pending, id)
}

// Deliver sends an envelope of any type and payload, known to Slack or not,
// and waits for its acknowledgement. It is not sent again.
func (s *Server) Deliver(kind string, payload any) Outcome {
	return s.deliver(map[string]any{"type": kind, "accepts_response_payload": false, "payload": payload})
}

// interact sends an interactive payload.
func (s *Server) interact(payload map[string]any, accepts bool) Outcome {
	return s.deliver(map[string]any{"type": "interactive", "accepts_response_payload": accepts, "payload": payload})
}
