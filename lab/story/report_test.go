package story

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// The report of backups as people see it: the truth first, then what to do, the
// chart and the hosts; the picture hangs below.
func TestReportStory(t *testing.T) {
	b := tab{t, browser(t)}
	lab := perform(t, "--backups", "truncated-newest")
	b.do(chromedp.Navigate(lab.URL))
	b.become(ann)
	b.types("/aurora report lab")
	says := []string{"the newest backup is truncated", "Restorable today"}
	b.until("the report", message(says...))
	if b.holds(message(says...) + ".innerText.includes(`password is required`)") {
		t.Error("the check asks for more than sudo allows")
	}
	b.scrollTo(says...)
	b.holds(message(says...) + ".scrollIntoView({block: 'start'}) || true")
	b.sees("the report", inWindow(says...), "lab: the newest backup is truncated or damaged", "the newest valid backup is 30 min", "warning backup-newest-damaged", "scheduler_backup_now",
		"Restorable today", "yes", "Newest valid", "Leader")
	if !b.holds(message(says...) + ".querySelector('figure.chart svg')") {
		t.Error("Slack's own chart is not in the message")
	}
	for _, host := range []string{"s1", "s2", "s3"} {
		if !b.holds("[..." + message(says...) + ".querySelectorAll('table tr')].some(r => r.innerText.startsWith('" + host + "'))") {
			t.Errorf("%s is not in the table", host)
		}
	}
	b.picture("report")
	b.until("the picture below", "("+message(says...)+"?.querySelector('button.replies')?.click(), document.querySelector('#replies').innerText.includes('report.png'))")
	b.do(chromedp.Click(chromedp.CSS("#unthread")))
}
