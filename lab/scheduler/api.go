package scheduler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"aurorabot/lab/tjson"
)

// Response codes of the API.
const (
	codeOK        = 1
	codeInvalid   = 0
	codeError     = 2
	codeTransient = 6
)

const (
	typeBinary = "application/vnd.apache.thrift.binary"
	typeJSON   = "application/vnd.apache.thrift.json"
)

// readsAs maps a Content-Type to its protocol; any other is refused.
var readsAs = map[string]func([]byte) (message, error){
	"": readJSON, "application/json": readJSON, "application/x-thrift": readJSON, typeJSON: readJSON, typeBinary: readBinary,
}

// serveAPI answers one Thrift call. The protocol of the answer is that which
// Accept names, and TJSON for anything else.
func (s *scheduler) serveAPI(w http.ResponseWriter, r *http.Request) {
	contentType := r.Header.Get("Content-Type")
	read, ok := readsAs[contentType]
	if !ok {
		body := "Unsupported Content-Type: " + strings.Replace(contentType, "charset=utf-8", "charset=UTF-8", 1)
		w.Header()["Content-Type"] = nil // Jetty sends none
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(http.StatusUnsupportedMediaType)
		_, _ = io.WriteString(w, body) // the client has gone
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	time.Sleep(s.knobs.duration("API_DELAY"))
	call, err := read(body)
	if err != nil {
		s.log.warn("qtp", "ServletHandler", " javax.servlet.ServletException: %v", err)
		serverError(w, "/api", fmt.Errorf("javax.servlet.ServletException: %w", err))
		return
	}
	if !s.set.letsIn(r, call.name) {
		w.Header().Set("WWW-Authenticate", `BASIC realm="Apache Aurora Scheduler"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	reply, err := s.answer(call)
	switch {
	case errors.Is(err, errDropped):
		panic(http.ErrAbortHandler) // closes the connection without a word
	case err != nil:
		serverError(w, "/api", fmt.Errorf("javax.servlet.ServletException: %w", err))
		return
	}
	if r.Header.Get("Accept") == typeBinary {
		chunked(w, typeBinary, reply.binary())
		return
	}
	chunked(w, typeJSON, reply.json())
}

// errDropped is a reply that is not to be given.
var errDropped = errors.New("the reply is dropped")

// answer does the call and makes its reply. An error is one that reaches the
// client as an HTTP status, or as no answer.
func (s *scheduler) answer(call message) (message, error) {
	m, known := methods[call.name]
	if !known {
		unknown := record{{1, tjson.String, vString("Invalid method name: '" + call.name + "'")}, {2, tjson.I32, vI32(1)}}
		return message{call.name, 3, call.seq, unknown.encode()}, nil
	}
	args := mustOpen(call.body)
	if call.name == "commitRecovery" && s.knobs.get("COMMIT_FAULT") == faultUnheard {
		die()
	}
	s.log.info("qtp", "LoggingInterceptor", "%s(%s)", call.name, m.show(args))
	res := m.do(s, args)
	var f *fault
	if errors.As(res.err, &f) && (f == errMemory || f == errDepth) {
		return message{}, f
	}
	if errors.Is(res.err, errDropped) {
		return message{}, errDropped
	}
	return message{call.name, 2, call.seq, record{{0, tjson.Struct, s.response(call.name, res)}}.encode()}, nil
}

// A result is what a call came to: the field of the union Result, or an error.
type result struct {
	id   int16 // zero: no result, only OK
	body record
	code int32 // of an error; zero is chosen by the error
	err  error
}

// response is the struct Response.
func (s *scheduler) response(name string, res result) []byte {
	code := int32(codeOK)
	var details [][]byte
	if res.err != nil {
		code = codeError
		switch {
		case res.code != 0:
			code = res.code - 1
		case errors.Is(res.err, errStorage):
			code = codeTransient
		}
		s.log.warn("qtp", "LoggingInterceptor", "Uncaught exception while handling %s() %v\n", name, res.err)
		details = append(details, record{{1, tjson.String, vString(res.err.Error())}}.encode())
	}
	s.mu.Lock()
	s.count.responses[map[int32]string{codeOK: "OK", codeInvalid: "INVALID_REQUEST", codeError: "ERROR", codeTransient: "ERROR_TRANSIENT"}[code]]++
	s.mu.Unlock()
	r := record{{1, tjson.I32, vI32(code)}}
	if res.err == nil && res.id != 0 {
		r = append(r, field{3, tjson.Struct, record{{res.id, tjson.Struct, res.body.encode()}}.encode()})
	}
	server := record{{1, tjson.String, vString(s.set.cluster)}, {3, tjson.String, vString("")}}
	return append(r,
		field{5, tjson.Struct, server.encode()},
		field{6, tjson.List, vElements(tjson.Struct, details)},
	).encode()
}

// A method is one call of the API.
type method struct {
	show func(record) string // its arguments, for the log
	do   func(*scheduler, record) result
}

func none(record) string { return "" }

func showQuery(a record) string { return readQuery(a.sub(1)).String() }

func showText(id int16) func(record) string { return func(a record) string { return a.str(id) } }

// failed is an error result with a code of its own.
func failed(code int32, err error) result { return result{code: code + 1, err: err} }

// methods are the calls that the stand-in knows.
var methods map[string]method

func init() {
	methods = map[string]method{
		"stageRecovery":                     {showText(1), (*scheduler).stageRecovery},
		"queryRecovery":                     {showQuery, (*scheduler).queryRecovery},
		"deleteRecoveryTasks":               {showQuery, (*scheduler).deleteRecoveryTasks},
		"commitRecovery":                    {none, (*scheduler).commitRecovery},
		"unloadRecovery":                    {none, (*scheduler).unloadRecovery},
		"listBackups":                       {none, (*scheduler).listBackups},
		"performBackup":                     {none, (*scheduler).performBackup},
		"snapshot":                          {none, (*scheduler).takeSnapshot},
		"getTasksStatus":                    {showQuery, (*scheduler).getTasksStatus},
		"getTasksWithoutConfigs":            {showQuery, (*scheduler).getTasksWithoutConfigs},
		"getJobs":                           {showText(1), (*scheduler).getJobs},
		"getJobUpdateSummaries":             {none, (*scheduler).getJobUpdateSummaries},
		"getJobUpdateDetails":               {none, (*scheduler).getJobUpdateDetails},
		"getRoleSummary":                    {none, (*scheduler).getRoleSummary},
		"getQuota":                          {showText(1), (*scheduler).getQuota},
		"setQuota":                          {showText(1), (*scheduler).setQuota},
		"maintenanceStatus":                 {none, (*scheduler).maintenanceStatus},
		"createJob":                         {none, (*scheduler).createJob},
		"scheduleCronJob":                   {none, (*scheduler).scheduleCronJob},
		"killTasks":                         {none, (*scheduler).killJob},
		"triggerExplicitTaskReconciliation": {none, (*scheduler).triggerExplicit},
		"triggerImplicitTaskReconciliation": {none, (*scheduler).triggerImplicit},
	}
}

// serveBeta answers /apibeta/METHOD: the same calls in plain JSON, of which the
// stand-in gives the codes, the messages and the lists of backups.
func (s *scheduler) serveBeta(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	if _, known := methods[name]; !known || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	reply, err := s.answer(message{name: name, kind: 1, body: record{}.encode()})
	if err != nil {
		serverError(w, r.URL.Path, err)
		return
	}
	resp := mustOpen(reply.body).sub(0)
	var b bytes.Buffer
	code := map[int32]string{0: "INVALID_REQUEST", 1: "OK", 2: "ERROR", 6: "ERROR_TRANSIENT"}[resp.i32(1)]
	cluster, _ := json.Marshal(s.set.cluster)
	fmt.Fprintf(&b, `{"responseCode":%q,"serverInfo":{"clusterName":%s,"statsUrlPrefix":""}`, code, cluster)
	if list := resp.sub(3).sub(6); list != nil {
		names := []string{}
		for _, e := range list.elements(1) {
			in := reader{b: e}
			names = append(names, string(in.bytes()))
		}
		text, _ := json.Marshal(names)
		fmt.Fprintf(&b, `,"result":{"listBackupsResult":{"backups":%s}}`, text)
	}
	details := []map[string]string{}
	for _, e := range resp.elements(6) {
		details = append(details, map[string]string{"message": mustOpen(e).str(1)})
	}
	text, _ := json.Marshal(details)
	fmt.Fprintf(&b, `,"details":%s}`, text)
	jsonText(w, b.Bytes())
}
