package simulation

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Dial opens a connection to what listens on the host: the scheduler's HTTP
// port, or the Mesos master.
func (v *view) Dial(ctx context.Context, address string) (net.Conn, error) {
	var err error
	if err := wait(ctx, 10*time.Millisecond); err != nil {
		return nil, err
	}
	v.h.w.turns.take(v.h.name+" dial "+address, func() {
		switch {
		case v.bot.dead:
			err = errDead
		case v.h.down() || v.h.w.fate.strikes("dial"):
			err = fmt.Errorf("dial %s: connection timed out", v.h.name)
		case address == mesosAddress:
		case v.h.w.hostAt(address) != nil:
			err = v.h.w.hostAt(address).reached(address)
		case v.h.listener() == nil:
			err = fmt.Errorf("dial %s on %s: connection refused", address, v.h.name)
		}
	})
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	go v.serve(far, address)
	return near, nil
}

// reached is what a connection to a port of the host meets, seen from another one.
func (h *host) reached(address string) error {
	open := h.listener() != nil
	if strings.HasSuffix(address, ":8083") {
		open = slices.ContainsFunc(h.procs, func(p *process) bool { return p.alive && p.opened })
	}
	switch {
	case h.down():
		return fmt.Errorf("dial %s: connection timed out", address)
	case !open:
		return fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	}
	return nil
}

// listener is the process that has the HTTP port.
func (h *host) listener() *process {
	for _, p := range h.procs {
		if p.alive && p.http {
			return p
		}
	}
	return nil
}

// serve answers one request.
func (v *view) serve(conn net.Conn, address string) {
	defer conn.Close()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	status, text, err := 0, "", error(nil)
	w := v.h.w
	w.turns.take(v.h.name+" http "+req.URL.Path+string(body), func() {
		if v.bot.dead {
			err = errDead
			return
		}
		w.mishap()
		if v.bot.dead || v.h.down() {
			err = errDead
			return
		}
		lost := false
		if f := w.fate.callFault(string(body)); f == "lost" {
			lost = true
		} else if f == "never" {
			w.tell("fault", "%s: %s %s never arrives", v.h.name, req.URL.Path, method(body))
			err = errDead
			return
		}
		status, text = v.answer(req, body, address)
		if status == 0 {
			err = errors.New("nobody listens")
		}
		if lost {
			w.tell("fault", "%s: the answer to %s %s is lost", v.h.name, req.URL.Path, method(body))
			err = errDead
		}
	})
	if err != nil || status == 0 {
		return
	}
	resp := &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)), Close: true,
		Header: http.Header{"Content-Type": {"text/plain"}},
	}
	var out bytes.Buffer
	if resp.Write(&out) != nil {
		return
	}
	conn.Write(out.Bytes()) // The other side may be gone.
}

func method(body []byte) string {
	var parts []json.RawMessage
	if json.Unmarshal(body, &parts) != nil || len(parts) < 2 {
		return ""
	}
	return strings.Trim(string(parts[1]), `"`)
}

// answer is what the scheduler (or the Mesos master) answers.
func (v *view) answer(req *http.Request, body []byte, address string) (int, string) {
	if address == mesosAddress {
		return 200, v.h.w.mesosTasks()
	}
	p := v.h.listener()
	if p == nil {
		return 0, ""
	}
	switch req.URL.Path {
	case "/vars":
		return 200, p.vars()
	case "/leaderhealth":
		switch {
		case p.phase == "ACTIVE":
			return 200, ""
		case p.h.w.active() != nil:
			return 503, ""
		}
		return 502, ""
	case "/api":
		return 200, p.api(body)
	}
	return 404, ""
}

// active is the leader that is registered with Mesos.
func (w *world) active() *process {
	for _, p := range w.running() {
		if p.phase == "ACTIVE" && !p.closed {
			return p
		}
	}
	return nil
}

func (p *process) vars() string {
	var b strings.Builder
	for _, s := range []string{"IDLE", "PREPARING_STORAGE", "STORAGE_PREPARED", "LEADER_AWAITING_REGISTRATION", "ACTIVE", "DEAD"} {
		on := 0
		if s == p.phase {
			on = 1
		}
		fmt.Fprintf(&b, "scheduler_lifecycle_%s %d\n", s, on)
	}
	registered := 0
	if p.phase == "ACTIVE" {
		registered = 1
	}
	fmt.Fprintf(&b, "framework_registered %d\njvm_uptime_secs %d\nscheduler_log_snapshots %d\n", registered, int(p.h.w.now().Add(p.h.skew).Sub(p.since).Seconds()), p.wrote)
	return b.String()
}

// api answers a call in Thrift's JSON.
func (p *process) api(body []byte) string {
	var parts []json.RawMessage
	if err := json.Unmarshal(body, &parts); err != nil || len(parts) != 5 {
		return "[1,\"?\",3,1,{}]"
	}
	var a answer
	name := method(body)
	switch name {
	case "deleteRecoveryTasks":
		var arg map[string]struct {
			Rec map[string]struct {
				Set []json.RawMessage `json:"set"`
			} `json:"rec"`
		}
		var ids []string
		if json.Unmarshal(parts[4], &arg) == nil {
			for _, raw := range arg["1"].Rec["4"].Set[2:] {
				var id string
				if json.Unmarshal(raw, &id) == nil {
					ids = append(ids, id)
				}
			}
		}
		a = p.delete(ids, "bot")
	case "stageRecovery":
		var arg map[string]struct {
			Str string `json:"str"`
		}
		if err := json.Unmarshal(parts[4], &arg); err != nil {
			return "[1,\"?\",3,1,{}]"
		}
		a = p.call(name, arg["1"].Str, "bot")
	default:
		a = p.call(name, "", "bot")
	}
	result := ""
	if a.code == "OK" && (name == "queryRecovery" || name == "getTasksWithoutConfigs") {
		var tasks []string
		for _, id := range a.tasks {
			tasks = append(tasks, fmt.Sprintf(`{"1":{"rec":{"1":{"str":%q},"4":{"rec":{"28":{"rec":{"1":{"str":"ads"},"2":{"str":"prod"},"3":{"str":"web"}}}}}}},"2":{"i32":2}}`, id))
		}
		result = fmt.Sprintf(`"3":{"rec":{"1":{"rec":{"1":{"set":["rec",%d%s]}}}}},`, len(tasks), prefixed(tasks))
	}
	return fmt.Sprintf(`[1,%q,2,1,{"0":{"rec":{"1":{"i32":%d},%s"6":{"lst":["rec",1,{"1":{"str":%q}}]}}}}]`, name, a.number(), result, a.words)
}

func prefixed(list []string) string {
	s := ""
	for _, e := range list {
		s += "," + e
	}
	return s
}

// mesosTasks is what the Mesos master says of the framework's tasks.
func (w *world) mesosTasks() string {
	var b strings.Builder
	b.WriteString(`{"tasks":[`)
	for i, id := range w.truth.real.ids() {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"id":%q,"framework_id":%q,"slave_id":"a1","state":"TASK_RUNNING"}`, id, frameworkID)
	}
	b.WriteString("]}")
	return b.String()
}
