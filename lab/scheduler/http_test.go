package scheduler

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/shell"
)

// uncovered are recorded requests whose answers the stand-in does not give.
var uncovered = map[string]string{
	"get-state": "/state, a dump of Java objects", "get-agents": "/agents, a web page",
	"get-vars": "compared by name below", "get-vars.json": "compared by name below",
}

// A recorded answer: status, the headers that mean something, the body.
type recorded struct {
	status int
	head   http.Header
	body   []byte
}

func parseRecorded(t *testing.T, head, body []byte) recorded {
	t.Helper()
	head = bytes.TrimRight(head, "\r\n")
	// A "100 Continue" before the answer is the client's doing.
	if i := bytes.LastIndex(head, []byte("HTTP/1.1 ")); i > 0 {
		head = head[i:]
	}
	r, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\r\n\r\n"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	return recorded{r.StatusCode, r.Header, body}
}

// replayRequest sends a recorded curl line to a node.
func replayRequest(t *testing.T, n *node, line string, files map[string][]byte) recorded {
	t.Helper()
	words, err := shell.Fields(strings.TrimSpace(line), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	verb, url := words[0], words[1]
	i := strings.Index(url, ":8081")
	var body []byte
	head := http.Header{}
	formless := false
	for w := words[2:]; len(w) > 0; w = w[2:] {
		switch w[0] {
		case "-H":
			k, v, _ := strings.Cut(w[1], ":")
			if v = strings.TrimSpace(v); v != "" {
				head.Set(k, v)
			} else {
				formless = true
			}
		case "-d", "--data-binary":
			body = []byte(w[1])
			if f, ok := strings.CutPrefix(w[1], "@/lab/golden/http/"); ok {
				body = files[f]
			}
		default:
			t.Fatalf("recorded request %q: word %q", line, w[0])
		}
	}
	if verb == http.MethodPost && head.Get("Content-Type") == "" && !formless {
		head.Set("Content-Type", "application/x-www-form-urlencoded") // what curl sends
	}
	if head.Get("Accept") == "" {
		head.Set("Accept", "*/*")
	}
	req, err := http.NewRequest(verb, n.url(url[i+len(":8081"):]), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = head
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return recorded{resp.StatusCode, resp.Header, b}
}

// canonical is a body in a form in which the order of sets does not matter.
func canonical(t *testing.T, r recorded) string {
	t.Helper()
	body := r.body
	if r.head.Get("Content-Type") == typeBinary {
		m, err := readBinary(body)
		if err != nil {
			return "undecodable"
		}
		body = m.json()
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	b, err := json.Marshal(sorted(v))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sorted orders the elements of TJSON sets and lists, and of plain lists.
func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = sorted(v[k])
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i])
		}
		if len(v) > 0 && v[0] == float64(1) { // the message itself
			return v
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

// compareRecorded says where an answer is not the recorded one. own maps our
// addresses to the recorded ones.
func compareRecorded(t *testing.T, name string, got, want recorded, own *strings.Replacer) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("%s: status %d, want %d", name, got.status, want.status)
		return
	}
	for _, h := range []string{"Content-Type", "Location", "Vary", "Server", "Cache-Control"} {
		if g, w := own.Replace(got.head.Get(h)), want.head.Get(h); g != w {
			t.Errorf("%s: %s: %q, want %q", name, h, g, w)
		}
	}
	w := canonical(t, want)
	if w == "undecodable" { // the recorder shortened a path in it; its JSON twin is compared
		w = own.Replace(canonical(t, got))
	}
	if g := own.Replace(canonical(t, got)); g != w || g == "undecodable" {
		at := 0
		for at < len(g) && at < len(w) && g[at] == w[at] {
			at++
		}
		from := max(0, at-80)
		t.Errorf("%s: body differs at %d:\n got …%.260s\nwant …%.260s", name, at, g[from:], w[from:])
	}
}

// replayFolder sends every recorded request of a folder to a node.
func replayFolder(t *testing.T, n *node, dir string, files map[string][]byte, own *strings.Replacer) {
	t.Helper()
	var names []string
	for f := range files {
		if path.Dir(f) == dir && strings.HasSuffix(f, ".request.txt") {
			names = append(names, strings.TrimSuffix(f, ".request.txt"))
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(order(a), order(b)) })
	if len(names) == 0 {
		t.Fatalf("no recordings in %s", dir)
	}
	for _, name := range names {
		if uncovered[path.Base(name)] != "" {
			continue
		}
		got := replayRequest(t, n, string(files[name+".request.txt"]), files)
		want := parseRecorded(t, files[name+".response-head.txt"], files[name+".response-body"])
		compareRecorded(t, name, got, want, own)
	}
}

// order puts the calls of a folder as they were recorded: stage before query,
// unload last, json before binary.
func order(name string) string {
	base := path.Base(name)
	rank := "5"
	for i, p := range []string{"stage", "delete", "query", "commit"} {
		if strings.HasPrefix(base, p) {
			rank = fmt.Sprint(i)
		}
	}
	if strings.HasPrefix(base, "unload") {
		rank = "9"
	}
	if strings.HasSuffix(base, ".binary") {
		base += "~"
	}
	return rank + strings.ReplaceAll(base, ".json", ".0")
}

