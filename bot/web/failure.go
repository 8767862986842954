// Package web is what every call of Slack's Web API has to know: what to make
// of a refusal, when to try again, when not to call, and what to keep secret.
package web

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/slack-go/slack"
)

// How long to wait before trying again: doubled from the first to the longest.
const (
	FirstWait   = 500 * time.Millisecond
	LongestWait = 30 * time.Second
)

// A Verdict is what to do about an error of the Web API.
type Verdict int

// The verdicts.
const (
	Again  Verdict = iota // Slack or the way to it: the same call may go through later. The call may have counted.
	Later                 // As Again, and it is certain that the call did not count.
	Refit                 // Slack refuses the layout.
	Gone                  // What was to be edited is not there any more.
	Fatal                 // The bot itself is not let in: stop.
	Refuse                // Slack refuses this call, whenever it comes.
)

var verdicts = map[Verdict][]string{
	Later: {"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"},
	Again: {"internal_error", "fatal_error", "request_timeout"},
	Refit: {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_attachments"},
	Gone:  {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"},
	Fatal: {"invalid_auth", "account_inactive", "not_authed", "token_revoked", "token_expired", "not_allowed_token_type", "org_login_required", "app_not_installed"},
}

// Judge sorts an error of the Web API. Nil is never given.
func Judge(err error) Verdict {
	if _, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return Later
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		switch {
		case status.Code >= 500 || status.Code == 408:
			return Again
		case status.Code == 400:
			// A response URL says no more about blocks that it does not like.
			return Refit
		}
		return Refuse
	}
	code := Code(err)
	if code == "" {
		// No answer of Slack's: the net, a time limit, an answer cut in the middle.
		return Again
	}
	for v, codes := range verdicts {
		if slices.Contains(codes, code) {
			return v
		}
	}
	return Refuse
}

// Unheard reports whether err means that nobody answered at Slack's address: no name
// server, no connection, or one on which nothing came. Half an answer, a page of a
// proxy or somebody else's certificate is an answer.
func Unheard(err error) bool {
	op, network := errors.AsType[*net.OpError](err)
	_, name := errors.AsType[*net.DNSError](err)
	silence := []error{context.DeadlineExceeded, io.EOF, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE}
	return Code(err) == "" && (name || network && op.Op == "dial" || timeout(err) ||
		slices.ContainsFunc(silence, func(s error) bool { return errors.Is(err, s) }))
}

func timeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// barring are Slack's answers to a call that every bot may make (auth.test, and
// apps.connections.open with the app-level token) which stand until a person acts, beside
// the [Fatal] ones. Of any other call they refuse that call alone.
var barring = []string{"missing_scope", "no_permission", "access_denied", "team_access_not_granted", "enterprise_is_restricted", "two_factor_setup_required"}

// Barred reports whether err, of a call that every bot may make, means that Slack does
// not let the bot in until a person acts.
func Barred(err error) bool {
	return Judge(err) == Fatal || slices.Contains(barring, Code(err))
}

// Code is Slack's name for an error, "" if err is none of Slack's.
func Code(err error) string {
	if r, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return r.Err
	}
	// Opening a link gives the bare name.
	if text := err.Error(); slices.Contains(verdicts[Fatal], text) {
		return text
	}
	return ""
}

// Retry calls f until it goes through, ctx ends, or trying again is no use: Slack
// refuses, or limits it for longer than ctx lasts.
// Only for calls that do no harm when they count twice.
func Retry(ctx context.Context, f func() error) error {
	wait := FirstWait
	for {
		err := f()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if v := Judge(err); v != Again && v != Later {
			return err
		}
		limit, limited := errors.AsType[*slack.RateLimitedError](err)
		if by, ok := ctx.Deadline(); ok && limited && time.Until(by) < limit.RetryAfter {
			return err // Slack has said that it will not answer in time.
		}
		if Pause(ctx, wait) != nil {
			return err
		}
		wait = min(2*wait, LongestWait)
	}
}

// RetryTwice calls f at most three times, as long as trying again may help.
func RetryTwice(ctx context.Context, f func() error) error {
	n := 0
	var last error
	err := Retry(ctx, func() error {
		if n++; n > 3 {
			return nil
		}
		last = f()
		return last
	})
	if n > 3 {
		return last
	}
	return err
}

// Guard runs f. A panic in it is told to failed and ends there: the bot is in
// the middle of somebody's recovery, and Slack is the least part of it.
func Guard(failed func(p any), f func()) {
	defer func() {
		if p := recover(); p != nil {
			failed(p)
		}
	}()
	f()
}
