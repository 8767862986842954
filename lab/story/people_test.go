package story

import (
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// The people of the lab's workspace, by the names that the page shows.
const (
	ann = "U0ANN00001"
	bob = "U0BOB00001"
	dan = "U0DAN00001"
)

// become changes who sits in front of the page.
func (b tab) become(user string) {
	b.Helper()
	b.until("the people", "document.querySelector('#person option')")
	b.holds("(p => { p.value = `" + user + "`; p.dispatchEvent(new Event('change')); return true })(document.getElementById('person'))")
	b.until(user+" to be there", "new URL(location).searchParams.get('as') === `"+user+"`")
}

// types writes into the channel and sends it.
func (b tab) types(text string) {
	b.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#say"), text+"\r"))
}

// clicks clicks what stands at a place of the page. What is drawn anew between
// looking and clicking is looked for again.
func (b tab) clicks(css string) {
	b.Helper()
	var err error
	for range 10 {
		if err = chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(css))); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Fatalf("click %s: %v", css, err)
}

// message is an expression of the newest message of the channel that says all
// of these.
func message(says ...string) string {
	var all []string
	for _, s := range says {
		all = append(all, fmt.Sprintf("m.innerText.includes(%q)", s))
	}
	return "[...document.querySelectorAll('#messages li.message')].filter(m => " + strings.Join(all, " && ") + ").at(-1)"
}

// presses clicks a button of a message, as a person does: where it stands.
func (b tab) presses(label string, says ...string) {
	b.Helper()
	button := fmt.Sprintf("[...(%s)?.querySelectorAll('.actions .button') ?? []].find(x => x.innerText.startsWith(%q))", message(says...), label)
	b.until("the button "+label, button)
	b.holds("((x) => { document.querySelectorAll('[data-story]').forEach(y => delete y.dataset.story); x.dataset.story = 'here'; return true })(" + button + ")")
	b.clicks("[data-story=here]")
}

// approves presses the button that says what it does, and types the cluster's name into
// the modal.
func (b tab) approves(act string) {
	b.Helper()
	b.presses(act, act)
	b.until("the modal", "document.querySelector('#modal[open] input')")
	b.do(chromedp.SendKeys(chromedp.CSS("#modal input"), "lab"))
	b.clicks("#modal [type=submit]")
	b.until("the modal to close", "!document.querySelector('#modal').open")
}

// inWindow is an expression for the text of a message that stands within the
// window: what is not scrolled away.
func inWindow(says ...string) string { return within("scroll", message(says...)) }

// inThread is the same for what is shown of the thread.
func inThread(says string) string {
	return within("threadscroll", fmt.Sprintf("[...document.querySelectorAll('#replies li')].find(m => m.innerText.includes(%q))", says))
}

func within(room, element string) string {
	return `(m => {
	  const room = document.getElementById('` + room + `').getBoundingClientRect();
	  const seen = [];
	  const walk = document.createTreeWalker(m, NodeFilter.SHOW_TEXT);
	  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
	    const range = document.createRange();
	    range.selectNodeContents(n);
	    const box = range.getBoundingClientRect();
	    if (box.width && box.top >= room.top && box.bottom <= room.bottom) seen.push(n.data);
	  }
	  return seen.join(' ');
	})(` + element + `)`
}

// sees asserts that each of these stands in what an expression of the page gives.
func (b tab) sees(what, js string, want ...string) {
	b.Helper()
	// What is drawn last scrolls last.
	b.do(chromedp.Sleep(200 * time.Millisecond))
	got := b.read(js)
	for _, w := range want {
		if !strings.Contains(got, w) {
			b.Errorf("%s lacks %q where it can be seen:\n%s", what, w, got)
		}
	}
}

// scrollTo brings the end of a message into the window.
func (b tab) scrollTo(says ...string) {
	b.Helper()
	b.holds(message(says...) + ".scrollIntoView({block: 'end'}) || true")
}
