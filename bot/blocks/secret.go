package blocks

import (
	"regexp"
	"slices"
	"strings"
)

// hidden stands where a secret was.
const hidden = "[secret]"

// secrets are what a host's output, a typed reason or a log line may hold and a
// channel must not. They are known by their shape alone: what hosts print is
// read by whoever wrote the step, but nobody reads all of it.
var secrets = []struct {
	hints []string // One of them is in every text that has the shape, in lower case: most texts have none, and are many.
	shape *regexp.Regexp
	with  string
}{
	{[]string{"xox", "xapp-"}, regexp.MustCompile(`\bxox[a-z]-[\w-]{6,}|\bxapp-[\w-]{6,}`), hidden},
	{[]string{"private key"}, regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`), hidden},
	// zk://user:password@host, and every other address of that form.
	{[]string{"://"}, regexp.MustCompile(`://[^\s/@:]+:[^\s/@]+@`), "://" + hidden + "@"},
	{[]string{"bearer ", "basic "}, regexp.MustCompile(`(?i)\b(bearer|basic) [\w.~+/-]{12,}=*`), "${1} " + hidden},
	// -zk_digest_credentials=user:password, PASSWORD='…', "token": "…".
	{[]string{"passw", "pass=", "secret", "token", "credential", "key"}, regexp.MustCompile(`(?i)((?:passwo?r?d|pass|secret|token|credentials?|api_?key)["']?(?:=|"\s*:\s*)["']?)[^\s"',;&\[][^\s"',;&]*`), "${1}" + hidden},
	// password: …, as in a file of settings.
	{[]string{"passw", "passphrase", "secret:"}, regexp.MustCompile(`(?i)((?:passwo?r?d|passphrase|secret)["']?\s*:\s+["']?)[^\s"',;&\[][^\s"',;&]*`), "${1}" + hidden},
}

// Redact takes out of s what looks like a secret.
func Redact(s string) string {
	low := strings.ToLower(s)
	for _, one := range secrets {
		if slices.ContainsFunc(one.hints, func(h string) bool { return strings.Contains(low, h) }) {
			s = one.shape.ReplaceAllString(s, one.with)
		}
	}
	return s
}
