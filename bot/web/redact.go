package web

import (
	"errors"
	"net/url"
	"strings"

	"aurorabot/runner/redact"
)

// A Redactor takes secrets out of what leaves the bot: [redact.Redactor] knows
// the tokens, and the addresses that are secrets themselves by their shape.
type Redactor struct{ *redact.Redactor }

// NewRedactor returns a Redactor over r that knows tokens. Nil: over one of its own.
func NewRedactor(r *redact.Redactor, tokens ...string) Redactor {
	if r == nil {
		r = &redact.Redactor{}
	}
	r.Know(tokens...)
	return Redactor{r}
}

// Err returns err with the same chain and a text without secrets. Of an HTTP
// error it leaves out the address.
func (r Redactor) Err(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		text := strings.ReplaceAll(err.Error(), u.URL, "[address]")
		return redact.Reworded(err, r.Text(text))
	}
	return r.Error(err)
}
