package bot

import (
	"context"
	"errors"
	"slices"

	"github.com/slack-go/slack"
)

// A verdict is what to do about an error of the Web API.
type verdict int

const (
	again  verdict = iota // Slack or the way to it: the same call may go through later. The call may have counted.
	later                 // As again, and it is certain that the call did not count.
	refit                 // Slack refuses the layout.
	gone                  // What was to be edited is not there any more.
	fatal                 // The bot itself is not let in: stop.
	refuse                // Slack refuses this call, whenever it comes.
)

var verdicts = map[verdict][]string{
	later: {"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"},
	again: {"internal_error", "fatal_error", "request_timeout"},
	refit: {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_attachments"},
	gone:  {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"},
	fatal: {"invalid_auth", "account_inactive", "not_authed", "token_revoked", "token_expired", "not_allowed_token_type", "org_login_required", "app_not_installed"},
}

// judge sorts an error of the Web API. Nil is never given.
func judge(err error) verdict {
	if _, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return later
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		switch {
		case status.Code >= 500 || status.Code == 408:
			return again
		case status.Code == 400:
			// A response URL says no more about blocks that it does not like.
			return refit
		}
		return refuse
	}
	code := slackCode(err)
	if code == "" {
		// No answer of Slack's: the net, a time limit, an answer cut in the middle.
		return again
	}
	for v, codes := range verdicts {
		if slices.Contains(codes, code) {
			return v
		}
	}
	return refuse
}

// slackCode is Slack's name for an error, "" if err is none of Slack's.
func slackCode(err error) string {
	if r, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return r.Err
	}
	// Opening a link gives the bare name.
	if text := err.Error(); slices.Contains(verdicts[fatal], text) {
		return text
	}
	return ""
}

// retry calls f until it goes through, ctx ends, or trying again is no use.
// Only for calls that do no harm when they count twice.
func retry(ctx context.Context, f func() error) error {
	wait := firstWait
	for {
		err := f()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if v := judge(err); v != again && v != later {
			return err
		}
		if pause(ctx, wait) != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
}
