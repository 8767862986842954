// Package redact takes secrets out of text, in one place, before it is journaled,
// shown, logged or written to a file: those that the bot knows by heart (its
// tokens), and those that it knows by their shape, for a host's output may hold
// secrets that nobody told it of.
package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"aurorabot/runner"
)

// Left is what stands in a secret's place. It is a word, so that an address
// whose password was left out is still an address.
const Left = "REDACTED"

// name ends the names of flags, variables and headers whose values are secret.
const name = `[A-Za-z0-9_.-]*(?i:passw(?:or)?d|passphrase|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key)`

// value is one value, quoted or not. Escaped quotes are those of JSON in JSON.
const value = `(?:\\?"[^"\\]*\\?"|'[^']*'|[^\s"'\\,;&}\])]+)`

// A shape is how secrets look; keep is what of a match is no secret.
type shape struct {
	re   *regexp.Regexp
	keep string
}

var shapes = []shape{
	{regexp.MustCompile(`xox[a-z]+-[\w-]+|xapp-[\w-]+`), ""},
	{regexp.MustCompile(`((?:https?|wss?)://[^\s"\\]*/(?:commands|actions|services|link|upload)/)[^\s"\\]*`), "$1"},
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`), ""},
	{regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^\s/@"'\\]+:[^\s/@"'\\]+@`), "${1}" + Left + "@"},
	{regexp.MustCompile(`(?i)\b((?:authorization|proxy-authorization)["']?\s*[:=]\s*["']?(?:bearer|basic|digest|token)\s+)[^\s"'\\]+`), "$1"},
	{regexp.MustCompile(`(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{16,}`), "$1"},
	{regexp.MustCompile(`\b(` + name + `\\?["']?\s*[=:]\s*)` + value), "$1"},
	{regexp.MustCompile(`(--?` + name + `\s+)[^\s"'\\-]` + value), "$1"},
	{regexp.MustCompile(`(?i)(\b(?:addauth|scheme[=: ]+"?)\s*digest"?\s+|\bdigest:)[^\s:"'\\]+:[^\s"'\\,]+`), "$1"},
	{regexp.MustCompile(`\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b`), ""},
}

// harmless are values that stand behind such names and are none: the kind of a
// mechanism, a file, an answer.
var harmless = regexp.MustCompile(`(?i)^["'\\]*(?:` + Left + `|true|false|yes|no|none|null|nil|\(not(?: set\))?|/[\w./-]+|\d{1,6}|)["'\\]*$`)

// A Redactor knows secrets. The zero value knows their shapes only. It is safe
// for concurrent use.
type Redactor struct {
	mu    sync.RWMutex
	known []string
}

// Know adds secrets to those that are known. Those of less than eight bytes are
// not taken: they would be found in everything.
func (r *Redactor) Know(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if s = strings.TrimSpace(s); len(s) >= 8 {
			r.known = append(r.known, s, url.QueryEscape(s))
		}
	}
}

// Text returns s without secrets.
func (r *Redactor) Text(s string) string {
	r.mu.RLock()
	for _, secret := range r.known {
		s = strings.ReplaceAll(s, secret, Left)
	}
	r.mu.RUnlock()
	for _, sh := range shapes {
		s = sh.re.ReplaceAllStringFunc(s, func(match string) string {
			kept := ""
			if sh.keep != "" {
				at := sh.re.FindStringSubmatchIndex(match)
				kept = string(sh.re.ExpandString(nil, sh.keep, match, at))
				if rest := strings.TrimPrefix(match, strings.TrimSuffix(kept, Left+"@")); harmless.MatchString(rest) {
					return match
				}
				if strings.HasSuffix(sh.keep, "@") {
					return kept
				}
			}
			return kept + Left
		})
	}
	return s
}

// JSON returns a document without secrets in its strings. What is no JSON is
// taken for text.
func (r *Redactor) JSON(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return raw
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		quoted, _ := json.Marshal(r.Text(string(raw))) // A string always encodes.
		return quoted
	}
	clean, changed := r.walk("", v)
	if !changed {
		return raw
	}
	out, err := json.Marshal(clean)
	if err != nil {
		quoted, _ := json.Marshal(r.Text(string(raw)))
		return quoted
	}
	return out
}

var secretName = regexp.MustCompile(`^` + name + `$`)

// walk redacts the strings of a decoded document; key is the name that v has.
func (r *Redactor) walk(key string, v any) (any, bool) {
	changed := false
	switch v := v.(type) {
	case string:
		if secretName.MatchString(key) && !harmless.MatchString(v) {
			return Left, true
		}
		clean := r.Text(v)
		return clean, clean != v
	case []any:
		for i := range v {
			clean, c := r.walk(key, v[i])
			v[i], changed = clean, changed || c
		}
		return v, changed
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			clean, c := r.walk(k, e)
			name := r.Text(k)
			out[name], changed = clean, changed || c || name != k
		}
		return out, changed
	}
	return v, false
}

// Event returns e without secrets.
func (r *Redactor) Event(e runner.Event) runner.Event {
	e.Why = r.Text(e.Why)
	e.Receipt, e.Facts, e.Data = r.JSON(e.Receipt), r.JSON(e.Facts), r.JSON(e.Data)
	return e
}

// Error returns err with the same chain and a text without secrets.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	if text := r.Text(err.Error()); text != err.Error() {
		return Reworded(err, text)
	}
	return err
}

// Reworded returns err with the same chain and another text.
func Reworded(err error, text string) error { return &clean{text, err} }

type clean struct {
	text string
	err  error
}

func (e *clean) Error() string { return e.text }

// Is and As look into the cause, but nothing that prints an error does.
func (e *clean) Is(target error) bool { return errors.Is(e.err, target) }
func (e *clean) As(target any) bool   { return errors.As(e.err, target) }

// Attr is for [slog.HandlerOptions]: no line of a log holds a secret.
func (r *Redactor) Attr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		if secretName.MatchString(a.Key) && !harmless.MatchString(v.String()) {
			return slog.String(a.Key, Left)
		}
		return slog.String(a.Key, r.Text(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, r.Text(err.Error()))
		}
		return slog.String(a.Key, r.Text(v.String()))
	}
	return a
}

// Strings redacts all strings that v, a pointer, leads to.
func (r *Redactor) Strings(v any) { r.strings(reflect.ValueOf(v), 0) }

// deep bounds how far Strings follows what points to itself.
const deep = 64

func (r *Redactor) strings(v reflect.Value, depth int) {
	if depth > deep {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.strings(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			r.strings(v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			r.strings(v.Index(i), depth+1)
		}
	case reflect.String:
		if clean := r.Text(v.String()); v.CanSet() && clean != v.String() {
			v.SetString(clean)
		}
	}
}
