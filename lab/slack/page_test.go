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
	"github.com/chromedp/chromedp/kb"
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
	ctx, cancel3 := context.WithTimeout(ctx, 8*time.Minute) // The machine may have other work.
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
	for range 1200 { // A minute: the machine may have other work.
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
		case <-time.After(time.Minute):
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

// Everything that a recovery asks of a person can be done by the keyboard: it is
// seen where one is, focus goes into a modal and comes back, Escape closes, and
// what is said by looks is said in words to those who do not look.
func TestPageByKeyboard(t *testing.T) {
	b := tab{t, browser(t)}
	b.do(chromedp.EmulateViewport(1280, 800))
	opt := options()
	opt.AckWithin = 3 * time.Second
	s := start(t, opt)
	api := client(t, s)
	acts := make(chan string, 20)
	modal := slack.ModalViewRequest{Type: slack.VTModal, CallbackID: "c", Title: slack.NewTextBlockObject("plain_text", "Approve", false, false),
		Submit: slack.NewTextBlockObject("plain_text", "Approve", false, false), Close: slack.NewTextBlockObject("plain_text", "Cancel", false, false),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("typed", slack.NewTextBlockObject("plain_text", "Type lab to confirm", false, false), nil, slack.NewPlainTextInputBlockElement(nil, "typed"))}}}
	connect(t, s, api, func(sm *socketmode.Client, ev socketmode.Event) {
		if d, ok := ev.Data.(slack.InteractionCallback); ok {
			if d.Type == slack.InteractionTypeViewSubmission {
				if d.View.State.Values["typed"]["typed"].Value != "lab" {
					sm.Ack(*ev.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"typed": "This is not lab."}))
					return
				}
				acts <- "submitted"
			} else if _, err := api.OpenView(d.TriggerID, modal); err != nil {
				t.Error(err)
			}
		}
		ackAll(sm, ev)
	})
	s.Say(bob, ops, "", "are you there?")
	_, ts, err := api.PostMessage(ops, slack.MsgOptionText("gate", false), slack.MsgOptionBlocks(section("Commit?"), slack.NewActionBlock("acts", button("approve", "r1"))))
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(s.URL() + "?as=" + ann + "&channel=" + ops))
	gate := `li[data-ts="` + ts + `"]`
	b.until("document.querySelector('" + gate + " .button.primary')")
	press := func(key string) { t.Helper(); b.do(chromedp.KeyEvent(key)) }
	here := func(what, js string) {
		t.Helper()
		b.until("(" + js + ") === document.activeElement")
		if b.held("getComputedStyle(document.activeElement).outlineStyle === 'none' && !document.activeElement.closest('form#compose, form#reply')") {
			t.Errorf("%s: it is not seen where the keyboard is", what)
		}
	}

	// From the top, in the order in which one reads: who, where, what.
	press("\t")
	here("who one is", "document.getElementById('person')")
	press("\t")
	here("the channels", "document.querySelector('#channels button')")
	for range 12 {
		press("\t")
		if b.held("document.activeElement.matches('#messages li')") {
			break
		}
	}
	here("the first message", "document.querySelector('#messages li.message')")
	press(kb.ArrowDown)
	here("the gate", "document.querySelector('"+gate+"')")
	press("\t")
	here("its button", "document.querySelector('"+gate+" .button.primary')")

	// Into the modal, out of it by Escape, and back to the button.
	press("\r")
	b.until("document.querySelector('#modal[open]')")
	here("the modal's input", "document.querySelector('#modal input')")
	for range 6 { // Round and round, never out of it.
		press("\t")
		if !b.held("document.activeElement === document.body || document.querySelector('#modal').contains(document.activeElement)") {
			t.Fatal("the keyboard is behind the modal")
		}
	}
	press(kb.Escape)
	b.until("!document.querySelector('#modal').open")
	if len(s.Views(ann)) != 0 {
		t.Error("Escape closed the modal on the page alone")
	}
	here("the button again", "document.querySelector('"+gate+" .button.primary')")

	// A mistake is told at its input, and the input again by Enter.
	press(" ")
	b.until("document.querySelector('#modal[open]')")
	here("the modal's input", "document.querySelector('#modal input')")
	b.do(chromedp.KeyEvent("prod\r"))
	b.until("document.querySelector('#modal [role=alert]:not([hidden])')?.innerText === 'This is not lab.'")
	here("the input with the mistake", "document.querySelector('#modal input')")
	if !b.held("document.activeElement.getAttribute('aria-invalid') === 'true' && document.activeElement.getAttribute('aria-describedby').split(' ').some(id => document.getElementById(id)?.innerText === 'This is not lab.')") {
		t.Error("the mistake is not told with its input")
	}
	b.until("(document.activeElement.value = '', true)")
	b.do(chromedp.KeyEvent("lab\r"))
	select {
	case <-acts:
	case <-time.After(time.Minute):
		t.Fatal("Enter did not submit")
	}
	b.until("!document.querySelector('#modal').open")

	// Into a thread and out of it.
	b.until("(document.querySelector('" + gate + "').focus(), true)")
	press("\r")
	here("the reply", "document.getElementById('answer')")
	press(kb.Escape)
	here("the message that the thread hangs below", "document.querySelector('"+gate+"')")

	for what, js := range map[string]string{
		"the language":                        "document.documentElement.lang === 'en'",
		"the parts of the page":               "['nav[aria-label]', 'main', 'aside[aria-label]', '#messages[aria-live]', '#note[role=alert]', '#links[role=status]'].every(q => document.querySelector(q))",
		"every button's name":                 "[...document.querySelectorAll('button')].every(x => (x.getAttribute('aria-label') ?? x.textContent).trim())",
		"every input's name":                  "[...document.querySelectorAll('input, textarea, select')].every(x => x.labels?.length || x.getAttribute('aria-label'))",
		"the modal's name":                    "document.getElementById('modal').getAttribute('aria-labelledby') === 'modaltitle'",
		"pictures that only decorate":         "[...document.querySelectorAll('.avatar')].every(x => x.getAttribute('aria-hidden') === 'true')",
		"no order of its own for the tab key": "[...document.querySelectorAll('[tabindex]')].every(x => x.tabIndex <= 0)",
	} {
		if !b.held(js) {
			t.Errorf("for those who do not look: %s", what)
		}
	}
}

// held reports whether an expression of the page is true.
func (b tab) held(js string) bool {
	b.Helper()
	ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
	if err != nil {
		b.Fatal(err)
	}
	return ok
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
