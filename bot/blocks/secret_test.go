package blocks

import (
	"encoding/json"
	"strings"
	"testing"

	"aurorabot/handlers/view"
)

// What looks like a secret is in no message, wherever it came from; what only
// reads like one stays.
func TestNoSecretIsShown(t *testing.T) {
	const canary = "hunter2hunter2"
	for _, said := range []string{
		"xoxb-1-" + canary, "xapp-1-A-" + canary, "zk://aurora:" + canary + "@zk1:2181/aurora", "-zk_digest_credentials=aurora:" + canary,
		"Authorization: Bearer " + canary, "PASSWORD='" + canary + "'", `{"api_key": "` + canary + `"}`, "token=" + canary + "&x=1", "password: " + canary, `password: "` + canary + `"`,
		"-----BEGIN RSA PRIVATE KEY-----\n" + canary + "\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n" + canary,
	} {
		m := view.Message{
			Head: said, Lines: []string{said}, Fields: []view.Field{{Name: said, Value: said}}, Foot: said,
			Tasks: []view.Task{{Title: said, Detail: said}}, Tables: []view.Table{{Title: said, Rows: [][]string{{said}}}},
			Output: []view.Output{{Title: said, Text: said}, {Title: "long", Text: strings.Repeat(said+"\n", 500)}},
			Links:  []view.Link{{Label: said, URL: "https://example.org/"}},
		}
		check(t, m)
		l := Lay(m)
		all, err := json.Marshal([]any{l, Plain(m), Text(m), Whole(m), Modal(view.Action{Label: said, Ask: said, Type: "lab"}, m, "c")})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(all), canary) {
			t.Errorf("%q is shown", said)
		}
	}
	for _, said := range []string{"one token: the digest", "no password is asked for", "https://example.org:8081/a@b", "zk://zk1:2181,zk2:2181/aurora", "secret=", "a bearer of news"} {
		if got := Redact(said); got != said {
			t.Errorf("Redact(%q) = %q, want it as it is", said, got)
		}
	}
}
