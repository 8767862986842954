package story

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A recovery from the first word to the end, by people who have nothing but the
// page: what they decide by stands in the window when they are asked.
func TestBrowserStory(t *testing.T) {
	b := tab{t, browser(t)}
	lab := perform(t, "--slow-start") // Else a phase may be over between two edits of the status.
	b.do(chromedp.Navigate(lab.URL))

	b.become(ann)
	b.asks(lab.Backup, "the state of the backup is wanted back")
	b.until("the start gate", message("Begin the outage?", "Begin the outage"))
	b.sees("the plan", inWindow("Begin the outage"), "lab", lab.Backup, "old", "Estimated loss", "Diagnosis", "Still needed", "1 more of sre", "Until", "the gate stays open", "steps on 3 hosts", "can be undone", "a requester's own approval does not count", "Deny")
	b.picture("plan")

	b.become(bob)
	b.approves("Begin the outage")
	seen := b.running(message("Confirm the assessment?", "Confirm assessment"))

	b.until("the assess gate", message("Confirm the assessment?", "Confirm assessment"))
	status := message("waits for approval at the assess gate")
	b.until("the thread with the evidence", "(document.querySelector('#thread[hidden]') && "+status+"?.querySelector('button.replies')?.click(), document.querySelector('#replies').innerText.includes('the damage is assessed'))")
	b.holds("[...document.querySelectorAll('#replies li')].find(m => m.innerText.includes('the damage is assessed')).scrollIntoView({block: 'start'}) || true")
	b.sees("the waiting status", "document.querySelector('#messages').innerText", "Still needed: 1 more of sre", "Until: ", "Once it is passed", "Nothing happens before")
	b.sees("the evidence", inThread("the damage is assessed"), "lab: the damage is assessed", "How sure", "tasks will be killed", "whole, VOTING and agree")
	b.picture("findings")
	b.clicks("#unthread")
	b.approves("Confirm assessment")

	b.until("the commit gate", message("Overwrite the replicated log", "Overwrite the log"))
	b.sees("the commit gate", inWindow("Overwrite the log"), "lab", lab.Backup, "old when this was asked",
		"tasks will be killed", "How sure", "1 job differs", "Cannot be undone", "Proved",
		"Still needed", "1 more of leads and 1 more of sre", "Until", "an approval counts for 30 min", "the gate ends", "digest", "Overwrite the log", "Deny")
	if !regexp.MustCompile(`digest [0-9a-f]{64}`).MatchString(b.read(inWindow("Overwrite the log"))) {
		t.Error("the digest is not in the window")
	}
	b.picture("commit-gate")

	b.direct()
	b.become(ann)
	b.presses("Overwrite the log", "Overwrite the log")
	b.until("the refusal", message("Only visible to you", "Refused: who asked"))
	b.sees("the refusal", inWindow("Only visible to you", "Refused: who asked"), "Only visible to you", "somebody else must", "Nothing was done", "audit")
	if b.holds("document.querySelector('#modal').open") {
		t.Error("ann is asked to type something, though she is refused")
	}
	b.picture("refused")
	b.become(bob)
	if strings.Contains(b.read("document.querySelector('#messages').innerText"), "Refused: who asked") {
		t.Error("bob sees what ann alone was told")
	}
	b.presses("Overwrite the log", "Overwrite the log")
	b.until("the modal", "document.querySelector('#modal[open] input')")
	b.sees("the question before a commit", within("modal", "document.getElementById('modal')"), "Type lab to confirm", "tasks will be killed", "Cannot be undone", "digest", "Cancel", "Overwrite the log")
	b.picture("approve")
	b.do(chromedp.SendKeys(chromedp.CSS("#modal input"), "lab"))
	b.clicks("#modal [type=submit]")
	b.until("the modal to close", "!document.querySelector('#modal').open")
	b.until("the first approval in the gate", message("Overwrite the log", "Approved by", "@bob for"))
	b.home()
	b.become(dan)
	b.approves("Overwrite the log")
	b.until("the gate to be passed", message("the commit gate was passed", "Yes: @bob, @dan"))
	if b.holds(message("the commit gate was passed") + ".querySelector('.actions .button')") {
		t.Error("the gate has buttons after the decision")
	}
	// A lab is quick: its first phases may be over between two edits of the status.
	if !seen && !b.running(message("recovered in", "outage at most")) {
		t.Error("the status never said what runs")
	}
	b.until("the end", message("recovered in", "Proof", "outage at most"))
	b.scrollTo("recovered in", "Commit approved by")
	b.sees("the end", inWindow("recovered in", "Commit approved by"), "lab: recovered in", "outage at most", "were to be killed", "Proof", lab.Backup, "@ann", "@bob", "@dan")
	b.picture("done")

	// Who has scrolled away and asks is shown the answer.
	b.holds("((s) => { s.scrollTop = 0; return true })(document.getElementById('scroll'))")
	b.types("/aurora version")
	b.until("the answer", message("Only visible to you", "aurorabot"))
	b.sees("the answer", inWindow("Only visible to you", "aurorabot"), "aurorabot")
}

