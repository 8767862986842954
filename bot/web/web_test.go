package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
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

// What refuses one call of a method refuses the bot where every bot may make the call;
// what passes by itself does not, and a word that nobody here knows may.
func TestBarred(t *testing.T) {
	for code, want := range map[string]bool{
		"missing_scope": true, "invalid_auth": true, "not_allowed_token_type": true, "access_denied": true,
		"internal_error": false, "ratelimited": false, "team_added_to_org": false, "brand_new_refusal": false,
	} {
		if got := Barred(slack.SlackErrorResponse{Err: code}); got != want {
			t.Errorf("%s: barred %v, want %v", code, got, want)
		}
	}
	if Barred(errors.New("connection reset")) || Barred(slack.StatusCodeError{Code: 404}) {
		t.Error("the network bars the bot")
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
		}), time.Now, slog.New(slog.DiscardHandler))
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

// An absurd Retry-After does not silence the bot, and is said in the log; the library,
// which goes by the header, is told the same.
func TestRetryAfterIsCapped(t *testing.T) {
	for said, want := range map[string]time.Duration{
		"7": 7 * time.Second, "120": 2 * time.Minute, "121": 2 * time.Minute, "86400": 2 * time.Minute,
		"9223372036854775807": 2 * time.Minute, "99999999999999999999999": 2 * time.Minute,
		"": time.Second, "0": time.Second, "-5": time.Second, "Wed, 21 Oct 2099 07:28:00 GMT": time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			p := Patience(transport(func(*http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				w.Header().Set("Retry-After", said)
				w.WriteHeader(http.StatusTooManyRequests)
				return w.Result(), nil
			}), time.Now, slog.New(slog.NewTextHandler(&log, nil)))
			call := func() string {
				r, err := p.RoundTrip(httptest.NewRequest("POST", "https://slack.example/api/chat.update", nil))
				if err != nil {
					t.Fatal(err)
				}
				r.Body.Close()
				return r.Header.Get("Retry-After")
			}
			if got := call(); got != strconv.Itoa(int(want/time.Second)) {
				t.Errorf("%q: the library is told %q", said, got)
			}
			begun := time.Now()
			call()
			if d := time.Since(begun); d != want {
				t.Errorf("%q: waited %s, want %s", said, d, want)
			}
			if capped := want == 2*time.Minute && said != "120"; strings.Contains(log.String(), "longer than the bot waits") != capped {
				t.Errorf("%q: the log says %q", said, log.String())
			}
		})
	}
}

// An answer without end ends at its bound.
func TestAnswersOfSlackAreBounded(t *testing.T) {
	endless := transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(boundtest.Endless("", "x"))}, nil
	})
	p := Patience(endless, time.Now, slog.New(slog.DiscardHandler))
	r, err := p.RoundTrip(httptest.NewRequest("POST", "https://slack.example/api/users.list", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if n, err := io.Copy(io.Discard, r.Body); n != MaxAnswer || !errors.Is(err, bound.ErrTooMuch) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A call whose time would be over before it may be made is refused at once, as Slack
// would refuse it: it says when to come again.
func TestPatienceWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := Patience(transport(func(*http.Request) (*http.Response, error) {
			calls++
			w := httptest.NewRecorder()
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return w.Result(), nil
		}), time.Now, slog.New(slog.DiscardHandler))
		for n, want := range []string{"60", "60", "50"} {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			r, err := p.RoundTrip(httptest.NewRequestWithContext(ctx, "POST", "https://slack.example/api/chat.update", nil))
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			if got := r.Header.Get("Retry-After"); r.StatusCode != http.StatusTooManyRequests || got != want || calls != 1 || time.Since(begun) > 0 {
				t.Errorf("call %d: %d, Retry-After %s after %s, %d calls; want %s at once, and one call of Slack", n, r.StatusCode, got, time.Since(begun), calls, want)
			}
			if n == 1 {
				time.Sleep(10 * time.Second)
			}
		}
	})
}
