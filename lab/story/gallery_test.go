package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"aurorabot/lab/script"
	"aurorabot/lab/slack"
)

// A told message is one of a golden file: what the bot says at a moment.
type told struct {
	At     string          `json:"at"`
	As     string          `json:"as"` // The same as at that moment.
	Text   string          `json:"text"`
	Blocks json.RawMessage `json:"blocks"`
}

// moment are the messages of a run at a moment.
func moment(t *testing.T, name string) []told {
	t.Helper()
	js, err := os.ReadFile(filepath.Join("..", "..", "handlers", "view", "testdata", "slack-"+name+".golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []told
	if err := json.Unmarshal(js, &list); err != nil {
		t.Fatal(err)
	}
	for i, one := range list {
		if one.As == "" {
			continue
		}
		for _, other := range moment(t, one.As) {
			if other.At == one.At {
				list[i] = other
			}
		}
	}
	return list
}

// posts has the sandbox show a message, as the bot would.
func posts(t *testing.T, s *slack.Server, m told, thread string) (ts string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"channel": script.Incidents, "text": m.Text, "blocks": m.Blocks, "thread_ts": thread})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL()+"chat.postMessage", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.BotToken())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		OK        bool
		Error, TS string
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || !answer.OK {
		t.Fatalf("%s: %v %+v", m.At, err, answer)
	}
	return answer.TS
}

// What no rehearsal comes to by itself, as it stands in the channel: a run that
// stopped, and one whose commit nobody knows of. State, cause and choice are in
// the window.
func TestGallery(t *testing.T) {
	b := tab{t, browser(t)}
	for _, of := range []struct {
		moment, picture, beside string // Beside: the message of the channel that goes with it.
		says, sees              []string
	}{
		{"stopped", "stopped", "channel/stop/1", []string{"stopped at: ", "Asked by", "Undo", "Resume"}, []string{"devcluster: stopped at: Stop all scheduler instances", "Since ", "exit status 1", "Nothing after this step was started", "puts back what this run changed", "looks again and continues", "Undo", "Resume"}},
		{"unknown", "unknown-commit", "channel/stop/1", []string{"the outcome of the commit is unknown", "Asked by", "Undo is not possible"}, []string{"unknown", "Nothing is sent again", "Undo is not possible", "Resume"}},
		{"denied", "denied", "channel/gate/commit", []string{"the commit gate was denied"}, []string{"No: ", "@cat", "The backup is older than the last deploy", "Approved by"}},
	} {
		opt := script.Workspace(nil)
		opt.PostPerSecond, opt.Tiers = 0, false
		s, err := slack.Start(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		status := ""
		for _, m := range moment(t, of.moment) {
			switch {
			case m.At == "status":
				status = posts(t, s, m, "")
			case m.At == of.beside:
				posts(t, s, m, "")
			case strings.HasPrefix(m.At, "thread/"):
				posts(t, s, m, status)
			}
		}
		b.do(chromedp.Navigate(s.URL()))
		b.become(bob)
		b.until("the message", message(of.says...))
		b.scrollTo(of.says...)
		b.sees(fmt.Sprintf("the run, %s,", of.moment), inWindow(of.says...), of.sees...)
		b.picture(of.picture)
	}
}
