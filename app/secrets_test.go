package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/policy"
	"aurorabot/runner"
)

// canaries are secrets of every kind that the bot may come across: each holds
// the same letters, which stand nowhere else.
var canaries = []string{
	"xoxb-c4n4ry-1", "xapp-c4n4ry-1", "-zk_digest_credentials=mesos:c4n4ry", `ZK_DIGEST_CREDENTIALS="mesos:c4n4ry"`, "zk://user:c4n4ry@zk1:2181/mesos",
	"Authorization: Basic c4n4ryc4n4ryc4n4ry==", "https://hooks.slack.com/commands/c4n4ry", "--password c4n4ry",
	"-----BEGIN OPENSSH PRIVATE KEY-----\nc4n4ry\n-----END OPENSSH PRIVATE KEY-----",
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What hosts, people and errors say goes through every sink: journal, copy of the
// audit, log, answers as text and as data, the incident pack, the error output.
// No secret comes out anywhere, nor lies in any file of the state folder.
func TestNoSecretLeaks(t *testing.T) {
	a := wired(t)
	var log lockedBuffer
	a.w.Err = &log
	copyFile := filepath.Join(t.TempDir(), "copy.jsonl")
	a.cfg.Audit.CopyFile = copyFile
	a.close()
	a, err := wire(a.cfg, a.w)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	all := strings.Join(canaries, "\n")
	a.service.Clusters[0].Tasks = func(context.Context, *runner.State) ([]string, error) { return canaries, nil }
	who := policy.Actor{TeamID: "T0", UserID: "U1"}
	var out bytes.Buffer
	say := func(r handlers.Response) {
		fmt.Fprintf(&out, "%s\n%+v\n", view.Text(r.Message), r.Message)
		if r.Data != nil {
			raw, isRaw := r.Data.([]byte)
			if !isRaw {
				raw = fmt.Append(nil, r.Data)
			}
			out.Write(raw)
		}
	}
	run := "devcluster-1"
	data, err := jsonOf(map[string]any{"cluster": "devcluster", "reason": all, "recipe": "staged"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []runner.Event{
		{Kind: runner.RunRequested, Who: "T0/U1", Data: data},
		{Kind: runner.StepFailed, Step: "prepare/look", Host: "s1", Why: all, Facts: data, Receipt: data},
		{Kind: runner.RunStopped, Why: all, Data: data},
	} {
		if _, err := a.service.Engine.Append(run, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{"backups devcluster", "tasks " + run, "history", "export " + run, "status", "audit verify", "nonsense " + canaries[0], "deny " + run + " --reason " + canaries[1], "undo x" + canaries[0]} {
		say(a.service.Handle(t.Context(), handlers.Request{Actor: who, Channel: "cli", Words: strings.Split(words, " "), At: time.Now()}))
	}
	say(a.service.Handle(t.Context(), handlers.Request{Actor: policy.Actor{TeamID: "T9", UserID: "U9"}, Channel: "C1", Words: append([]string{"recover", "devcluster"}, canaries...)}))
	if screens, err := a.service.Screens(run); err != nil {
		t.Error(err)
	} else {
		fmt.Fprintf(&out, "%+v", screens)
	}
	for _, c := range canaries {
		a.log.Error(c, "err", fmt.Errorf("x: %w", errors.New(c)), "value", c, "list", []string{c})
		a.w.fail(errors.New(c))
		a.w.hinted(fmt.Errorf("%s: %w", c, fs.ErrNotExist), "hint")
	}
	a.close()
	if strings.Contains(out.String(), "c4n4ry") {
		t.Errorf("answers: %s", around(out.String()))
	}
	if strings.Contains(log.String(), "c4n4ry") || !strings.Contains(log.String(), "REDACTED") {
		t.Errorf("log: %s", around(log.String()))
	}
	files := 0
	for _, root := range []string{a.cfg.StateDir, filepath.Dir(copyFile)} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte("c4n4ry")) {
				t.Errorf("%s: %s", path, around(string(text)))
			}
			files++
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 4 {
		t.Errorf("only %d files were looked at", files)
	}
}

// around shows where in a text the first secret stands.
func around(s string) string {
	i := strings.Index(s, "c4n4ry")
	return s[max(0, i-200):min(len(s), max(i, 0)+100)]
}

// Exchanged tokens count after a hang-up: the bot that serves connects with
// them, and nothing else of the file is taken.
func TestTokensAreReadAgain(t *testing.T) {
	slack, err := sandbox.Start(t.Context(), sandbox.Options{Team: sandbox.Team{ID: "T0", Domain: "x", Name: "x"}, Users: []sandbox.User{{ID: "U1", Name: "ann"}}, Channels: []sandbox.Channel{{ID: "C0", Name: "ops", Members: []string{"U1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer slack.Close()
	// Slack knows two pairs of tokens; the sandbox one. Between them this stands.
	var mu sync.Mutex
	seen := map[string]int{}
	revoked := "" // Tokens that hold this are let in no more.
	to, err := url.Parse(slack.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text, auth := string(body), r.Header.Get("Authorization")
		mu.Lock()
		deny := revoked != "" && strings.Contains(text+auth, revoked) && strings.HasSuffix(r.URL.Path, "/apps.connections.open")
		mu.Unlock()
		if deny {
			fmt.Fprint(w, `{"ok":false,"error":"missing_scope","needed":"connections:write","provided":"authorizations:read"}`)
			return
		}
		for _, generation := range []string{"old", "new", "third"} {
			for token, real := range map[string]string{"xoxb-" + generation: slack.BotToken(), "xapp-" + generation: slack.AppToken()} {
				if strings.Contains(text+auth, token) {
					mu.Lock()
					seen[token]++
					mu.Unlock()
				}
				text, auth = strings.ReplaceAll(text, token, real), strings.ReplaceAll(auth, token, real)
			}
		}
		r.Header.Set("Authorization", auth)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()

	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"key": "", "known_hosts": "", "bot": "xoxb-old", "app": "xapp-old"} {
		write(name, text)
	}
	api := front.URL + "/" + strings.TrimPrefix(strings.TrimPrefix(slack.APIURL(), slack.URL()), "/")
	write("aurorabot.yaml", `state_dir: state
slack: {api_url: "`+api+`", bot_token_file: bot, app_token_file: app}
ssh: {key_files: [key], known_hosts: [known_hosts]}
clusters: {dev: {version: 0.22.0, schedulers: [{name: s1, address: "127.0.0.1:1"}]}}
policy:
  teams: [T0]
  lists: {sre: [U1, U2]}
  access: [{name: sre, who: [sre], channels: ["*"], clusters: ["*"], may: [read]}]
  gates: {commit: {factors: [{count: 2, of: [sre]}]}}
`)
	hup := make(chan os.Signal)
	var log lockedBuffer
	w := World{In: strings.NewReader(""), Out: io.Discard, Err: &log, Now: time.Now, Env: func(string) string { return "" }, Hup: func() <-chan os.Signal { return hup }}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, []string{"serve", "--config", filepath.Join(dir, "aurorabot.yaml")}, w) }()
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
			select {
			case <-ended:
				t.Fatalf("%s: the bot ended: %s", what, log.String())
			default:
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %s", what, log.String())
			}
		}
	}
	up := func() bool { return slack.Socket().Links > 0 }
	until("first links", up)
	hup <- os.Interrupt // Nothing changed: it stays as it is.
	until("says so", func() bool { return strings.Contains(log.String(), "the tokens are the same") })
	write("bot", "xoxb-new")
	write("app", "no token")
	hup <- os.Interrupt
	until("refuses", func() bool { return strings.Contains(log.String(), "the tokens stay as they are") })
	mu.Lock()
	if seen["xoxb-new"] > 0 {
		t.Error("half of a pair was taken")
	}
	mu.Unlock()
	write("app", "xapp-new")
	hup <- os.Interrupt
	until("new tokens", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return seen["xoxb-new"] > 0 && seen["xapp-new"] > 0
	})
	until("links again", up)
	mu.Lock()
	old := seen["xoxb-old"] + seen["xapp-old"]
	mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	mu.Lock()
	if seen["xoxb-old"]+seen["xapp-old"] != old {
		t.Error("the old tokens are still in use")
	}
	revoked = "-new"
	mu.Unlock()
	slack.Kill()
	until("continues without Slack", func() bool { return strings.Contains(log.String(), "it continues without Slack") })
	if conn, err := net.Dial("unix", filepath.Join(dir, "state", "aurorabot.sock")); err != nil {
		t.Errorf("the command line is not served any more: %v", err)
	} else {
		conn.Close()
	}
	for _, said := range []string{"app-level token", "the file " + filepath.Join(dir, "app") + " ", "connections:write", "systemctl kill -s HUP aurorabot"} {
		if !strings.Contains(log.String(), said) {
			t.Errorf("the log does not say %q", said)
		}
	}
	write("bot", "xoxb-wrong") // A token that Slack never let in does not end the bot that it did let in before.
	hup <- os.Interrupt
	until("continues without Slack as before", func() bool { return strings.Count(log.String(), "it continues without Slack") == 2 })
	if said := "the file " + filepath.Join(dir, "bot") + " "; !strings.Contains(log.String(), said) {
		t.Errorf("the log does not say %q", said)
	}
	write("bot", "xoxb-third")
	write("app", "xapp-third")
	hup <- os.Interrupt
	until("links with the third tokens", up)
	stop()
	if exit := <-ended; exit != handlers.ExitDone {
		t.Errorf("exit status %d: %s", exit, log.String())
	}
	if strings.Contains(log.String(), "xoxb-new") || strings.Contains(log.String(), "xapp-new") || strings.Contains(log.String(), "-old") {
		t.Errorf("the log shows a token: %s", log.String())
	}
}

func jsonOf(v any) ([]byte, error) { return json.Marshal(v) }
