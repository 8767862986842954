package bot

import (
	"errors"
	"net/url"
	"strings"

	"aurorabot/runner/redact"
)

// A redactor takes secrets out of what leaves the bot: [redact.Redactor] knows
// the tokens, and the addresses that are secrets themselves by their shape.
type redactor struct{ *redact.Redactor }

func newRedactor(r *redact.Redactor, tokens ...string) redactor {
	if r == nil {
		r = &redact.Redactor{}
	}
	r.Know(tokens...)
	return redactor{r}
}

func (r redactor) text(s string) string { return r.Text(s) }

// err returns err with the same chain and a text without secrets. Of an HTTP
// error it leaves out the address.
func (r redactor) err(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		text := strings.ReplaceAll(err.Error(), u.URL, "[address]")
		return &redacted{r.Text(text), err}
	}
	return r.Error(err)
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

// Is and As look into the cause, but nothing that prints an error does.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redacted) As(target any) bool   { return errors.As(e.err, target) }