// asks fills in the form that a command without cluster and backup opens.
func (b tab) asks(backup, reason string) {
	b.types("/aurora recover")
	b.until("the backups in the form", "document.querySelector(`#modal[open] [data-input=backup] option[value='"+backup+"']`)")
	b.holds("(s => { s.value = `" + backup + "`; s.dispatchEvent(new Event('change')); return true })(document.querySelector('#modal [data-input=backup] select'))")
	b.do(chromedp.SendKeys(chromedp.CSS("#modal textarea"), reason))
	b.sees("the form", within("modal", "document.getElementById('modal')"), "Recover", "Cluster", "Backup, newest first", "Why is the backup wanted?", "people approve before anything changes", "Make the plan")
	b.picture("recover-form")
	b.clicks("#modal [type=submit]")
	b.until("the form to close", "!document.querySelector('#modal').open")
}

// direct looks at the message by which an approver is led to the gate.
func (b tab) direct() {
	b.become(dan)
	b.clicks("#direct button")
	b.until("the app's place", "[...document.querySelectorAll('#tabs button')].some(x => x.innerText === 'Messages')")
	b.holds("[...document.querySelectorAll('#tabs button')].find(x => x.innerText === 'Messages').click() || true")
	b.until("the direct message", message("Overwrite the replicated log", "Open the gate"))
	b.sees("the direct message", inWindow("Overwrite the replicated log", "Open the gate"), "You may approve or deny it", "tasks will be killed", "Still needed", "1 more of leads and 1 more of sre", "Open the gate")
	if b.holds(message("Overwrite the replicated log", "Open the gate") + ".querySelector('.actions .button')") {
		b.Error("a direct message decides")
	}
	b.picture("approver")
	b.clicks("#channels button")
}

// running looks at the status while the run works; false if it came to the next
// thing before.
func (b tab) running(next string) bool {
	status := message("recovery runs, phase", "Next: ", "To stop it: Abort")
	b.until("what runs now", "("+status+" || "+next+")")
	if !b.holds(status) {
		return false
	}
	b.scrollTo("To stop it: Abort")
	b.sees("the running status", inWindow("To stop it: Abort"), "lab: recovery runs, phase", "Now, since ", "Next: ", "To stop it: Abort", "/aurora abort lab-", "last event")
	b.picture("running")
	return true
}

// home looks at App Home as somebody who is waited for.
func (b tab) home() {
	b.become(dan)
	b.clicks("#direct button")
	b.until("App Home's tab", "[...document.querySelectorAll('#tabs button')].some(x => x.innerText === 'Home')")
	b.holds("[...document.querySelectorAll('#tabs button')].find(x => x.innerText === 'Home').click() || true")
	b.until("App Home", "document.querySelector('#home').innerText.includes('Your approval is waited for')")
	b.until("the health of the cluster", "document.querySelector('#home').innerText.includes('newest valid backup')")
	b.sees("App Home", "document.querySelector('#home').innerText", "Open runs", "waits for approval at the commit gate", "Open it in its channel", "Clusters", "lab")
	b.picture("app-home")
	b.clicks("#channels button")
}
