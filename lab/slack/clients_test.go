package slack

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Slack's own clients take the sandbox for Slack: they connect, acknowledge and
// call, and what they do arrives. Run by clients/run.sh, which installs them.
func TestOfficialClients(t *testing.T) {
	if os.Getenv("AURORABOT_CLIENTS") == "" {
		t.Skip("SLACK CLIENTS: SKIPPED (make test-slack-clients installs and runs them)")
	}
	for _, which := range []string{"socket-mode", "bolt"} {
		t.Run(which, func(t *testing.T) {
			opt := options()
			opt.AckWithin = 3 * time.Second
			opt.Shortcuts = []Shortcut{{Name: "Recover from this alert", CallbackID: "recover"}}
			s := start(t, opt)
			c := runClient(t, s, which)
			web := c.next("web")
			if web["user"] != BotUser || web["replies"] != 2.0 || web["refused"] != "invalid_blocks" || !strings.Contains(web["link"].(string), ops) {
				t.Errorf("Web API: %v", web)
			}
			ts := web["ts"].(string)
			t.Logf("%v", c.next("ready"))
			if err := s.Wait(t.Context(), func(st State) bool { return st.Links == 1 }); err != nil {
				t.Fatal(err)
			}
			if out := s.Slash(ann, ops, "status"); !out.OK() {
				t.Errorf("command: %+v", out)
			}
			c.next("command")
			if n := s.Ephemerals(ann); !slices.ContainsFunc(n, func(m Message) bool { return m.Text == "heard status" }) {
				t.Errorf("notes %v", n)
			}
			if out := s.Press(bob, ops, ts, "approve", "r1"); !out.OK() {
				t.Errorf("press: %+v", out)
			}
			if got := c.next("action"); got["user"] != bob {
				t.Errorf("press of %v", got)
			}
			s.Say(ann, ops, "", "<@"+BotUser+"> hello")
			c.next("mention")
			s.OpenHome(ann)
			c.next("home")
			if which != "bolt" {
				return
			}
			if out := s.MessageShortcut(ann, ops, ts, "recover"); !out.OK() {
				t.Errorf("shortcut: %+v", out)
			}
			c.next("shortcut")
			v := s.Views(bob)
			if len(v) != 1 {
				t.Fatalf("%d modals, want one", len(v))
			}
			if out := s.Submit(bob, v[0].ID, map[string]string{"typed": "prod"}); out.Errors["typed"] == "" {
				t.Errorf("wrong name: %+v", out)
			}
			if out := s.Submit(bob, v[0].ID, map[string]string{"typed": "lab"}); !out.OK() {
				t.Errorf("right name: %+v", out)
			}
			if v, ok := s.Home(ann); !ok || !strings.Contains(string(v.Body), "Home of bolt") {
				t.Errorf("home %s", v.Body)
			}
			// A link that is exchanged is opened anew by the client itself.
			before := s.Socket().Opens
			s.DisconnectOne("refresh_requested")
			if err := s.Wait(t.Context(), func(st State) bool { return st.Opens > before && st.Links == 1 }); err != nil {
				t.Fatal(err)
			}
			if out := s.Slash(ann, ops, "again"); !out.OK() {
				t.Errorf("command after the exchange: %+v", out)
			}
		})
	}
}

// Every golden message, under rules that were written from Slack's documentation
// in another language, and what those rules find of seeded mistakes. The clients
// themselves need a net; this needs Python alone.
func TestGoldensUnderOtherRules(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("OTHER RULES: SKIPPED (no python3)")
	}
	files, err := filepath.Glob("../../handlers/view/testdata/slack-*.golden.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("goldens: %v, %v", files, err)
	}
	files = append(files, "../../bot/testdata/words.golden.json")
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), python, args...)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
		return out
	}
	seeded := filepath.Join(t.TempDir(), "mistakes.jsonl")
	if err := os.WriteFile(seeded, run("clients/mistakes.py"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{files, {"--mistakes", seeded}} {
		t.Logf("%s", run(append([]string{"clients/check.py"}, args...)...))
	}
	judge(t, seeded)
}

// A program is one of the clients at work.
type program struct {
	*testing.T
	lines chan map[string]any
}

func runClient(t *testing.T, s *Server, which string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "client.mjs", which)
	cmd.Dir = filepath.Join("clients")
	cmd.Env = append(os.Environ(), "SLACK_API_URL="+s.APIURL(), "SLACK_BOT_TOKEN="+s.BotToken(), "SLACK_APP_TOKEN="+s.AppToken(), "SLACK_CHANNEL="+ops)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{t, make(chan map[string]any, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var m map[string]any
			if json.Unmarshal(lines.Bytes(), &m) == nil {
				p.lines <- m
			}
		}
		close(p.lines)
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait() // It was killed.
		if t.Failed() {
			t.Logf("standard error of %s:\n%s", which, errs.String())
		}
	})
	return p
}

// next waits until the client tells what.
func (p *program) next(what string) map[string]any {
	p.Helper()
	for {
		select {
		case m, ok := <-p.lines:
			if !ok {
				p.Fatalf("the client ended before it told %q", what)
			}
			if m["what"] == what {
				return m
			}
		case <-time.After(30 * time.Second):
			p.Fatalf("the client never told %q", what)
		}
	}
}
