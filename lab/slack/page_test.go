package slack

import (
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

var shots = flag.String("shots", "", "folder to write screenshots of the page into")

func postText(url, text string) (int, error) {
	req, err := http.NewRequest("POST", url, strings.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Close = true
	req.Header.Set("Content-Type", "text/plain")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, nil
}

// browser starts a headless Chromium of 1280x800, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("AURORABOT_REAL") != "" {
			t.Fatal("no chromium is installed: apt-get install chromium")
		}
		t.Skip("needs chromium (apt-get install chromium)")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 800),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel2 := chromedp.NewContext(alloc)
	ctx, cancel3 := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && ctx.Err() == nil {
			t.Logf("closing the browser: %v", err)
		}
		cancel3()
		cancel2()
		cancel()
	})
	return ctx
}

// tab is a page under test.
type tab struct {
	*testing.T
	ctx context.Context
}

func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

func (b tab) click(sel string) { b.Helper(); b.do(chromedp.Click(chromedp.CSS(sel))) }

func (b tab) keys(sel, keys string) { b.Helper(); b.do(chromedp.SendKeys(chromedp.CSS(sel), keys)) }

// until waits for an expression of the page to hold.
func (b tab) until(js string) {
	b.Helper()
	for range 200 {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		if err != nil {
			b.Fatal(err)
		}
		if ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatalf("never held on the page: %s", js)
}

// text is what can be read in an element.
func (b tab) text(sel string) string {
	b.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.querySelector(`"+sel+"`).innerText"))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (b tab) sees(sel string, want ...string) {
	b.Helper()
	body := b.text(sel)
	for _, w := range want {
		if !strings.Contains(body, w) {
			b.Errorf("%s lacks %q:\n%s", sel, w, body)
		}
	}
}

// become changes who one is.
func (b tab) become(user string) {
	b.Helper()
	b.until("(p => { p.value = `" + user + "`; p.dispatchEvent(new Event('change')); return true })(document.getElementById('person'))")
	b.until("new URL(location).searchParams.get('as') === `" + user + "`")
}

func (b tab) shot(name string) {
	b.Helper()
	if *shots == "" {
		return
	}
	b.do(chromedp.Sleep(300 * time.Millisecond))
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

// On the page one types a command, presses buttons, fills a modal and changes
// who one is; each sees what is theirs, and no text becomes markup.
func TestPage(t *testing.T) {
	b := tab{t, browser(t)}
	b.do(chromedp.EmulateViewport(1280, 800))
	opt := options()
	opt.AckWithin = 3 * time.Second
	opt.Shortcuts = []Shortcut{{Name: "Recover from this alert", CallbackID: "recover"}, {Name: "Open an incident", CallbackID: "open", Global: true}}
	s := start(t, opt)
	acts := make(chan string, 20)
	connect(t, s, client(t, s), func(sm *socketmode.Client, ev socketmode.Event) {
		switch d := ev.Data.(type) {
		case slack.SlashCommand:
			acts <- "command " + d.Text
			sm.Ack(*ev.Request, map[string]any{"text": "on it: " + d.Text})
			return
		case slack.InteractionCallback:
			switch d.Type {
			case slack.InteractionTypeViewSubmission:
				name := d.View.State.Values["cluster"]["name"].Value
				acts <- "submit " + name
				if name != "devcluster" {
					sm.Ack(*ev.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"cluster": "No such cluster."}))
					return
				}
			case slack.InteractionTypeBlockActions:
				acts <- "press " + d.ActionCallback.BlockActions[0].ActionID + " " + d.User.ID
			default:
				acts <- string(d.Type)
			}
		}
		ackAll(sm, ev)
	})
	gate, thread := fillDemo(t, s)
	next := func(want string) {
		t.Helper()
		select {
		case got := <-acts:
			if got != want {
				t.Errorf("the app got %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the app never got %q", want)
		}
	}
	at := func(ts string) string { return `li[data-ts="` + ts + `"] ` }

	b.do(chromedp.Navigate(s.URL() + "?as=" + ann + "&channel=" + ops))
	b.until("document.querySelector('" + at(gate) + ".button.primary')")
	b.sees("body", "Ann Example", "Commit gate of devcluster", "scheduler-backup-2026-11-23-08-36", "4f0c2a91b7de", "3 replies", "@bob", "<nothing>", "you cannot approve it", "Only visible to you")
	b.shot("channel")
	b.click(at(thread) + "button.replies")
	b.until("document.querySelector('#thread svg')")
	b.sees("#thread", "<script>alert(1)</script> <!channel>", "mesos-log read, 3 of 3 hosts: same", "Tasks per backup", "Log of s1")
	b.shot("thread")

	b.click(at(gate) + ".button.primary")
	next("press approve " + ann)
	b.keys("#say", "/aurora status devcluster\r")
	next("command status devcluster")
	b.until("document.body.innerText.includes('on it: status devcluster')")
	b.click(at(thread) + ".button.danger")
	b.until("document.querySelector('#confirm[open] .danger')")
	b.shot("confirm")
	b.click("#confirm .danger")
	next("press abort " + ann)

	b.become(bob)
	b.until("document.querySelector('#modal[open]')")
	if strings.Contains(b.text("#main"), "you cannot approve it") {
		t.Error("Bob sees Ann's ephemeral note")
	}
	b.keys("#modal input[type=text]", "prod\r")
	b.until("document.querySelector('#modal').innerText.includes('required field')")
	b.click("#modal input[type=checkbox]")
	b.click("#modal [type=submit]")
	next("submit prod")
	b.until("document.querySelector('#modal').innerText.includes('No such cluster.')")
	b.shot("modal")
	b.until("(document.querySelector('#modal input[type=text]').value = '', true)")
	b.keys("#modal input[type=text]", "devcluster\r")
	next("submit devcluster")
	b.until("!document.querySelector('#modal').open")

	b.until("document.querySelectorAll('li script, li iframe').length === 0")
	b.become(ann)
	b.click("#direct button")
	b.until("document.querySelector('#home h3')")
	b.sees("#home", "Clusters", "devcluster")
	b.shot("home")
	b.click("#globals button")
	next("shortcut")
}

// The page answers by loopback names alone, and takes acts as JSON alone.
func TestPageIsNotReachedFromElsewhere(t *testing.T) {
	s := start(t, options())
	for host, want := range map[string]int{"127.0.0.1:80": 200, "localhost": 200, "[::1]:80": 200, "evil.example.com": http.StatusMisdirectedRequest} {
		req, err := http.NewRequest("GET", s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host, req.Close = host, true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, resp.StatusCode, want)
		}
	}
	if got, err := postText(s.URL()+"ui/act", `{"do":"say"}`); err != nil || got != http.StatusUnsupportedMediaType {
		t.Errorf("act as text: %d, %v", got, err)
	}
	if _, err := Start(t.Context(), Options{Addr: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "not loopback") {
		t.Errorf("Start on every address: %v", err)
	}
}
