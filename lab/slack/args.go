package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const maxBody = 4 << 20 // Bytes of one Web API call.

// args are the arguments of a call, whether they came as a form or as JSON.
type args map[string]any

// embedded are the arguments that a form carries as JSON in a string.
var embedded = map[string]bool{"blocks": true, "attachments": true, "metadata": true, "view": true, "files": true, "unfurls": true}

func readArgs(r *http.Request) (args, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	a := args{}
	switch kind {
	case "application/json":
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		if len(b) > 0 {
			if err := json.Unmarshal(b, &a); err != nil {
				return nil, fmt.Errorf("body: %w", err)
			}
		}
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return nil, fmt.Errorf("form: %w", err)
		}
		defer r.MultipartForm.RemoveAll()
	default:
		if err := r.ParseForm(); err != nil {
			return nil, fmt.Errorf("form: %w", err)
		}
	}
	for key, values := range r.Form {
		if _, there := a[key]; !there {
			a[key] = values[0]
		}
	}
	if kind == "application/json" {
		for key, values := range r.URL.Query() {
			a[key] = values[0]
		}
	}
	return a, nil
}

// str gives an argument as a string; numbers and flags are written out.
func (a args) str(key string) string {
	switch v := a[key].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return strings.Trim(string(raw(v)), `"`)
	}
}

func (a args) flag(key string) bool {
	b, _ := strconv.ParseBool(a.str(key))
	return b
}

func (a args) number(key string, otherwise int) int {
	if n, err := strconv.Atoi(a.str(key)); err == nil {
		return n
	}
	return otherwise
}

// json gives an argument that is JSON: itself, or within a string. Nil means
// that it was not given, or is empty.
func (a args) json(key string) json.RawMessage {
	switch v := a[key].(type) {
	case nil:
		return nil
	case string:
		if strings.TrimSpace(v) == "" {
			return nil
		}
		return json.RawMessage(v)
	default:
		return raw(v)
	}
}

// plain gives the arguments as one object: no token, and JSON in strings
// unfolded.
func (a args) plain() map[string]any {
	m := map[string]any{}
	for key, value := range a {
		if key == "token" {
			continue
		}
		if s, ok := value.(string); ok && embedded[key] {
			if v, err := decode([]byte(s)); err == nil {
				value = v
			}
		}
		m[key] = value
	}
	return m
}