// recordedCluster is a cluster with the recorded state: the small backup, with
// a changed quota where the recording has one, and the recorded files.
func recordedCluster(t *testing.T, masterAddress func(*cluster) string, setUp func(*node)) (c *cluster, leader, other *node, own *strings.Replacer, files map[string][]byte) {
	t.Helper()
	files = unpack(t, read(t, "testdata/http.tar.gz"))
	small := read(t, "testdata/"+smallBackup)
	c = newCluster(t, 2, small)
	address := masterAddress(c)
	c.nodes[0].start(address)
	c.wait("candidate 1", func() bool { return strings.Contains(c.zk.Dump("/aurora"), "-lock-") })
	c.nodes[1].start(address)
	state := stateAwaiting
	if address != fakeMaster {
		state = stateActive
	}
	leader = c.leader(state)
	other = c.nodes[1]
	if leader != c.nodes[0] {
		t.Fatal("the first candidate does not lead")
	}
	setUp(leader)
	if err := os.WriteFile(other.path("backups", smallBackup), small, 0o644); err != nil {
		t.Fatal(err)
	}
	own = strings.NewReplacer(
		fmt.Sprintf("%s:%d", leader.ip, leader.http), "127.0.0.11:8081", leader.path("backups"), "/lab/host1/backups",
		fmt.Sprintf("%s:%d", other.ip, other.http), "127.0.0.12:8081",
	)
	return c, leader, other, own, files
}

// plant makes the files that a recorded list of backups names.
func plant(t *testing.T, n *node, list recorded) {
	t.Helper()
	small := read(t, "testdata/"+smallBackup)
	m, err := readJSON(list.body)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range mustOpen(m.body).sub(0).sub(3).sub(6).elements(1) {
		in := reader{b: e}
		name := string(in.bytes())
		data := small
		if name == "scheduler-backup-2026-11-22-10-01" { // cut in half
			data = small[:len(small)/2]
		}
		if name == "somedir" {
			err = os.MkdirAll(n.path("backups", name), 0o755)
		} else {
			err = os.WriteFile(n.path("backups", name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every recorded request to schedulers that are disabled gets the recorded
// answer.
func TestRecordedHTTPWhileDisabled(t *testing.T) {
	_, leader, other, own, files := recordedCluster(t, func(*cluster) string { return fakeMaster }, func(n *node) {
		n.ok("setQuota", `{"1":{"str":"ads"},"2":{"rec":{"4":{"set":["rec",3,{"3":{"i64":1048576}},{"2":{"i64":65536}},{"1":{"dbl":60.0}}]}}}}`)
	})
	plant(t, leader, recorded{body: files["prepared/leader-calls-bypass/1-nothing-staged/listBackups.json.response-body"]})
	replayFolder(t, leader, "prepared/leader", files, own)
	replayFolder(t, other, "prepared/non-leader", files, own)
	replayFolder(t, leader, "prepared/leader-content-types-bypass", files, own)
	replayFolder(t, leader, "prepared/leader-content-types-nobypass", files, own)
	for _, step := range []string{"1-nothing-staged", "2-stage", "3-staged", "4-delete", "5-unload"} {
		replayFolder(t, leader, "prepared/leader-calls-bypass/"+step, files, own)
	}
	replayFolder(t, other, "prepared/non-leader-calls-bypass", files, own)
}

// Every recorded request to an active cluster gets the recorded answer.
func TestRecordedHTTPWhileActive(t *testing.T) {
	_, leader, other, own, files := recordedCluster(t, func(c *cluster) string {
		c.startMaster()
		return "zk://" + c.zk.Addr() + "/mesos"
	}, func(*node) {})
	plant(t, leader, recorded{body: files["active/leader-calls/1-nothing-staged/listBackups.json.response-body"]})
	other.c.wait("the leader to be known", func() bool {
		a, _ := leader.get("/leaderhealth")
		b, _ := other.get("/leaderhealth")
		return a == http.StatusOK && b == http.StatusServiceUnavailable
	})
	for _, dir := range []string{"leader", "leader-content-types"} {
		replayFolder(t, leader, "active/"+dir, files, own)
	}
	for _, dir := range []string{"non-leader", "non-leader-redirect", "non-leader-calls", "non-leader-calls-bypass"} {
		replayFolder(t, other, "active/"+dir, files, own)
	}
	for _, step := range []string{"1-nothing-staged", "2-stage", "3-staged", "4-delete", "5-unload"} {
		replayFolder(t, leader, "active/leader-calls/"+step, files, own)
	}
}

// The variables of the stand-in have the names of real ones, in the same form.
func TestVarsAreRealNames(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.start(fakeMaster)
	leader := c.leader(stateAwaiting)
	files := unpack(t, read(t, "testdata/http.tar.gz"))
	real := map[string]bool{}
	for _, f := range []string{"active/leader/get-vars.response-body", "active/non-leader/get-vars.response-body", "prepared/leader/get-vars.response-body"} {
		for _, line := range strings.Split(string(files[f]), "\n") {
			name, _, _ := strings.Cut(line, " ")
			real[name] = true
		}
	}
	_, body := leader.get("/vars")
	lines := strings.Split(body, "\n")
	if !slices.IsSorted(lines) {
		t.Error("/vars is not in the order of its names")
	}
	for _, line := range lines {
		name, _, ok := strings.Cut(line, " ")
		if !ok || !real[name] && !strings.HasPrefix(name, "scheduler_thrift_response_") {
			t.Errorf("/vars has %q, which no recording has", line)
		}
	}
	var asJSON map[string]any
	_, text := leader.get("/vars.json")
	if err := json.Unmarshal([]byte(text), &asJSON); err != nil || len(asJSON) < len(lines)-2 {
		t.Errorf("/vars.json: %v, %d names; /vars has %d", err, len(asJSON), len(lines))
	}
}
