package bot

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// A redactor takes secrets out of text that leaves the bot: tokens, and the
// addresses that are secrets themselves (response URLs, links, uploads).
type redactor []string

var secretShapes = regexp.MustCompile(`xox[a-z]+-[\w-]+|xapp-[\w-]+|(?:https?|wss?)://[^\s"]*/(?:commands|actions|services|link|upload)/[^\s"]*`)

func (r redactor) text(s string) string {
	for _, secret := range r {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return secretShapes.ReplaceAllString(s, "[secret]")
}

// err returns err with the same chain and a text without secrets. Of an HTTP
// error it leaves out the address.
func (r redactor) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = strings.ReplaceAll(text, u.URL, "[address]")
	}
	if clean := r.text(text); clean != err.Error() {
		return &redacted{clean, err}
	}
	return err
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

// Is and As look into the cause, but nothing that prints an error does.
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redacted) As(target any) bool   { return errors.As(e.err, target) }
