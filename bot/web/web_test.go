package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Verdict
	}{
		{errors.New("connection reset"), Again},
		{slack.StatusCodeError{Code: 503}, Again},
		{slack.StatusCodeError{Code: 400}, Refit},
		{slack.StatusCodeError{Code: 404}, Refuse},
		{&slack.RateLimitedError{RetryAfter: time.Second}, Later},
		{slack.SlackErrorResponse{Err: "invalid_blocks"}, Refit},
		{slack.SlackErrorResponse{Err: "message_not_found"}, Gone},
		{slack.SlackErrorResponse{Err: "token_revoked"}, Fatal},
		{errors.New("invalid_auth"), Fatal},
		{slack.SlackErrorResponse{Err: "not_in_channel"}, Refuse},
	} {
		if got := Judge(c.err); got != c.want {
			t.Errorf("%v: verdict %d, want %d", c.err, got, c.want)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A method that Slack limits is not called before its time; others are.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := true
		p := Patience(transport(func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if limited {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
			}
			limited = false
			return w.Result(), nil
		}), time.Now)
		took := func(method string) time.Duration {
			begun := time.Now()
			r, err := p.RoundTrip(httptest.NewRequest("POST", "https://slack.example/api/"+method, nil))
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			return time.Since(begun)
		}
		for n, c := range []struct {
			method string
			want   time.Duration
		}{{"chat.postMessage", 0}, {"chat.update", 0}, {"chat.postMessage", 7 * time.Second}, {"chat.postMessage", 0}} {
			if d := took(c.method); d != c.want {
				t.Errorf("call %d, of %s, waited %s, want %s", n, c.method, d, c.want)
			}
		}
	})
}

// No address and no token is in what leaves, and what it was is still known.
func TestErrorsKeepNoSecrets(t *testing.T) {
	r := NewRedactor(nil, "xoxb-canary-1234567890")
	cause := &url.Error{Op: "Post", URL: "https://hooks.example/secret-path", Err: errors.New("refused xoxb-canary-1234567890")}
	err := r.Err(cause)
	if s := err.Error(); strings.Contains(s, "secret-path") || strings.Contains(s, "canary") || !strings.Contains(s, "refused") {
		t.Errorf("the error says %q", s)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if r.Err(nil) != nil {
		t.Error("no error became one")
	}
}
